/* thread.c: the team. Workers sleep on `generation`; a barrier is a counter and a phase number. */
#define _GNU_SOURCE
#include "base/thread.h"

#include "base/cgroup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/host.h"
#include "base/mem.h"
#include "base/must.h"

#include <limits.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#if defined(__linux__)
#include <linux/futex.h>
#include <sys/syscall.h>
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* MAX_SPIN: nanoseconds. A member that sleeps takes about as long to come back, where others want its CPU a hundred
 * times as long; a longer wait is for one that is not running, since work that it had not begun is done by now. */
enum { MAX_SPIN = 50000, LINE = 128 };

struct worker {
    _Alignas(LINE) struct team *team;
    pthread_t thread;
    int id;
    uint32_t deal;                        /* the one that this member is at */
    _Alignas(LINE) _Atomic uint64_t left; /* of this member's share of the newest deal that anybody takes from */
    atomic_uint at;                       /* the phase that its last barrier ends with */
    atomic_int cpu;                       /* where it ran a moment ago; -1: nobody knows */
};

/* A number that only grows, and how many threads sleep until it does: with nobody asleep, raising it is free. */
struct event {
    _Alignas(LINE) atomic_uint value;
    atomic_uint sleepers;
};

struct team {
    struct event generation;            /* raised by team_run; workers wait for it */
    struct event phase;                 /* raised by the last member to arrive at a barrier */
    _Alignas(LINE) atomic_uint arrived; /* members at the current barrier */
    _Alignas(LINE) int n;
    int64_t max_spin;
    atomic_bool stop;
    void (*fn)(const struct member *, void *);
    void *arg;
    int started;
    struct worker *workers;
};

static void relax(void)
{
#if defined(__x86_64__)
    _mm_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* Sleeps while *word == seen; may wake for no reason. */
static void sleep_on(atomic_uint *word, unsigned seen)
{
#if defined(__linux__)
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
#else
    (void)word, (void)seen;
    sched_yield();
#endif
}

static void wake_all(atomic_uint *word)
{
#if defined(__linux__)
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
#else
    (void)word;
#endif
}

static void note_cpu(struct worker *w)
{
#if defined(__linux__)
    atomic_store_explicit(&w->cpu, sched_getcpu(), memory_order_relaxed);
#else
    (void)w;
#endif
}

/* Is a member that has not come to this barrier's end waiting for this one's CPU? */
static bool in_the_way(const struct worker *w)
{
    const struct team *team = w->team;
    unsigned at = atomic_load_explicit(&w->at, memory_order_relaxed);
    int cpu = atomic_load_explicit(&w->cpu, memory_order_relaxed);
    for (int i = 0; i < team->n && cpu >= 0; i++)
        if (atomic_load_explicit(&team->workers[i].at, memory_order_relaxed) != at &&
            atomic_load_explicit(&team->workers[i].cpu, memory_order_relaxed) == cpu)
            return true;
    return false;
}

/* Waits until the value is not `seen`. Spinning pays while the others are running, for a CPU that is given away comes
 * back late, and only then: never when the one that is waited for needs this CPU, nor for long. */
static unsigned event_wait(struct event *e, unsigned seen, const struct worker *w)
{
    enum { AT_ONCE = 32 }; /* the clock costs some spins itself */
    int64_t end = w->team->max_spin > 0 ? clock_ns() + w->team->max_spin : 0;
    unsigned now;
    do {
        for (int i = 0; i < AT_ONCE && end; i++) {
            if ((now = atomic_load_explicit(&e->value, memory_order_acquire)) != seen)
                return now;
            relax();
        }
    } while (end && !in_the_way(w) && clock_ns() < end);
    atomic_fetch_add(&e->sleepers, 1); /* before the kernel looks at value again: no wake-up is lost */
    while ((now = atomic_load(&e->value)) == seen)
        sleep_on(&e->value, seen);
    atomic_fetch_sub(&e->sleepers, 1);
    return now;
}

static void event_raise(struct event *e)
{
    atomic_fetch_add(&e->value, 1);
    if (atomic_load(&e->sleepers) > 0)
        wake_all(&e->value);
}

void member_sync(const struct member *member)
{
    struct team *team = member->team;
    if (member->n == 1)
        return;
    must(member->id >= 0 && member->id < member->n && member->n == team->n); /* else this barrier would never open */
    unsigned phase = atomic_load_explicit(&team->phase.value, memory_order_relaxed);
    struct worker *w = &team->workers[member->id];
    note_cpu(w);
    atomic_store_explicit(&w->at, phase + 1, memory_order_relaxed);
    if (atomic_fetch_add_explicit(&team->arrived, 1, memory_order_acq_rel) == (unsigned)member->n - 1) {
        atomic_store_explicit(&team->arrived, 0, memory_order_relaxed); /* published by the line below */
        event_raise(&team->phase);
    } else {
        event_wait(&team->phase, phase, w);
    }
}

/* ---- dealing --------------------------------------------------------------------------------------------- */

/* What is left of a member's share of a deal: groups [lo, hi) of those that it had at first. It fits a word, so that
 * one exchange takes from either end; of very many items a few make a group. */
enum { NUMBER_BITS = 24, GROUP_BITS = 20, MOST_GROUPS = (1 << GROUP_BITS) - 2 };

struct left {
    uint32_t number;
    uint32_t lo, hi;
};

/* Of groups that are taken at once. */
struct bounds {
    int64_t least, most;
};

static uint64_t pack_left(struct left l)
{
    return (uint64_t)l.number << 2 * GROUP_BITS | (uint64_t)l.lo << GROUP_BITS | l.hi;
}

static struct left unpack_left(uint64_t word)
{
    const uint32_t mask = (1u << GROUP_BITS) - 1;
    return (struct left){(uint32_t)(word >> 2 * GROUP_BITS), (uint32_t)(word >> GROUP_BITS) & mask,
                         (uint32_t)word & mask};
}

/* How many deals `number` comes after this one: numbers go round. */
static int32_t deals_after(uint32_t number, const struct deal *deal)
{
    return (int32_t)((number - deal->number) << (32 - NUMBER_BITS)) >> (32 - NUMBER_BITS);
}

struct deal member_deal(const struct member *member)
{
    struct deal deal = {0, 0, 0};
    if (member->n > 1) {
        struct worker *w = &member->team->workers[member->id];
        note_cpu(w);
        deal.number = ++w->deal & ((1u << NUMBER_BITS) - 1);
    }
    return deal;
}

/* Takes half of the groups that are left of member `whose` share, within bounds, from its front or its end. Whoever
 * comes first to a share fills it: its member may not be running. Nobody goes on to the next deal before each share of
 * this one is empty, so one word a member is enough and nothing is ever reset; a share of a later deal says that this
 * one is done. */
static bool take_from(const struct member *whose, const struct deal *deal, int64_t groups, const struct bounds *bounds,
                      bool front, struct stint *run)
{
    _Atomic uint64_t *word = &whose->team->workers[whose->id].left;
    uint64_t seen = atomic_load(word);
    int64_t lo, hi;
    member_share(whose, groups, &lo, &hi);
    for (;;) {
        struct left left = unpack_left(seen);
        int32_t after = deals_after(left.number, deal);
        if (after < 0)
            left = (struct left){deal->number, 0, (uint32_t)(hi - lo)};
        int64_t n = left.hi - left.lo, half = (n + 1) / 2;
        if (after > 0 || (after == 0 && n == 0))
            return false;
        half = n < 2 * bounds->least ? n : half < bounds->least ? bounds->least : half;
        half = half < bounds->most ? half : bounds->most;
        run->lo = lo + (front ? left.lo : left.hi - half);
        run->hi = run->lo + half;
        run->goes_on = front && half < n;
        left.lo += front ? (uint32_t)half : 0;
        left.hi -= front ? 0 : (uint32_t)half;
        if (atomic_compare_exchange_weak(word, &seen, pack_left(left)))
            return half > 0; /* an empty share is written too, lest its number be taken for a later one some day */
    }
}

static bool take(const struct member *member, struct deal *deal, int64_t count, int64_t least, int64_t most,
                 struct stint *run_out)
{
    int64_t each = 1 + count / member->n / MOST_GROUPS, groups = (count + each - 1) / each, ended = deal->end;
    struct bounds bounds = {(least + each - 1) / each, (most + each - 1) / each};
    struct stint run = {0, count, false, false};
    bool taken = deal->end < count; /* a serial member's */
    for (int i = 0; i < member->n && member->n > 1; i++) {
        struct member whose = {(member->id + i) % member->n, member->n, member->team};
        if ((taken = take_from(&whose, deal, groups, &bounds, i == 0, &run)))
            break;
    }
    if (!taken)
        return false;
    run.lo *= each;
    run.hi = run.hi * each < count ? run.hi * each : count;
    run.follows = ended > 0 && run.lo == ended;
    deal->at = run.lo;
    deal->end = run.hi;
    *run_out = run;
    return true;
}

bool member_take(const struct member *member, struct deal *deal, int64_t count, int64_t least, struct stint *run_out)
{
    return take(member, deal, count, least > 1 ? least : 1, INT64_MAX / 2, run_out);
}

int64_t member_claim(const struct member *member, struct deal *deal, int64_t count)
{
    struct stint run;
    if (deal->at == deal->end && !take(member, deal, count, 1, 1, &run))
        return -1;
    return deal->at++;
}

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    struct team *team = w->team;
    unsigned seen = 0;
    for (;;) {
        seen = event_wait(&team->generation, seen, w);
        if (atomic_load(&team->stop))
            return NULL;
        struct member member = {w->id, team->n, team};
        team->fn(&member, team->arg);
        member_sync(&member);
    }
}

void team_run(struct team *team, void (*fn)(const struct member *, void *), void *arg)
{
    struct member member = {0, team->n, team};
    team->fn = fn;
    team->arg = arg;
    if (team->n > 1)
        event_raise(&team->generation);
    fn(&member, arg);
    member_sync(&member);
}

enum osso_status team_create(int n_threads, struct team **team_out, struct osso_error *err)
{
    *team_out = NULL;
    if (n_threads < 1 || n_threads > 1024)
        return error_set(err, OSSO_USAGE, "%d threads: give a number from 1 to 1024", n_threads);
    struct team *team = mem_pages(sizeof *team); /* page memory: aligned for the atomics' own cache lines */
    struct worker *workers = mem_pages((size_t)n_threads * sizeof *workers);
    if (!team || !workers) {
        mem_pages_free(team, sizeof *team);
        mem_pages_free(workers, (size_t)n_threads * sizeof *workers);
        return error_nomem(err, sizeof *team, "the thread team");
    }
    team->n = n_threads;
    team->workers = workers;
    /* More members than CPUs: whoever spins keeps the one it waits for from running. */
    team->max_spin = n_threads > cpu_count() ? 0 : MAX_SPIN;
    sigset_t blocked, old; /* signals are for the caller's own threads, but for those that a thread brings on itself */
    static const int own[] = {SIGBUS, SIGSEGV, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT};
    sigfillset(&blocked);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        sigdelset(&blocked, own[i]);
    pthread_sigmask(SIG_SETMASK, &blocked, &old);
    for (int i = 0; i < n_threads; i++)
        workers[i] = (struct worker){.team = team, .id = i, .cpu = -1};
    for (int i = 1; i < n_threads; i++) {
        int rc = pthread_create(&workers[i].thread, NULL, worker_main, &workers[i]);
        if (rc != 0) {
            pthread_sigmask(SIG_SETMASK, &old, NULL);
            team_free(team);
            return error_set(err, OSSO_NOMEM, "cannot start thread %d of %d: %s; use fewer with -t", i + 1, n_threads,
                             strerror(rc));
        }
        team->started = i;
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    *team_out = team;
    return OSSO_OK;
}

void team_free(struct team *team)
{
    if (!team)
        return;
    atomic_store(&team->stop, true);
    event_raise(&team->generation);
    for (int i = 1; i <= team->started; i++)
        pthread_join(team->workers[i].thread, NULL);
    mem_pages_free(team->workers, (size_t)team->n * sizeof *team->workers);
    mem_pages_free(team, sizeof *team);
}

int team_threads(const struct team *team)
{
    return team ? team->n : 1;
}

int cpu_count(void)
{
    int n = host_cpus();
    int quota = cgroup_cpus(""); /* threads beyond it only wait for each other */
    return n > quota ? quota : n;
}

/* Copies the value of `key` in "key : value" lines of /proc/cpuinfo. */
static void cpuinfo(const char *key, char *text, size_t size)
{
    FILE *f = fopen("/proc/cpuinfo", "re");
    char line[512];
    text[0] = 0;
    while (f && fgets(line, sizeof line, f)) {
        size_t n = strlen(key);
        if (strncmp(line, key, n) != 0 || (line[n] != ' ' && line[n] != '\t'))
            continue;
        const char *v = strchr(line, ':');
        if (!v)
            continue;
        v += strspn(v, ": \t");
        snprintf(text, size, "%.*s", (int)strcspn(v, "\n"), v);
        break;
    }
    if (f)
        fclose(f);
}

void cpu_name(char *text, size_t size)
{
    char name[128], family[32], model[32];
    cpuinfo("model name", name, sizeof name);
    cpuinfo("cpu family", family, sizeof family);
    cpuinfo("model", model, sizeof model);
    if (name[0])
        snprintf(text, size, "%s (family %s, model %s)", name, family, model);
    else
        snprintf(text, size, "unknown CPU");
}
