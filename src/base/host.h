/* host.h: what a machine lets a process have: CPUs, memory, large pages, and the file system of a folder. */
#ifndef OSSO_BASE_HOST_H
#define OSSO_BASE_HOST_H

#include <stdbool.h>
#include <stdint.h>

/* UINT64_MAX: no limit, or nobody says. */
struct host {
    int cpus_online, cpus_allowed; /* there are; by this process's affinity */
    int cpus_quota;                /* by its control groups, rounded up; 0: no quota */
    uint64_t memory, swap_free;    /* of the machine */
    uint64_t group;                /* left by the control groups */
    uint64_t address_space;        /* left by RLIMIT_AS, which mapped files count towards */
    char huge_pages[16];           /* "always", "madvise", "never"; "": nobody says */
};
/* `root` is "" but in tests, which give a folder with made-up proc/ and sys/. */
void host_look(const char *root, struct host *host_out);

/* CPUs by this process's affinity, at least 1. */
int host_cpus(void);

struct volume {
    char type[32];  /* "ext4"; "": nobody says */
    bool there;     /* the folder is; else all is about the nearest one above it that is */
    bool writable;  /* a file can be made in it */
    int maps;       /* can a file there be mapped? -1: not tried, since none can be made */
    bool remote;    /* on another machine */
    bool in_memory; /* what lies there takes memory */
    uint64_t left;  /* bytes */
};
/* Nothing stays behind: a file without a name is tried. */
void volume_look(const char *root, const char *folder, struct volume *volume_out);

#endif
