/* cgroup.h: what the control groups of this process leave it: CPU time and memory. Version 1 and 2, the process's own
 * groups and every group above them, since the tightest counts. */
#ifndef OSSO_BASE_CGROUP_H
#define OSSO_BASE_CGROUP_H

#include <stdint.h>

/* CPUs' worth of time, rounded up, at least 1; INT_MAX without a quota. `root` is "" but in tests, which give a folder
 * with made-up proc/ and sys/. */
int cgroup_cpus(const char *root);
/* Bytes until the tightest limit (mapped files, which make room when it is needed, count as free); UINT64_MAX
 * without a limit. */
uint64_t cgroup_memory(const char *root);
/* The same with the swap that the groups allow (the system may have less). */
uint64_t cgroup_memory_and_swap(const char *root);

#endif
