/* thread.c: the team. Workers sleep on `generation`; a barrier is a counter and a phase number. */
#define _GNU_SOURCE
#include "base/thread.h"

#include "base/cgroup.h"
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

/* Spins this many times before sleeping: about 20 microseconds, longer than any op of a small model. */
enum { SPINS = 4000, MIN_SPINS = 50, PROBE = 32, LINE = 128 };

struct worker {
    _Alignas(LINE) struct team *team;
    pthread_t thread;
    int id;
    int spins;     /* how long this member spins now; see event_wait */
    uint32_t deal; /* the one that this member is at */
    unsigned waits;
};

/* A number that only grows, and how many threads sleep until it does: with nobody asleep, raising it is free. */
struct event {
    _Alignas(LINE) atomic_uint value;
    atomic_uint sleepers;
};

struct team {
    struct event generation;              /* raised by team_run; workers wait for it */
    struct event phase;                   /* raised by the last member to arrive at a barrier */
    _Alignas(LINE) atomic_uint arrived;   /* members at the current barrier */
    _Alignas(LINE) _Atomic uint64_t next; /* the newest deal that anybody claimed from << 32 | its next item */
    _Alignas(LINE) int n;
    int max_spins;
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

/* Spinning pays when the others are running, and is stolen from them when they wait for a CPU: on a busy machine a
 * barrier that spins first takes a hundred times longer than one that sleeps at once. So each member learns: it spins
 * half as long after it spun in vain, twice as long when it was nearly in vain, and now and then as long as it may. */
static unsigned event_wait(struct event *e, unsigned seen, struct worker *w)
{
    bool probing = w->waits++ % PROBE == 0;
    int spins = probing ? w->team->max_spins : w->spins;
    unsigned now;
    for (int i = 0; i < spins; i++) {
        if ((now = atomic_load_explicit(&e->value, memory_order_acquire)) != seen) {
            int want = 2 * i + MIN_SPINS;
            if (want > w->spins)
                w->spins = want < w->team->max_spins ? want : w->team->max_spins;
            return now;
        }
        relax();
    }
    if (!probing && w->spins > MIN_SPINS)
        w->spins /= 2;
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
    if (atomic_fetch_add_explicit(&team->arrived, 1, memory_order_acq_rel) == (unsigned)member->n - 1) {
        atomic_store_explicit(&team->arrived, 0, memory_order_relaxed); /* published by the line below */
        event_raise(&team->phase);
    } else {
        event_wait(&team->phase, phase, &team->workers[member->id]);
    }
}

struct deal member_deal(const struct member *member)
{
    struct deal deal = {0, 0};
    if (member->n > 1)
        deal.number = ++member->team->workers[member->id].deal;
    return deal;
}

/* Nobody goes on to the next deal before this one is exhausted, so one word is enough and nothing is ever reset. */
int64_t member_claim(const struct member *member, struct deal *deal, int64_t count)
{
    if (member->n == 1)
        return deal->next < count ? deal->next++ : -1;
    uint64_t seen = atomic_load(&member->team->next);
    for (;;) {
        int32_t ahead = (int32_t)((uint32_t)(seen >> 32) - deal->number);
        uint64_t item = ahead < 0 ? 0 : seen & UINT32_MAX;
        if (ahead > 0 || item >= (uint64_t)count)
            return -1;
        if (atomic_compare_exchange_weak(&member->team->next, &seen, (uint64_t)deal->number << 32 | (item + 1)))
            return (int64_t)item;
    }
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
    team->max_spins = n_threads > cpu_count() ? 0 : SPINS;
    sigset_t blocked, old; /* signals are for the caller's own threads, but for those that a thread brings on itself */
    static const int own[] = {SIGBUS, SIGSEGV, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT};
    sigfillset(&blocked);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        sigdelset(&blocked, own[i]);
    pthread_sigmask(SIG_SETMASK, &blocked, &old);
    for (int i = 0; i < n_threads; i++)
        workers[i] = (struct worker){.team = team, .id = i, .spins = team->max_spins};
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
