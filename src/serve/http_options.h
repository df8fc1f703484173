/* http_options.h: what the HTTP room is told: where it listens, whom it lets in, its limits and deadlines. */
#ifndef OSSO_SERVE_HTTP_OPTIONS_H
#define OSSO_SERVE_HTTP_OPTIONS_H

#include "serve/routes.h"

#include <stdbool.h>
#include <stddef.h>

struct service;

struct http_options {
    const char *host; /* a name or number; NULL: 127.0.0.1 */
    int port;         /* 0: one that is free */
    bool insecure;    /* addresses that others reach are fine without keys */
    const char *key_file;
    const char *const *allow_hosts, *const *origins;
    size_t n_allow_hosts, n_origins;
    const struct routes *routes; /* NULL: routes.def */
    struct service *service;     /* may be NULL */
    /* 0: the default */
    int max_connections; /* what the descriptors allow, at most 65,536 */
    int max_running; /* requests of kind WORK that are being answered at once: a quarter of the connections stays free
                      */
    int workers, worker_queue;
    size_t max_body, max_bodies;                         /* 8 MiB, 256 MiB */
    int head_ms, body_ms, idle_ms, write_ms, silence_ms; /* 10, 60, 75, 30 and 10 seconds */
    int drain_ms;                                        /* -1: none; 0: 30 seconds */
    bool log_jsonl;
};

#endif
