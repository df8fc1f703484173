/* http_parts.h: the server from the inside: its loop's descriptors. */
#ifndef OSSO_SERVE_HTTP_PARTS_H
#define OSSO_SERVE_HTTP_PARTS_H

#include "serve/http.h"
#include "serve/listen.h"
#include "serve/server.h"

/* Connections accepted in one round of the loop. */
enum { ACCEPTS = 64 };
/* What an event is about, beside pointers to connections. */
enum { TAG_WAKE = 1, TAG_LIBRARY, TAG_SIGNAL, TAG_LISTEN };

struct http {
    struct server s;
    struct MHD_Daemon *daemon;
    struct listening listening;
    const char **hosts; /* --allow-host, and --host if it is a name */
    int epoll, signals;
    atomic_bool stop;
    bool given_up;
    int64_t drain_until;
    bool second_signal;
    uint64_t progress; /* the server's, after the last round */
    int still;         /* rounds without any */
};

#endif
