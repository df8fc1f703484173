/* ceiling.c: see ceiling.h. */
#include "measure/ceiling.h"

#include <stdatomic.h>
#include <string.h>
#include <time.h>

struct timed {
    void (*fn)(const struct member *, void *);
    void *arg;
    _Atomic int64_t most_ns;
};

static int64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void timed_member(const struct member *member, void *arg)
{
    struct timed *timed = arg;
    int64_t start = cpu_ns();
    timed->fn(member, timed->arg);
    int64_t took = cpu_ns() - start, most = timed->most_ns;
    while (took > most && !atomic_compare_exchange_weak(&timed->most_ns, &most, took))
        ;
}

double ceiling_time(struct team *team, void (*fn)(const struct member *, void *), void *arg)
{
    struct timed timed = {.fn = fn, .arg = arg};
    team_run(team, timed_member, &timed);
    return (double)timed.most_ns * 1e-9;
}

struct read_work {
    const uint8_t *data;
    size_t bytes;
    _Atomic uint64_t sink; /* so that the loads are not removed */
};

enum { LINE = 64, STEP = 4 * LINE, AHEAD = 4096 };

/* 16 bytes at a time on every CPU; the four sums stay in registers. */
typedef uint64_t words __attribute__((vector_size(16), may_alias));

static void read_part(const struct member *member, void *arg)
{
    struct read_work *work = arg;
    int64_t lo, hi;
    words a = {0}, b = {0}, c = {0}, d = {0};
    member_share(member, (int64_t)(work->bytes / STEP), &lo, &hi);
    for (const uint8_t *p = work->data + lo * STEP, *end = work->data + hi * STEP; p < end; p += LINE) {
        const words *line = (const words *)p;
        __builtin_prefetch(p + AHEAD);
        a ^= line[0];
        b ^= line[1];
        c ^= line[2];
        d ^= line[3];
    }
    a = (a ^ b) ^ (c ^ d);
    work->sink ^= a[0] ^ a[1];
}

double ceiling_read(struct team *team, const uint8_t *data, size_t bytes)
{
    struct read_work work = {.data = data, .bytes = bytes};
    return (double)(bytes / STEP * STEP) / ceiling_time(team, read_part, &work);
}

/* X(isa, whose loop, operations of a round): a file ceiling__<isa>.c has the loops of what its instruction set has. */
#if defined(__x86_64__)
#define DOTS(X)                                                                                                        \
    X(avx2, avx2, 12 * 64)                                                                                             \
    X(avx512vnni, avx512vnni, 16 * 128) X(avx512bf16, avx512vnni, 16 * 128) X(amx, amx, 16 * 16 * 64 * 2)
#define FMAS(X)                                                                                                        \
    X(avx2, avx2, 12 * 16)                                                                                             \
    X(avx512vnni, avx512vnni, 16 * 32) X(avx512bf16, avx512vnni, 16 * 32) X(amx, avx512vnni, 16 * 32)
#define PAIRS(X) X(avx512bf16, avx512bf16, 16 * 64) X(amx, amx, 16 * 16 * 32 * 2)
void ceiling_dots__avx2(int64_t rounds);
void ceiling_dots__avx512vnni(int64_t rounds);
void ceiling_dots__amx(int64_t rounds);
void ceiling_fmas__avx2(int64_t rounds);
void ceiling_fmas__avx512vnni(int64_t rounds);
void ceiling_pairs__avx512bf16(int64_t rounds);
void ceiling_pairs__amx(int64_t rounds);
#elif defined(__aarch64__)
#define DOTS(X) X(dotprod, dotprod, 16 * 32) X(i8mm, i8mm, 16 * 64)
#define FMAS(X)
#define PAIRS(X)
void ceiling_dots__dotprod(int64_t rounds);
void ceiling_dots__i8mm(int64_t rounds);
#else
#define DOTS(X)
#define FMAS(X)
#define PAIRS(X)
#endif

struct loop_work {
    void (*fn)(int64_t rounds);
    double ops; /* of a round */
    int64_t rounds;
};

static void loop_part(const struct member *member, void *arg)
{
    const struct loop_work *work = arg;
    (void)member;
    work->fn(work->rounds);
}

static double run_loop(struct team *team, struct loop_work work)
{
    work.rounds = 20000000 / team_threads(team);
    if (!work.fn)
        return 0;
    return (double)work.rounds * team_threads(team) * work.ops / ceiling_time(team, loop_part, &work);
}

#define PICK(kind, name, whose, ops_)                                                                                  \
    if (strcmp(isa, #name) == 0)                                                                                       \
        work = (struct loop_work){ceiling_##kind##__##whose, ops_, 0};
#define PICK_DOTS(name, whose, ops) PICK(dots, name, whose, ops)
#define PICK_FMAS(name, whose, ops) PICK(fmas, name, whose, ops)
#define PICK_PAIRS(name, whose, ops) PICK(pairs, name, whose, ops)

double ceiling_int8(struct team *team, const char *isa)
{
    struct loop_work work = {0};
    DOTS(PICK_DOTS)
    return run_loop(team, work);
}

double ceiling_f32(struct team *team, const char *isa)
{
    struct loop_work work = {0};
    FMAS(PICK_FMAS)
    return run_loop(team, work);
}

double ceiling_bf16(struct team *team, const char *isa)
{
    struct loop_work work = {0};
    PAIRS(PICK_PAIRS)
    return work.fn ? run_loop(team, work) : ceiling_f32(team, isa);
}
