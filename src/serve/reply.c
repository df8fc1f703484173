/* reply.c: the library asks for the next bytes of an answer when the socket has room; what is not there yet suspends
 * the connection until the exchange says that there is more. */
#include "serve/reply.h"

#include "serve/server.h"

#include "base/mem.h"

#include <string.h>

static ssize_t next_bytes(void *cls, uint64_t at, char *data, size_t size)
{
    struct exchange *x = cls;
    size_t n;
    (void)at;
    server_of(x)->progress++;
    switch (exchange_take(x, data, size, &n)) {
    case TAKE_DATA: return (ssize_t)n;
    case TAKE_END: return MHD_CONTENT_READER_END_OF_STREAM;
    case TAKE_CUT: return MHD_CONTENT_READER_END_WITH_ERROR;
    case TAKE_LATER: break;
    }
    if (!x->connection)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    connection_suspend(x->connection);
    return 0;
}

static void forget(void *cls)
{
    exchange_unref(cls);
}

/* Is this name in the list of the answer's own headers? */
static bool add_own(struct MHD_Response *r, const struct buf *headers)
{
    char name[64], value[512];
    bool fine = true;
    for (const char *at = headers->data; at && *at;) {
        size_t n = strcspn(at, "\n"), m = strcspn(at + n + 1, "\n");
        if (n < sizeof name && m < sizeof value) {
            memcpy(name, at, n);
            memcpy(value, at + n + 1, m);
            name[n] = value[m] = 0;
            fine &= MHD_add_response_header(r, name, value) == MHD_YES;
        }
        at += n + m + 2;
    }
    return fine;
}

static bool add_common(struct MHD_Response *r, const struct server *s, const struct exchange *x)
{
    bool fine = MHD_add_response_header(r, "X-Request-Id", x->request_id) == MHD_YES;
    fine &= MHD_add_response_header(r, "X-Content-Type-Options", "nosniff") == MHD_YES;
    fine &= MHD_add_response_header(r, "Cache-Control", x->events ? "no-cache" : "no-store") == MHD_YES;
    if (x->events) /* reverse proxies hand on what comes */
        fine &= MHD_add_response_header(r, "X-Accel-Buffering", "no") == MHD_YES;
    if (s->origins.n)
        fine &= MHD_add_response_header(r, "Vary", "Origin") == MHD_YES;
    if (x->allow_origin) {
        fine &= MHD_add_response_header(r, "Access-Control-Allow-Origin", x->allow_origin) == MHD_YES;
        fine &= MHD_add_response_header(r, "Access-Control-Expose-Headers",
                                        "X-Request-Id, Retry-After, X-Osso-Skipped-Tools") == MHD_YES;
    }
    if (x->closes || s->draining)
        fine &= MHD_add_response_header(r, "Connection", "close") == MHD_YES;
    return fine;
}

/* A short answer goes out in one piece with its head; a long or unfinished one when the socket has room for it. */
static struct MHD_Response *make(struct exchange *x)
{
    pthread_mutex_lock(&x->lock);
    uint64_t size = x->stream ? MHD_SIZE_UNKNOWN : x->out.len;
    bool sound = !x->out.failed && !x->headers.failed && !x->gone, is_short = size <= EXCHANGE_BLOCK;
    struct MHD_Response *r = NULL;
    if (sound && is_short) {
        r = MHD_create_response_from_buffer(x->out.len, x->out.data, MHD_RESPMEM_MUST_COPY);
        x->out_at = x->out.len;
        x->sent = strcmp(x->method, "HEAD") ? x->out.len : 0;
    }
    pthread_mutex_unlock(&x->lock);
    if (!sound || is_short)
        return r;
    exchange_ref(x);
    r = MHD_create_response_from_callback(size, EXCHANGE_BLOCK, next_bytes, x, forget);
    if (!r)
        exchange_unref(x);
    return r;
}

enum MHD_Result reply_queue(struct server *s, struct connection *c, struct exchange *x)
{
    struct MHD_Response *r = make(x);
    if (!r)
        return MHD_NO;
    enum MHD_Result result = MHD_NO;
    if (add_own(r, &x->headers) && add_common(r, s, x))
        result = MHD_queue_response(c->mhd, (unsigned)x->status, r);
    MHD_destroy_response(r);
    x->queued = result == MHD_YES;
    c->unsent = 0;
    return result;
}
