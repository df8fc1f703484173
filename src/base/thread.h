/* thread.h: a pool of threads that run one function together and meet at barriers.
 * A step of the engine is one pool_run: every lane runs the same code, ops split their work by lane, and lanes
 * call lane_sync where data crosses. Waiting spins a little, then sleeps in the kernel, so that a preempted or
 * oversubscribed machine still makes progress. */
#ifndef OSSO_BASE_THREAD_H
#define OSSO_BASE_THREAD_H

#include "osso/status.h"

#include <stddef.h>
#include <stdint.h>

struct pool;

/* One thread's place in a team. n == 1 with pool == NULL is a valid serial lane. */
struct lane {
    int id, n;
    struct pool *pool;
};

/* n_threads >= 1, the caller's own thread counted. A pool runs one function at a time, from one caller at a time. */
enum osso_status pool_create(int n_threads, struct pool **pool_out, struct osso_error *err);
void pool_free(struct pool *pool); /* NULL is fine */
int pool_threads(const struct pool *pool);

/* Equals: for (id = 0; id < n; id++) fn({id, n, pool}, arg), all at the same time; the caller is lane 0. */
void pool_run(struct pool *pool, void (*fn)(const struct lane *lane, void *arg), void *arg);

/* Returns when every lane of the team has called it; writes before it are seen by all lanes after it. */
void lane_sync(const struct lane *lane);

/* The half-open share [*lo, *hi) of `count` items for this lane: contiguous, in lane order, sizes differ by at most 1. */
static inline void lane_share(const struct lane *lane, int64_t count, int64_t *lo, int64_t *hi)
{
    *lo = count * lane->id / lane->n;
    *hi = count * (lane->id + 1) / lane->n;
}

/* Work for whoever has time. After every lane has called lane_deal (all of them deal the same things in the same order),
 * lane_claim hands out the items 0 .. count - 1, ascending, each to one lane, and -1 when none is left. A lane that was
 * preempted, or a slower core, simply takes fewer. For teams of more than one. */
void lane_deal(const struct lane *lane);
int64_t lane_claim(const struct lane *lane, int64_t count);

/* CPUs this process may use, at least 1. */
int cpu_count(void);
/* "AMD EPYC 9B45 (family 26, model 2)": from /proc/cpuinfo or the like; written into text. */
void cpu_name(char *text, size_t size);

#endif
