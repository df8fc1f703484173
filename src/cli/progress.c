/* progress.c: the line is drawn by a thread of its own, so that it moves while a step of many rows, or the first touch
 * of cold weights, takes its seconds. Everybody else only says where things stand. */
#define _GNU_SOURCE
#include "cli/progress.h"
#include "cli/out.h"

#include "base/clock.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { TICK_MS = 100, SLOW_MS = 700, STOPPING_MS = 250 };
enum { DISK_BLOCK = 512, DISK_SHOWN = 4 << 20 }; /* ru_inblock counts blocks; less than so many bytes is no news */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t over_cond;
    pthread_t thread;
    bool running, over;
    enum progress_stage stage;
    size_t done, total, first; /* first: what was done when the prompt began */
    const char *what;          /* that is counted there: "token" */
    double stage_ms, said_ms, interrupted_ms;
    bool saying, line_open; /* text is being written; it had no line end */
    bool shown, broke;      /* the line stands there; it ended somebody's text */
    long disk_before;
} p = {.lock = PTHREAD_MUTEX_INITIALIZER};

static long disk_blocks(void)
{
    struct rusage use;
    return getrusage(RUSAGE_SELF, &use) == 0 ? use.ru_inblock : 0;
}

/* ---- what it says ----------------------------------------------------------------------------------------- */

/* "40 s", "3 min". */
static void duration(char *text, size_t size, double seconds)
{
    if (seconds < 120)
        snprintf(text, size, "%.0f s", seconds < 1 ? 1 : seconds);
    else
        snprintf(text, size, "%.0f min", seconds / 60);
}

/* Before the first step is over nobody knows the rate. What the kernel read from the disk meanwhile is weights, cold.
 */
static void first_step(char *text, size_t size, double elapsed_ms, uint64_t disk)
{
    char n[32], so_far[32];
    size_t tokens = p.total - p.first;
    duration(so_far, sizeof so_far, elapsed_ms / 1000);
    if (disk >= DISK_SHOWN)
        snprintf(text, size, "reading weights from the disk, %.2f GB so far", (double)disk / 1e9);
    else
        snprintf(text, size, "reading %s %s%s, %s", human_count(n, tokens), p.what, tokens == 1 ? "" : "s", so_far);
}

static void prompt_line(char *text, size_t size, double elapsed_ms, uint64_t disk)
{
    char done[32], total[32], left[32];
    if (p.done == p.first || elapsed_ms <= 0) {
        first_step(text, size, elapsed_ms, disk);
        return;
    }
    double rate = (double)(p.done - p.first) * 1000 / elapsed_ms;
    duration(left, sizeof left, (double)(p.total - p.done) / rate);
    snprintf(text, size, "reading %s of %s %ss, %.*f per second, %s left", human_count(done, p.done),
             human_count(total, p.total), p.what, rate < 10, rate, left);
}

static void line_text(char *text, size_t size)
{
    char n[32];
    uint64_t disk = (uint64_t)(disk_blocks() - p.disk_before) * DISK_BLOCK;
    const char *s = p.done == 1 ? "" : "s";
    human_count(n, p.done);
    switch (p.stage) {
    case PROGRESS_OPEN: snprintf(text, size, "opening the model"); break;
    case PROGRESS_PROMPT: prompt_line(text, size, clock_seconds() * 1e3 - p.stage_ms, disk); break;
    case PROGRESS_THINK: snprintf(text, size, "thinking, %s token%s", n, s); break;
    case PROGRESS_CALL: snprintf(text, size, "writing a call, %s token%s", n, s); break;
    case PROGRESS_ANSWER: snprintf(text, size, "answering, %s token%s", n, s); break;
    }
}

static void draw(const char *text)
{
    int columns = terminal_columns(STDERR_FILENO);
    int most = columns > 1 ? columns - 1 : 79; /* a line that wraps could not be taken back */
    if (p.line_open)
        p.broke = true;
    fprintf(stderr, "%s\r%s%.*s%s\033[K", p.line_open ? "\n" : "", err_has_colour() ? DIM : "", most, text,
            err_has_colour() ? PLAIN : "");
    fflush(stderr);
    p.line_open = false;
    p.shown = true;
}

static void tick(void)
{
    char text[192];
    double now = clock_seconds() * 1e3;
    if (!interrupted())
        p.interrupted_ms = now;
    if (p.saying)
        return;
    if (now - p.interrupted_ms > STOPPING_MS)
        draw("stopping...");
    else if (!interrupted() && !p.line_open && now - p.said_ms > SLOW_MS) {
        line_text(text, sizeof text);
        draw(text);
    }
}

static void *watch(void *unused)
{
    struct timespec until;
    (void)unused;
    pthread_mutex_lock(&p.lock);
    while (!p.over) {
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += TICK_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        while (!p.over && pthread_cond_timedwait(&p.over_cond, &p.lock, &until) == 0)
            ;
        if (!p.over)
            tick();
    }
    pthread_mutex_unlock(&p.lock);
    return NULL;
}

/* ---- what it is told --------------------------------------------------------------------------------------- */

static void begin(enum progress_stage stage, const char *what, size_t total)
{
    sigset_t all, before;
    pthread_condattr_t monotonic;
    if (p.running || !err_is_terminal() || !terminal_moves())
        return;
    double now = clock_seconds() * 1e3;
    p.stage = stage;
    p.what = what;
    p.total = total;
    p.done = p.first = 0;
    p.stage_ms = p.said_ms = p.interrupted_ms = now;
    p.over = p.saying = p.line_open = p.shown = p.broke = false;
    p.disk_before = disk_blocks();
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&p.over_cond, &monotonic);
    pthread_condattr_destroy(&monotonic);
    sigfillset(&all); /* signals are for whoever computes */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    p.running = pthread_create(&p.thread, NULL, watch, NULL) == 0; /* without it there is no line, and nothing else */
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!p.running)
        pthread_cond_destroy(&p.over_cond);
}

void progress_begin(enum progress_stage stage)
{
    begin(stage, "token", 0);
}

void progress_begin_of(const char *what, size_t total)
{
    begin(PROGRESS_PROMPT, what, total);
}

/* Under the lock. */
static void enter(enum progress_stage stage, size_t done)
{
    p.stage = stage;
    p.stage_ms = clock_seconds() * 1e3;
    p.done = p.first = done;
}

void progress_prompt(size_t done, size_t total)
{
    if (!p.running)
        return;
    pthread_mutex_lock(&p.lock);
    if (p.stage != PROGRESS_PROMPT || p.total == 0)
        enter(PROGRESS_PROMPT, done);
    p.done = done;
    p.total = total;
    pthread_mutex_unlock(&p.lock);
}

int progress_of_prompt(void *unused, size_t done, size_t total)
{
    return progress_call(unused, done, total);
}

int progress_call(void *unused, uint64_t done, uint64_t total)
{
    (void)unused;
    progress_prompt((size_t)done, (size_t)total);
    return interrupted();
}

/* A header belongs to what came before it. */
static enum progress_stage stage_of(enum osso_voice voice)
{
    switch (voice) {
    case OSSO_VOICE_THOUGHT: return PROGRESS_THINK;
    case OSSO_VOICE_CALL: return PROGRESS_CALL;
    case OSSO_VOICE_NONE: return p.stage == PROGRESS_PROMPT ? PROGRESS_ANSWER : p.stage;
    default: return PROGRESS_ANSWER;
    }
}

void progress_token(enum osso_voice voice)
{
    if (!p.running)
        return;
    pthread_mutex_lock(&p.lock);
    enum progress_stage stage = stage_of(voice);
    if (stage != p.stage)
        enter(stage, 0);
    p.done++;
    pthread_mutex_unlock(&p.lock);
}

/* Under the lock. */
static bool clear(void)
{
    bool broke = p.broke;
    if (p.shown)
        fputs("\r\033[K", stderr);
    p.shown = p.broke = false;
    return broke;
}

bool progress_clear(void)
{
    if (!p.running)
        return false;
    pthread_mutex_lock(&p.lock);
    bool broke = clear();
    p.saying = true;
    pthread_mutex_unlock(&p.lock);
    return broke;
}

void progress_said(bool line_open)
{
    if (!p.running)
        return;
    pthread_mutex_lock(&p.lock);
    p.saying = false;
    p.line_open = line_open;
    p.said_ms = clock_seconds() * 1e3;
    pthread_mutex_unlock(&p.lock);
}

bool progress_end(void)
{
    if (!p.running)
        return false;
    pthread_mutex_lock(&p.lock);
    p.over = true;
    pthread_cond_signal(&p.over_cond);
    pthread_mutex_unlock(&p.lock);
    pthread_join(p.thread, NULL);
    p.running = false;
    pthread_cond_destroy(&p.over_cond);
    return clear();
}
