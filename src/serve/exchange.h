/* exchange.h: one request and its answer, as the handlers of routes.def see it.
 *
 * A handler is called once the whole request is there, on a worker thread or, for routes of kind IO, on the I/O thread
 * (then it must not wait). It answers from whatever thread and whenever it likes, in one of two ways:
 *
 *     exchange_reply(x, 200, NULL, "application/json", body, n);
 *
 *     exchange_stream_begin(x, 200, NULL, "text/event-stream");
 *     exchange_write(x, event, n) ...             never waits; says how much the client has not read yet
 *     exchange_end(x);
 *
 * Who answers later than the handler returns takes a reference first (exchange_keep) and gives it back at the end
 * (exchange_release). An exchange that everybody has let go of without an answer is answered with 500, one whose stream
 * has not ended is cut: no client waits for ever. Writing to a client that has left is harmless. A client that has shut
 * down its sending side counts as one that left: the two look alike from here.
 *
 * Next: http.h, which runs the server. */
#ifndef OSSO_SERVE_EXCHANGE_H
#define OSSO_SERVE_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct exchange;
struct service;

/* ---- the request: the exchange's own memory, valid while a reference is held ---- */
const char *exchange_path(const struct exchange *x);
const char *exchange_id(const struct exchange *x);    /* what {id} of the route stood for; "" without one */
const char *exchange_query(const struct exchange *x); /* behind '?', as it was sent; "" without one */
/* A parameter of the query with its %XX undone, into text; false: not there, or longer than `size` allows. */
bool exchange_parameter(const struct exchange *x, const char *name, char *text, size_t size);
const char *exchange_user_agent(const struct exchange *x);
const char *exchange_body(const struct exchange *x, size_t *len_out); /* NUL behind it */
/* The body is read and not needed any more: it no longer counts among those in flight. */
void exchange_drop_body(struct exchange *x);
const char *exchange_request_id(const struct exchange *x);
/* Whose key it was: a number that a key keeps while the server runs (0: no key was asked for), and its name. */
uint64_t exchange_key_id(const struct exchange *x);
const char *exchange_key_name(const struct exchange *x);
struct service *exchange_service(const struct exchange *x);
/* Stands in the log beside the request: a few words, never of what was said. Before it is answered. */
void exchange_note(struct exchange *x, const char *words);

/* ---- the answer ---- */
/* headers: names and values in turn, NULL at the end; may be NULL. Only the first answer counts. */
void exchange_reply(struct exchange *x, int status, const char *const *headers, const char *content_type,
                    const void *body, size_t len);
/* {"error":{"message","type","param","code"}}; param and code may be NULL. 429 and 503 get a Retry-After of a second.
 */
void exchange_error(struct exchange *x, int status, const char *param, const char *code, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* The same with headers of the caller's instead. */
void exchange_error_with(struct exchange *x, int status, const char *const *headers, const char *code,
                         const char *format, ...) __attribute__((format(printf, 5, 6)));
void exchange_stream_begin(struct exchange *x, int status, const char *const *headers, const char *content_type);
/* Whole events only: comment lines are put between two calls. Returns the bytes that wait to be sent, EXCHANGE_GONE
 * once the client has left. One that still has more than EXCHANGE_UNREAD bytes to read counts as one that left. */
enum { EXCHANGE_UNREAD = 8 << 20 };
#define EXCHANGE_GONE SIZE_MAX
size_t exchange_write(struct exchange *x, const void *data, size_t len);
void exchange_end(struct exchange *x);
/* Ends a stream so that the client sees that it is not whole. */
void exchange_abort(struct exchange *x);

/* ---- its life ---- */
void exchange_keep(struct exchange *x);
void exchange_release(struct exchange *x);
bool exchange_gone(struct exchange *x);
/* fn(user) is called once when the client leaves or takes nothing for too long, at once if it has left already. It runs
 * under the exchange's lock, mostly on the I/O thread: it may set flags and wake somebody, nothing else. fn NULL:
 * nobody is called any more, and no call is running when this returns. */
void exchange_on_gone(struct exchange *x, void (*fn)(void *user), void *user);

#endif
