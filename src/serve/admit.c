/* admit.c: a request from its first byte to its last, as the HTTP library tells it. The library has three words for it,
 * one function: the head alone (no body yet: here a request can still be refused), pieces of the body, and all of it.
 */
#include "serve/admit.h"

#include "serve/gate.h"
#include "serve/reply.h"

#include "base/clock.h"
#include "base/mem.h"

#include <string.h>

static struct connection *connection_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

void admit_connection(void *cls, struct MHD_Connection *mhd, void **context, enum MHD_ConnectionNotificationCode what)
{
    struct server *s = cls;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        *context = s->arriving;
        s->arriving->mhd = mhd;
    } else if (*context) {
        connections_remove(&s->connections, *context);
        *context = NULL;
    }
}

/* The library splits what it has at '?' and '&' and undoes %00 where it stands, which ends the path for everybody who
 * reads a string: this is the last look at the whole, as it was sent. */
void *admit_target(void *cls, const char *target, struct MHD_Connection *mhd)
{
    struct server *s = cls;
    struct connection *c = connection_of(mhd);
    mem_free(c->target);
    c->target = target ? mem_strdup(target) : NULL;
    c->target_at = target;
    if (c->state == CONNECTION_IDLE)
        connections_enter(&s->connections, c, CONNECTION_HEAD, clock_ms());
    return NULL;
}

/* ---- the head ------------------------------------------------------------------------------------------- */

static enum MHD_Result add_field(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_len,
                                 const char *value, size_t value_len)
{
    struct head *head = cls;
    (void)kind;
    if (head->n == HEAD_FIELDS)
        return MHD_NO;
    head->field[head->n++] = (struct head_field){name, value ? value : "", name_len, value_len};
    return MHD_YES;
}

/* Versions 0.9.x of the library take a bare line feed for the end of a line, cut a value at a NUL, and glue a folded
 * line to the name of its header: the strings that it hands out then do not lie one behind the other, each with two
 * zeros for the CR and LF behind it. Later versions refuse all this themselves. */
static bool lines_are_whole(const struct connection *c, const struct head *head, const char *method,
                            const char *version)
{
    const union MHD_ConnectionInfo *size = MHD_get_connection_info(c->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    const char *end = version + strlen(version);
    if (c->target_at + strlen(c->target) + 1 != version)
        return false;
    for (size_t i = 0; i < head->n; i++) {
        const struct head_field *f = &head->field[i];
        const char *at = f->name + f->name_len;
        if (end[0] || end[1] || f->name != end + 2 || f->value <= at)
            return false;
        for (; at < f->value; at++)
            if (*at && *at != ' ' && *at != '\t')
                return false;
        end = f->value + f->value_len;
    }
    return size && end + sizeof "\r\n\r\n" - 1 == method + size->header_size;
}

static enum MHD_Result take_head(struct server *s, struct connection *c, const char *method, const char *version)
{
    struct head head = {.http_1_1 = strcmp(version, "HTTP/1.1") == 0};
    struct head_facts f;
    struct exchange *x = exchange_create(&s->ready, &s->bodies, s->o.service);
    if (!x || !c->target) {
        if (x)
            exchange_unref(x);
        return MHD_NO;
    }
    c->exchange = x;
    c->input = false;
    x->connection = c;
    MHD_get_connection_values_n(c->mhd, MHD_HEADER_KIND, add_field, &head);
    if (strncmp(MHD_get_version(), "0.9.", 4) == 0 && !lines_are_whole(c, &head, method, version)) {
        x->closes = true;
        exchange_error(x, 400, NULL, "invalid_head",
                       "the head is not lines that end with CR LF, without NUL and folding");
    }
    gate_pass(s, x, method, c->target, &head, &f);
    x->expected = f.has_length ? f.length : UINT64_MAX;
    x->chunked = f.chunked;
    /* A body of a refused request is read and forgotten, unless it is huge: some clients read no answer before they
     * have sent all. One that waits for our word before it sends, and one whose head cannot be trusted, get it at once,
     * and the connection ends. */
    bool huge = f.has_length && f.length > DROP_BODIES * s->o.max_body;
    if (!exchange_begun(x) || !(x->closes || f.expects || huge)) {
        connections_enter(&s->connections, c, CONNECTION_BODY, clock_ms());
        return MHD_YES;
    }
    x->closes = true;
    connections_enter(&s->connections, c, CONNECTION_BUSY, clock_ms());
    return reply_queue(s, c, x);
}

/* ---- the body ------------------------------------------------------------------------------------------- */

static enum MHD_Result take_body(struct server *s, struct exchange *x, const char *data, size_t n)
{
    x->received += n;
    if (exchange_begun(x)) /* it is refused: the rest is forgotten, but not for ever */
        return x->received > DROP_BODIES * s->o.max_body ? MHD_NO : MHD_YES;
    int status = exchange_add_body(x, data, n, x->expected, s->o.max_body);
    if (status) {
        exchange_drop_body(x);
        if (status == 413)
            exchange_error(x, status, NULL, "request_too_large", "the body has more than %zu bytes (--max-body)",
                           s->o.max_body);
        else
            exchange_error(x, status, NULL, "overloaded", "too many large requests are on their way; try again");
    }
    return MHD_YES;
}

static void dispatch(struct server *s, struct exchange *x)
{
    x->dispatched = true;
    if (x->route->kind == ROUTE_IO) {
        exchange_keep(x);
        x->route->handler(x);
        exchange_release(x);
    } else if (!workers_push(s->workers, x))
        exchange_error(x, 503, NULL, "overloaded", "too many requests wait; try again");
}

static enum MHD_Result take_whole(struct server *s, struct connection *c, struct exchange *x)
{
    if (c->state == CONNECTION_LEAVING)
        return MHD_NO;
    if (c->state != CONNECTION_BUSY) {
        connections_enter(&s->connections, c, CONNECTION_BUSY, clock_ms());
        c->input = false;
    }
    /* The library takes a bare LF between chunks for the end of a line: where a proxy does not, what follows is not
     * the next request to both. Nothing follows. */
    x->closes |= x->chunked;
    if (!x->dispatched && !exchange_begun(x)) {
        if (c->half_closed && x->route->kind != ROUTE_IO) {
            connections_leave(&s->connections, c, clock_ms());
            return MHD_NO;
        }
        dispatch(s, x);
    }
    if (exchange_begun(x))
        return reply_queue(s, c, x);
    connection_suspend(c);
    return MHD_YES;
}

enum MHD_Result admit_request(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
                              const char *version, const char *data, size_t *n, void **context)
{
    struct server *s = cls;
    struct connection *c = connection_of(mhd);
    (void)url;
    (void)context;
    s->progress++;
    if (!c->exchange)
        return take_head(s, c, method, version);
    if (*n == 0)
        return take_whole(s, c, c->exchange);
    size_t len = *n;
    *n = 0;
    return take_body(s, c->exchange, data, len);
}

/* ---- the end -------------------------------------------------------------------------------------------- */

static void count_status(struct server *s, int status)
{
    if (status >= 500)
        s->count.status_5xx++;
    else if (status >= 400)
        s->count.status_4xx++;
    else if (status)
        s->count.status_2xx++;
}

static void log_request(struct server *s, const struct connection *c, struct exchange *x, bool whole)
{
    int status = x->queued ? x->status : 0;
    count_status(s, status);
    s->count.left += !whole;
    access_log_line(s->log, &(struct access_line){.peer = c->peer,
                                                  .method = x->method,
                                                  .path = x->path,
                                                  .key_name = exchange_key_name(x),
                                                  .request_id = x->request_id,
                                                  .user_agent = x->user_agent,
                                                  .note = x->note,
                                                  .status = status,
                                                  .whole = whole,
                                                  .received = x->received,
                                                  .sent = x->sent,
                                                  .seconds = (double)(clock_ms() - x->began_ms) / 1000});
}

void admit_completed(void *cls, struct MHD_Connection *mhd, void **context, enum MHD_RequestTerminationCode how)
{
    struct server *s = cls;
    struct connection *c = connection_of(mhd);
    struct exchange *x = c->exchange;
    bool whole = how == MHD_REQUEST_TERMINATED_COMPLETED_OK;
    (void)context;
    s->progress++;
    if (x) {
        if (!whole)
            exchange_leave(x);
        log_request(s, c, x, whole);
        if (x->counted) {
            s->running--;
            if (x->tenant)
                x->tenant->running--;
        }
        x->connection = NULL;
        c->exchange = NULL;
        exchange_unref(x);
    }
    mem_free(c->target);
    c->target = NULL;
    connections_enter(&s->connections, c, c->input ? CONNECTION_HEAD : CONNECTION_IDLE, clock_ms());
    c->input = false;
    if (c->half_closed)
        connections_half_closed(&s->connections, c);
}
