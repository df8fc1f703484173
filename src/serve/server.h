/* server.h: what the parts of a running server share on the I/O thread: options, keys, lists, counters. */
#ifndef OSSO_SERVE_SERVER_H
#define OSSO_SERVE_SERVER_H

#include "serve/access_log.h"
#include "serve/connection.h"
#include "serve/exchange_parts.h"
#include "serve/http_options.h"
#include "serve/hosts.h"
#include "serve/workers.h"

struct counters {
#define COUNTER(name, labels, help) uint64_t name;
#include "serve/counters.def"
};

struct server {
    struct http_options o;
    struct host_list hosts, origins;
    struct ready ready; /* first: server_of() finds the server by it */
    struct bodies bodies;
    struct connections connections;
    struct connection *arriving; /* the one that the library is just told of */
    struct keys keys;
    bool keyed;
    bool draining;
    int64_t looked_ms; /* when answers under way were last looked at */
    int running;       /* requests of kind WORK that are not answered whole */
    uint64_t progress; /* steps of requests: so many times the library asked for something */
    uint64_t ids[2];   /* where the next request id comes from */
    struct workers *workers;
    struct access_log *log;
    struct counters count;
};

struct server *server_of(const struct exchange *x);
void server_metrics(const struct server *server, struct buf *out);

#endif
