/* exchange.c: a request and its answer between the I/O thread and those that answer: a lock each, a queue of bytes, and
 * a list of those that have something for the I/O thread. */
#include "serve/exchange_parts.h"

#include "base/clock.h"
#include "base/mem.h"
#include "serve/api/refusal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- life ----------------------------------------------------------------------------------------------- */

struct exchange *exchange_create(struct ready *ready, struct bodies *bodies, struct service *service)
{
    struct exchange *x = mem_alloc(sizeof *x);
    if (!x)
        return NULL;
    atomic_init(&x->refs, 1);
    pthread_mutex_init(&x->lock, NULL);
    x->ready = ready;
    x->bodies = bodies;
    x->service = service;
    x->began_ms = clock_ms();
    return x;
}

static void exchange_free(struct exchange *x)
{
    exchange_drop_body(x);
    tenant_release(x->tenant);
    mem_free(x->path);
    mem_free(x->id);
    mem_free(x->query);
    mem_free(x->user_agent);
    mem_free(x->allow_origin);
    mem_free(x->note);
    buf_free(&x->headers);
    buf_free(&x->out);
    pthread_mutex_destroy(&x->lock);
    mem_free(x);
}

void exchange_ref(struct exchange *x)
{
    atomic_fetch_add_explicit(&x->refs, 1, memory_order_relaxed);
}

void exchange_unref(struct exchange *x)
{
    if (atomic_fetch_sub_explicit(&x->refs, 1, memory_order_acq_rel) == 1)
        exchange_free(x);
}

void exchange_keep(struct exchange *x)
{
    exchange_ref(x);
    atomic_fetch_add(&x->holders, 1);
}

/* When the last holder lets go nobody can answer any more. */
void exchange_release(struct exchange *x)
{
    if (atomic_fetch_sub(&x->holders, 1) == 1) {
        if (!exchange_begun(x))
            exchange_error(x, 500, NULL, "internal_error", "the server gave no answer to this request");
        exchange_abort(x);
    }
    exchange_unref(x);
}

void exchange_note(struct exchange *x, const char *words)
{
    pthread_mutex_lock(&x->lock);
    mem_free(x->note);
    x->note = mem_strdup(words);
    pthread_mutex_unlock(&x->lock);
}

/* ---- the answer ----------------------------------------------------------------------------------------- */

/* With x->lock held. Whether this is the first of the list: then the I/O thread is to be woken (after the unlock). */
static bool make_ready(struct exchange *x)
{
    struct ready *ready = x->ready;
    bool wake = false;
    if (!x->is_ready) {
        x->is_ready = true;
        exchange_ref(x);
        pthread_mutex_lock(&ready->lock);
        wake = !ready->first;
        if (wake)
            ready->first = x;
        else
            ready->last->next_ready = x;
        ready->last = x;
        x->next_ready = NULL;
        pthread_mutex_unlock(&ready->lock);
    }
    return wake;
}

static void unlock(struct exchange *x, bool wake)
{
    int fd = x->ready->wake;
    pthread_mutex_unlock(&x->lock);
    uint64_t one = 1;
    if (wake)
        while (write(fd, &one, sizeof one) < 0 && errno == EINTR) /* EAGAIN: it is awake already */
            ;
}

struct exchange *ready_take(struct ready *ready)
{
    pthread_mutex_lock(&ready->lock);
    struct exchange *x = ready->first;
    if (x)
        ready->first = x->next_ready;
    pthread_mutex_unlock(&ready->lock);
    if (x) {
        pthread_mutex_lock(&x->lock);
        x->is_ready = false;
        pthread_mutex_unlock(&x->lock);
    }
    return x;
}

static void begin(struct exchange *x, int status, const char *const *headers, const char *content_type)
{
    x->begun = true;
    x->status = status;
    x->written_ms = clock_ms();
    for (size_t i = 0; headers && headers[i] && headers[i + 1]; i += 2)
        buf_printf(&x->headers, "%s\n%s\n", headers[i], headers[i + 1]);
    if (content_type)
        buf_printf(&x->headers, "Content-Type\n%s\n", content_type);
}

void exchange_reply(struct exchange *x, int status, const char *const *headers, const char *content_type,
                    const void *body, size_t len)
{
    bool wake = false;
    pthread_mutex_lock(&x->lock);
    if (!x->begun) {
        begin(x, status, headers, content_type);
        if (len)
            buf_add(&x->out, body, len);
        x->ended = true;
        wake = make_ready(x);
    }
    unlock(x, wake);
}

static void error_reply(struct exchange *x, int status, const char *const *headers, const char *param, const char *code,
                        const char *format, va_list args)
{
    struct buf b = {0};
    char message[1024];
    vsnprintf(message, sizeof message, format, args);
    refusal_body(&b, status, param, code, message);
    exchange_reply(x, status, headers, "application/json", b.data, b.len);
    buf_free(&b);
}

void exchange_error(struct exchange *x, int status, const char *param, const char *code, const char *format, ...)
{
    static const char *const later[] = {"Retry-After", "1", NULL};
    static const char *const challenge[] = {"WWW-Authenticate", "Bearer", NULL};
    va_list args;
    va_start(args, format);
    error_reply(x, status,
                status == 429 || status == 503 ? later
                : status == 401                ? challenge
                                               : NULL,
                param, code, format, args);
    va_end(args);
}

void exchange_error_with(struct exchange *x, int status, const char *const *headers, const char *code,
                         const char *format, ...)
{
    va_list args;
    va_start(args, format);
    error_reply(x, status, headers, NULL, code, format, args);
    va_end(args);
}

void exchange_stream_begin(struct exchange *x, int status, const char *const *headers, const char *content_type)
{
    bool wake = false;
    pthread_mutex_lock(&x->lock);
    if (!x->begun) {
        begin(x, status, headers, content_type);
        x->stream = true;
        x->events = strcmp(content_type, "text/event-stream") == 0;
        wake = make_ready(x);
    }
    unlock(x, wake);
}

/* With x->lock held: the client has left, or takes too little. */
static void give_up(struct exchange *x)
{
    if (x->gone)
        return;
    x->gone = true;
    void (*fn)(void *) = x->on_gone;
    x->on_gone = NULL;
    if (fn)
        fn(x->on_gone_user);
}

size_t exchange_write(struct exchange *x, const void *data, size_t len)
{
    size_t unsent = EXCHANGE_GONE;
    bool wake = false;
    pthread_mutex_lock(&x->lock);
    if (!x->gone && x->stream && !x->ended && x->out.len - x->out_at > EXCHANGE_UNREAD) {
        give_up(x); /* what it reads now and then is no reason to keep all of it */
        buf_free(&x->out);
        x->out_at = 0;
        wake = make_ready(x);
    } else if (!x->gone && x->stream && !x->ended) {
        if (x->out_at > x->out.len / 2) { /* what is sent makes room */
            memmove(x->out.data, x->out.data + x->out_at, x->out.len - x->out_at);
            x->out.len -= x->out_at;
            x->out_at = 0;
        }
        buf_add(&x->out, data, len);
        x->cut |= x->out.failed;
        x->written_ms = clock_ms();
        unsent = x->out.len - x->out_at;
        wake = make_ready(x);
    }
    unlock(x, wake);
    return unsent;
}

static void end(struct exchange *x, bool cut)
{
    bool wake = false;
    pthread_mutex_lock(&x->lock);
    if (x->begun && !x->ended) {
        x->ended = true;
        x->cut |= cut;
        wake = make_ready(x);
    }
    unlock(x, wake);
}

void exchange_end(struct exchange *x)
{
    end(x, false);
}

void exchange_abort(struct exchange *x)
{
    end(x, true);
}

bool exchange_begun(struct exchange *x)
{
    pthread_mutex_lock(&x->lock);
    bool begun = x->begun;
    pthread_mutex_unlock(&x->lock);
    return begun;
}

enum exchange_take exchange_take(struct exchange *x, char *data, size_t size, size_t *len_out)
{
    pthread_mutex_lock(&x->lock);
    size_t n = x->out.len - x->out_at;
    n = n < size ? n : size;
    enum exchange_take taken = x->gone || x->out.failed ? TAKE_CUT
                               : n                      ? TAKE_DATA
                               : !x->ended              ? TAKE_LATER
                               : x->cut                 ? TAKE_CUT
                                                        : TAKE_END;
    if (taken == TAKE_DATA) {
        memcpy(data, x->out.data + x->out_at, n);
        x->out_at += n;
        x->sent += n;
        if (x->out_at == x->out.len && x->stream)
            x->out.len = x->out_at = 0;
    }
    pthread_mutex_unlock(&x->lock);
    *len_out = taken == TAKE_DATA ? n : 0;
    return taken;
}

void exchange_remind(struct exchange *x, int64_t before_ms, int64_t now)
{
    static const char comment[] = ": waiting\n\n";
    bool wake = false;
    pthread_mutex_lock(&x->lock);
    if (x->events && !x->ended && !x->gone && x->written_ms <= before_ms && x->out.len == x->out_at) {
        buf_add(&x->out, comment, sizeof comment - 1);
        x->written_ms = now;
        wake = make_ready(x);
    }
    unlock(x, wake);
}

/* ---- a client that leaves ------------------------------------------------------------------------------- */

bool exchange_gone(struct exchange *x)
{
    pthread_mutex_lock(&x->lock);
    bool gone = x->gone;
    pthread_mutex_unlock(&x->lock);
    return gone;
}

void exchange_on_gone(struct exchange *x, void (*fn)(void *user), void *user)
{
    pthread_mutex_lock(&x->lock);
    x->on_gone = fn;
    x->on_gone_user = user;
    if (x->gone && fn) {
        x->on_gone = NULL;
        fn(user);
    }
    pthread_mutex_unlock(&x->lock);
}

void exchange_leave(struct exchange *x)
{
    pthread_mutex_lock(&x->lock);
    if (!(x->begun && x->ended && x->out.len == x->out_at))
        give_up(x);
    pthread_mutex_unlock(&x->lock);
}
