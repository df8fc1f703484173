/* thread.h: a team of threads that run one function together and meet at barriers.
 * A step of the engine is one team_run: every member runs the same code, ops split their work by member, and members
 * call member_sync where data crosses. Work of some size is dealt: what a member that is not running had not begun, the
 * others do. Waiting spins a little, then sleeps in the kernel, so that a preempted or oversubscribed machine still
 * makes progress. */
#ifndef OSSO_BASE_THREAD_H
#define OSSO_BASE_THREAD_H

#include "osso/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct team;

/* One thread's place in a team. n == 1 with team == NULL is a valid serial member. */
struct member {
    int id, n;
    struct team *team;
};

/* n_threads >= 1, the caller's own thread counted. A team runs one function at a time, from one caller at a time. */
enum osso_status team_create(int n_threads, struct team **team_out, struct osso_error *err);
void team_free(struct team *team); /* NULL is fine */
int team_threads(const struct team *team);

/* Equals: for (id = 0; id < n; id++) fn({id, n, team}, arg), all at the same time; the caller is member 0. */
void team_run(struct team *team, void (*fn)(const struct member *member, void *arg), void *arg);

/* Returns when every member of the team has called it; writes before it are seen by all members after it. */
void member_sync(const struct member *member);

/* The half-open share [*lo, *hi) of `count` items for this member: contiguous, in member order, sizes differ by at
 * most 1. */
static inline void member_share(const struct member *member, int64_t count, int64_t *lo, int64_t *hi)
{
    *lo = count * member->id / member->n;
    *hi = count * (member->id + 1) / member->n;
}

/* Work for whoever has time. After every member has called member_deal (all of them deal the same things in the same
 * order), items 0 .. count - 1 are handed out, each to one member: of its own share (member_share's) from the front,
 * and when that is done, of the others' shares from their ends. A member that was preempted, or a slower core, simply
 * does less; a serial member takes all. No bit of a result may depend on who gets what. */
struct deal {
    uint32_t number; /* which of the team's deals */
    int64_t at, end; /* taken, and not handed out yet */
};
struct deal member_deal(const struct member *member);

/* Items [lo, hi). */
struct stint {
    int64_t lo, hi;
    bool follows; /* it begins where this member's last one ended */
    bool goes_on; /* this member's next one will probably begin where it ends */
};
/* Half of what is left of a share, at least `least` items unless there are fewer: large runs first, so that a stream of
 * weights stays one, and small ones at last, so that nobody waits for long. False: there are none left, though others
 * may still work on theirs. */
bool member_take(const struct member *member, struct deal *deal, int64_t count, int64_t least, struct stint *run_out);
/* The same, item by item, for items that are work enough each; -1: none left. They come in no order. */
int64_t member_claim(const struct member *member, struct deal *deal, int64_t count);

/* CPUs this process may use, at least 1: its affinity, cut by the quotas of its control groups. */
int cpu_count(void);
/* "AMD EPYC 9B45 (family 26, model 2)": from /proc/cpuinfo or the like; written into text. */
void cpu_name(char *text, size_t size);

#endif
