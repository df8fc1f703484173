/* access_log.c: lines go into a buffer that the log's thread swaps with an empty one and writes. */
#include "serve/access_log.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "json/jwrite.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ROOM = 1 << 20, CLOSE_WAIT_MS = 1000 };

struct access_log {
    int fd;
    bool jsonl, closing;
    uint64_t lost;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct buf full, spare;
};

/* Once the log is being closed, a reader that takes nothing costs a second at most. */
static void write_all(struct access_log *log, const char *s, size_t n)
{
    while (n > 0) {
        struct pollfd p = {.fd = log->fd, .events = POLLOUT};
        pthread_mutex_lock(&log->lock);
        bool closing = log->closing;
        pthread_mutex_unlock(&log->lock);
        int ready = poll(&p, 1, closing ? CLOSE_WAIT_MS : 200);
        if (ready == 0 && closing)
            return;
        if (ready <= 0)
            continue;
        size_t piece = n < 512 ? n : 512; /* a pipe that is ready takes so much without waiting */
        ssize_t k = write(log->fd, s, piece);
        if (k < 0 && errno != EINTR && errno != EAGAIN)
            return;
        s += k > 0 ? k : 0;
        n -= k > 0 ? (size_t)k : 0;
    }
}

static void *run(void *arg)
{
    struct access_log *log = arg;
    pthread_mutex_lock(&log->lock);
    for (;;) {
        while (log->full.len == 0 && !log->closing)
            pthread_cond_wait(&log->more, &log->lock);
        if (log->full.len == 0)
            break;
        struct buf out = log->full;
        log->full = log->spare;
        buf_clear(&log->full);
        log->spare = (struct buf){0};
        uint64_t lost = log->lost;
        log->lost = 0;
        pthread_mutex_unlock(&log->lock);
        if (lost)
            buf_printf(&out,
                       log->jsonl ? "{\"message\":\"%llu lines found no room\"}\n"
                                  : "osso: %llu lines of the log found no room\n",
                       (unsigned long long)lost);
        write_all(log, out.data, out.len);
        pthread_mutex_lock(&log->lock);
        log->spare = out;
    }
    pthread_mutex_unlock(&log->lock);
    return NULL;
}

enum osso_status access_log_open(int fd, bool jsonl, struct access_log **log_out, struct osso_error *err)
{
    struct access_log *log = mem_alloc(sizeof *log);
    *log_out = NULL;
    if (!log)
        return error_nomem(err, sizeof *log, "the log");
    log->fd = fd;
    log->jsonl = jsonl;
    pthread_mutex_init(&log->lock, NULL);
    pthread_cond_init(&log->more, NULL);
    int code = pthread_create(&log->thread, NULL, run, log);
    if (code) {
        mem_free(log);
        return error_set(err, OSSO_NOMEM, "the log's thread cannot be started: %s", strerror(code));
    }
    *log_out = log;
    return OSSO_OK;
}

static void clock_text(char *text, size_t size)
{
    struct timespec t;
    struct tm tm;
    clock_gettime(CLOCK_REALTIME, &t);
    gmtime_r(&t.tv_sec, &tm);
    size_t n = strftime(text, size, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(text + n, size - n, ".%03dZ", (int)(t.tv_nsec / 1000000));
}

/* With the lock held: is there room for one more line? */
static bool room(struct access_log *log)
{
    if (log->full.len < ROOM && !log->full.failed)
        return true;
    log->lost++;
    return false;
}

static void put_field(struct buf *b, const char *name, const char *value)
{
    buf_printf(b, ",\"%s\":", name);
    jwrite_string(b, value ? value : "", value ? strlen(value) : 0);
}

/* One word of a text line: what is no visible ASCII becomes '?'. */
static void put_word(struct buf *b, const char *s)
{
    if (!s || !*s)
        buf_putc(b, '-');
    for (; s && *s; s++)
        buf_putc(b, *s > ' ' && *s < 0x7f ? *s : '?');
    buf_putc(b, ' ');
}

static void as_json(struct buf *b, const char *clock, const struct access_line *l)
{
    buf_printf(b, "{\"time\":\"%s\"", clock);
    put_field(b, "peer", l->peer);
    put_field(b, "method", l->method);
    put_field(b, "path", l->path);
    buf_printf(b, ",\"status\":%d,\"whole\":%s,\"received\":%llu,\"sent\":%llu,\"seconds\":%.6f", l->status,
               l->whole ? "true" : "false", (unsigned long long)l->received, (unsigned long long)l->sent, l->seconds);
    put_field(b, "key", l->key_name);
    put_field(b, "user_agent", l->user_agent);
    put_field(b, "request_id", l->request_id);
    if (l->note)
        put_field(b, "note", l->note);
    buf_puts(b, "}\n");
}

static void as_text(struct buf *b, const char *clock, const struct access_line *l)
{
    buf_printf(b, "%s ", clock);
    put_word(b, l->peer);
    put_word(b, l->method);
    put_word(b, l->path);
    buf_printf(b, "%d%s %llu %llu %.3fs key=", l->status, l->whole ? "" : " cut", (unsigned long long)l->received,
               (unsigned long long)l->sent, l->seconds);
    put_word(b, l->key_name);
    buf_printf(b, "id=%s", l->request_id ? l->request_id : "-");
    if (l->note)
        buf_printf(b, " (%s)", l->note);
    buf_putc(b, '\n');
}

void access_log_line(struct access_log *log, const struct access_line *line)
{
    char clock[40];
    clock_text(clock, sizeof clock);
    pthread_mutex_lock(&log->lock);
    if (room(log))
        (log->jsonl ? as_json : as_text)(&log->full, clock, line);
    pthread_cond_signal(&log->more);
    pthread_mutex_unlock(&log->lock);
}

void access_log_say(struct access_log *log, const char *format, ...)
{
    struct osso_error text;
    char clock[40], message[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    error_set(&text, OSSO_OK, "%s", message); /* control characters become harmless */
    clock_text(clock, sizeof clock);
    pthread_mutex_lock(&log->lock);
    bool fits = room(log);
    if (fits && log->jsonl) {
        buf_printf(&log->full, "{\"time\":\"%s\"", clock);
        put_field(&log->full, "message", text.text);
        buf_puts(&log->full, "}\n");
    } else if (fits)
        buf_printf(&log->full, "osso: %s\n", text.text);
    pthread_cond_signal(&log->more);
    pthread_mutex_unlock(&log->lock);
}

void access_log_close(struct access_log *log)
{
    if (!log)
        return;
    pthread_mutex_lock(&log->lock);
    log->closing = true;
    pthread_cond_signal(&log->more);
    pthread_mutex_unlock(&log->lock);
    pthread_join(log->thread, NULL);
    pthread_mutex_destroy(&log->lock);
    pthread_cond_destroy(&log->more);
    buf_free(&log->full);
    buf_free(&log->spare);
    mem_free(log);
}
