/* http.h: the HTTP room of `osso serve`: libmicrohttpd inside an epoll loop of our own, on one thread that never waits.
 *
 * What it is asked for stands in routes.def; each request becomes an exchange (exchange.h) and goes to its route's
 * handler; what has a model stands behind service.h. The parts, from the socket inwards:
 *
 *     listen.c      where it listens, systemd's sockets, descriptors
 *     connection.c  every connection by what it waits for, and its deadline
 *     admit.c       a request's head: may it be answered at all? its body, and the hand-over to a handler
 *     reply.c       the answer back into the library
 *     http.c        making one
 *     loop.c        the loop, signals, the end */
#ifndef OSSO_SERVE_HTTP_H
#define OSSO_SERVE_HTTP_H

#include "serve/http_options.h"

#include "osso/status.h"

struct http;

/* To be called before any thread is started: SIGTERM, SIGINT and SIGHUP are the loop's from here on. */
void http_block_signals(void);
/* Listens. On failure *http_out is NULL; USAGE: an address that others reach, without keys. */
enum osso_status http_create(const struct http_options *options, struct http **http_out, struct osso_error *err);
/* "http://127.0.0.1:8080": the first address that it listens at. */
const char *http_url(const struct http *http);
/* Until a signal (or http_stop) ends it and what was being answered is answered or the time to drain is over. */
enum http_end { HTTP_DONE, HTTP_SECOND_SIGNAL };
enum http_end http_run(struct http *http);
/* The same as a first SIGTERM; from any thread. */
void http_stop(struct http *http);
/* After http_run: no handler runs any more when this returns, so that what they hand requests to can go. */
void http_quiet(struct http *http);
/* After whoever answers has let go of all exchanges. NULL is fine. */
void http_free(struct http *http);

#endif
