/* ceiling.h: what this machine can do at most, measured, so that a speed can be stated as a share of it. */
#ifndef OSSO_BENCH_CEILING_H
#define OSSO_BENCH_CEILING_H

#include "base/thread.h"

#include <stddef.h>
#include <stdint.h>

/* Runs fn on every member; returns the largest CPU time of a member in seconds. On an idle machine that is the time it
 * took; on a busy one it leaves out the waiting for a CPU, so that shares of a ceiling stay comparable. fn must not
 * sync. */
double ceiling_time(struct team *team, void (*fn)(const struct member *member, void *arg), void *arg);

/* Reads data[0 .. bytes), 16-byte aligned, once with all threads of the team, each its own part; returns bytes per
 * second of this one pass (by ceiling_time). Give it more than the caches hold; memory that was never written is one
 * shared page of zeros and lies. */
double ceiling_read(struct team *team, const uint8_t *data, size_t bytes);

/* int8 operations per second (a multiply and an add are two) of the integer dot instruction that backend `isa` uses,
 * with all threads, from registers, about 50 ms long. 0 when that ISA has none. */
double ceiling_int8(struct team *team, const char *isa);
/* The same of FMAs of f32, and of products of bf16 that are summed in f32 (by FMA where there is no instruction for
 * them). */
double ceiling_f32(struct team *team, const char *isa);
double ceiling_bf16(struct team *team, const char *isa);

#endif
