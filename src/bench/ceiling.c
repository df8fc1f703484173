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
/* One file each; `ops` is what a round computes. */
void ceiling_dots__avx2(int64_t rounds);
void ceiling_dots__avx512vnni(int64_t rounds);
static const struct dots { const char *isa; void (*fn)(int64_t rounds); double ops; } all_dots[] = {
    {"avx2", ceiling_dots__avx2, 12 * 64},
    {"avx512vnni", ceiling_dots__avx512vnni, 16 * 128},
};

struct dot_work {
    const struct dots *dots;
    int64_t rounds;
};

static void dot_part(const struct lane *lane, void *arg)
{
    const struct dot_work *work = arg;
    (void)lane;
    work->dots->fn(work->rounds);
}

double ceiling_int8(struct pool *pool, const char *isa)
{
    struct dot_work work = {NULL, 20000000 / pool_threads(pool)};
    for (size_t i = 0; i < sizeof all_dots / sizeof all_dots[0]; i++)
        if (strcmp(isa, all_dots[i].isa) == 0)
            work.dots = &all_dots[i];
    if (!work.dots)
        return 0;
    double seconds = ceiling_time(pool, dot_part, &work);
    return (double)work.rounds * pool_threads(pool) * work.dots->ops / seconds;
}
#else
double ceiling_int8(struct pool *pool, const char *isa)
{
    (void)pool, (void)isa;
    return 0;
}
#endif
