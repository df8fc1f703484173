/* ceiling.c: see ceiling.h. */
#include "bench/ceiling.h"

#include <stdatomic.h>
#include <string.h>
#include <time.h>

struct timed {
    void (*fn)(const struct lane *, void *);
    void *arg;
    _Atomic int64_t most_ns;
};

static int64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void timed_lane(const struct lane *lane, void *arg)
{
    struct timed *timed = arg;
    int64_t start = cpu_ns();
    timed->fn(lane, timed->arg);
    int64_t took = cpu_ns() - start, most = timed->most_ns;
    while (took > most && !atomic_compare_exchange_weak(&timed->most_ns, &most, took))
        ;
}

double ceiling_time(struct pool *pool, void (*fn)(const struct lane *, void *), void *arg)
{
    struct timed timed = {.fn = fn, .arg = arg};
    pool_run(pool, timed_lane, &timed);
    return (double)timed.most_ns * 1e-9;
}

struct read_work {
    const uint8_t *data;
    size_t bytes;
    volatile uint64_t sink; /* so that the loads are not removed */
};

enum { LINE = 64, STEP = 4 * LINE, AHEAD = 4096 };

/* 16 bytes at a time on every CPU; the four sums stay in registers. */
typedef uint64_t words __attribute__((vector_size(16), may_alias));

static void read_part(const struct lane *lane, void *arg)
{
    struct read_work *work = arg;
    int64_t lo, hi;
    words a = {0}, b = {0}, c = {0}, d = {0};
    lane_share(lane, (int64_t)(work->bytes / STEP), &lo, &hi);
    for (const uint8_t *p = work->data + lo * STEP, *end = work->data + hi * STEP; p < end; p += LINE) {
        const words *line = (const words *)p;
        __builtin_prefetch(p + AHEAD);
        a ^= line[0];
        b ^= line[1];
        c ^= line[2];
        d ^= line[3];
    }
    a = (a ^ b) ^ (c ^ d);
    work->sink = a[0] ^ a[1];
}

double ceiling_read(struct pool *pool, const uint8_t *data, size_t bytes)
{
    struct read_work work = {data, bytes, 0};
    return (double)(bytes / STEP * STEP) / ceiling_time(pool, read_part, &work);
}

#if defined(__x86_64__)
/* ceiling__avx512vnni.c */
void ceiling_dots__avx512vnni(int64_t rounds);
enum { DOTS_PER_ROUND = 16, OPS_PER_DOT = 128 };

static void dot_part(const struct lane *lane, void *arg)
{
    (void)lane;
    ceiling_dots__avx512vnni(*(const int64_t *)arg);
}

double ceiling_int8(struct pool *pool, const char *isa)
{
    int64_t rounds = 20000000 / pool_threads(pool);
    if (strcmp(isa, "avx512vnni") != 0)
        return 0;
    double seconds = ceiling_time(pool, dot_part, &rounds);
    return (double)rounds * pool_threads(pool) * DOTS_PER_ROUND * OPS_PER_DOT / seconds;
}
#else
double ceiling_int8(struct pool *pool, const char *isa)
{
    (void)pool, (void)isa;
    return 0;
}
#endif
