/* exchange_parts.h: an exchange from the inside: what the I/O thread fills, and what the threads share. */
#ifndef OSSO_SERVE_EXCHANGE_PARTS_H
#define OSSO_SERVE_EXCHANGE_PARTS_H

#include "serve/exchange.h"
#include "serve/keys.h"

#include "base/buf.h"

#include <pthread.h>
#include <stdatomic.h>

enum { REQUEST_ID_MAX = 128, EXCHANGE_BLOCK = 16384, DROP_BODIES = 4 };

struct connection;
struct route;

/* Exchanges that have something for the I/O thread, and how it is woken. */
struct ready {
    pthread_mutex_t lock;
    struct exchange *first, *last;
    int wake; /* an eventfd */
};

/* Bytes of bodies that are held at the moment. */
struct bodies {
    size_t limit;
    atomic_size_t held;
};

struct exchange {
    atomic_int refs;
    atomic_int holders; /* of those refs: who may still answer */
    struct ready *ready;
    struct bodies *bodies;
    struct service *service;
    /* the request: written by the I/O thread before the handler is called */
    const struct route *route;
    struct tenant *tenant;
    char method[16]; /* its beginning: for the log */
    char *path, *id, *query, *user_agent;
    char request_id[REQUEST_ID_MAX + 1];
    char *allow_origin; /* a listed origin that asked; NULL: none */
    char *note;         /* for the log; under the lock */
    char *body;
    size_t body_len, body_cap;
    int64_t began_ms;
    bool closes;  /* the connection ends with this answer */
    bool chunked; /* its body's end is found by reading it */
    /* the I/O thread's own */
    struct connection *connection; /* NULL once the connection is done with it */
    bool dispatched, queued, counted;
    uint64_t expected, received; /* bytes of the body, as announced (UINT64_MAX: not at all) and as they came */
    struct exchange *next_work, *next_ready;
    /* the answer, under the lock */
    pthread_mutex_t lock;
    bool begun, ended, cut, stream, events, gone, is_ready;
    int status;
    struct buf headers; /* "name\nvalue\n" each */
    struct buf out;
    size_t out_at; /* bytes of out that are sent */
    uint64_t sent;
    int64_t written_ms;
    void (*on_gone)(void *user);
    void *on_gone_user;
};

/* Of one reference, the I/O thread's; NULL: no memory. */
struct exchange *exchange_create(struct ready *ready, struct bodies *bodies, struct service *service);
/* More of the body: 0, or the status to refuse with (413 over `limit`, 503 for no room or memory). */
int exchange_add_body(struct exchange *x, const char *data, size_t len, uint64_t expected, size_t limit);

/* For the I/O thread: the next bytes of the answer. */
enum exchange_take { TAKE_DATA, TAKE_LATER, TAKE_END, TAKE_CUT };
enum exchange_take exchange_take(struct exchange *x, char *data, size_t size, size_t *len_out);
bool exchange_begun(struct exchange *x);
/* A comment line into an event stream that has been silent since `before_ms`. */
void exchange_remind(struct exchange *x, int64_t before_ms, int64_t now_ms);
/* The client has left: on_gone is called, what is unsent is forgotten. */
void exchange_leave(struct exchange *x);

/* References of those that do not answer: the connection's, the list's. */
void exchange_ref(struct exchange *x);
void exchange_unref(struct exchange *x);

/* The list of those with something to do, in order; each with a reference that the taker gives back (exchange_unref).
 */
struct exchange *ready_take(struct ready *ready);

#endif
