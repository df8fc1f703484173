/* http.c: the loop. One thread waits for everything: the library's own epoll, new connections, the sockets themselves
 * (the library does not look at a suspended one), those that have written to an exchange, signals, and time. */
#define _GNU_SOURCE /* accept4 */
#include "serve/http.h"

#include "serve/admit.h"
#include "serve/deadlines.h"
#include "serve/listen.h"
#include "serve/plain.h"
#include "serve/server.h"
#include "serve/service.h"

#include "base/error.h"
#include "base/mem.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 256, ACCEPTS = 64, RESERVED = 128, CONNECTIONS_MAX = 65536, GIVE_UP_MS = 2000, POOL_BYTES = 8192 };
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
};

static void signal_set(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
}

void http_block_signals(void)
{
    sigset_t set;
    signal_set(&set);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
}

const char *http_url(const struct http *h)
{
    return h->listening.url;
}

/* ---- making one ----------------------------------------------------------------------------------------- */

static int or_default(int value, int standard)
{
    return value ? value : standard;
}

static void set_defaults(struct http_options *o, const struct listening *l)
{
    int most = or_default(o->max_connections, CONNECTIONS_MAX), got = listen_descriptors(most + RESERVED + ACCEPTS + l->n);
    got -= RESERVED + ACCEPTS + l->n;
    o->max_connections = got < 16 ? 16 : got;
    o->max_running = or_default(o->max_running, o->max_connections - (o->max_connections + 3) / 4);
    o->workers = or_default(o->workers, 2);
    o->worker_queue = or_default(o->worker_queue, 1024);
    o->max_body = o->max_body ? o->max_body : (size_t)8 << 20;
    o->max_bodies = o->max_bodies ? o->max_bodies : (size_t)256 << 20;
    if (o->max_bodies < 2 * o->max_body)
        o->max_bodies = 2 * o->max_body;
    o->head_ms = or_default(o->head_ms, 10000);
    o->body_ms = or_default(o->body_ms, 60000);
    o->idle_ms = or_default(o->idle_ms, 75000);
    o->write_ms = or_default(o->write_ms, 30000);
    o->silence_ms = or_default(o->silence_ms, 10000);
    o->drain_ms = o->drain_ms ? o->drain_ms : 30000;
    o->routes = o->routes ? o->routes : &plain_routes;
}

static enum osso_status watch(struct http *h, int fd, uint32_t events, uint64_t tag, struct osso_error *err)
{
    struct epoll_event e = {.events = events, .data.u64 = tag};
    return epoll_ctl(h->epoll, EPOLL_CTL_ADD, fd, &e) ? error_set(err, OSSO_IO, "epoll: %s", strerror(errno)) : OSSO_OK;
}

static bool is_wildcard(const char *host)
{
    return strspn(host, "0.:*[]") == strlen(host);
}

/* The names that the server is known by: those given, and the host itself where that is a name or a number. */
static enum osso_status list_hosts(struct http *h, struct osso_error *err)
{
    const struct http_options *o = &h->s.o;
    h->hosts = mem_array(o->n_allow_hosts + 1, sizeof *h->hosts);
    if (!h->hosts)
        return error_nomem(err, (o->n_allow_hosts + 1) * sizeof *h->hosts, "the list of hosts");
    for (size_t i = 0; i < o->n_allow_hosts; i++)
        h->hosts[h->s.hosts.n++] = o->allow_hosts[i];
    if (!is_wildcard(o->host)) /* 0.0.0.0 is a way to this machine for any page */
        h->hosts[h->s.hosts.n++] = o->host;
    h->s.hosts.name = h->hosts;
    for (size_t i = 0; i < o->n_allow_hosts; i++) {
        const char *name;
        size_t n;
        if (!names_split(o->allow_hosts[i], strlen(o->allow_hosts[i]), &name, &n) || n != strlen(o->allow_hosts[i]))
            return error_set(err, OSSO_USAGE, "--allow-host %s is no name of a host (without port)", o->allow_hosts[i]);
    }
    for (size_t i = 0; i < o->n_origins; i++)
        if (!names_is_origin(o->origins[i]))
            return error_set(err, OSSO_USAGE, "--cors-origin %s is no origin: write http://NAME or http://NAME:PORT",
                             o->origins[i]);
    h->s.origins = (struct name_list){o->origins, o->n_origins};
    return OSSO_OK;
}

static enum osso_status start_library(struct http *h, struct osso_error *err)
{
    struct server *s = &h->s;
    h->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, admit_request, s,
        MHD_OPTION_NOTIFY_CONNECTION, admit_connection, s, MHD_OPTION_NOTIFY_COMPLETED, admit_completed, s,
        MHD_OPTION_URI_LOG_CALLBACK, admit_target, s, MHD_OPTION_UNESCAPE_CALLBACK, admit_unescape, s,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)(s->o.max_connections + 2 * ACCEPTS), MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)POOL_BYTES, MHD_OPTION_CONNECTION_TIMEOUT, 0U, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
    const union MHD_DaemonInfo *info = h->daemon ? MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
    if (!info)
        return error_set(err, OSSO_IO, "the HTTP library (libmicrohttpd %s) does not start", MHD_get_version());
    return watch(h, info->epoll_fd, EPOLLIN, TAG_LIBRARY, err);
}

static enum osso_status open_loop(struct http *h, struct osso_error *err)
{
    sigset_t set;
    signal_set(&set);
    h->epoll = epoll_create1(EPOLL_CLOEXEC);
    h->s.ready.wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    h->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (h->epoll < 0 || h->s.ready.wake < 0 || h->signals < 0)
        return error_set(err, OSSO_IO, "epoll, eventfd or signalfd: %s", strerror(errno));
    enum osso_status status = watch(h, h->s.ready.wake, EPOLLIN, TAG_WAKE, err);
    if (!status)
        status = watch(h, h->signals, EPOLLIN, TAG_SIGNAL, err);
    for (int i = 0; i < h->listening.n && !status; i++)
        status = watch(h, h->listening.fd[i], EPOLLIN, TAG_LISTEN + (uint64_t)i, err);
    return status;
}

static enum osso_status load_keys(struct server *s, struct osso_error *err)
{
    struct keys fresh;
    enum osso_status status = keys_read(s->o.key_file, &fresh, err);
    if (!status)
        keys_replace(&s->keys, &fresh);
    return status;
}

enum osso_status http_create(const struct http_options *options, struct http **http_out, struct osso_error *err)
{
    struct http *h = mem_alloc(sizeof *h);
    *http_out = NULL;
    if (!h)
        return error_nomem(err, sizeof *h, "the server");
    struct server *s = &h->s;
    s->o = *options;
    s->o.host = options->host ? options->host : "127.0.0.1";
    h->epoll = h->signals = s->ready.wake = -1;
    pthread_mutex_init(&s->ready.lock, NULL);
    s->keyed = options->key_file != NULL;
    if (getrandom(s->salt, sizeof s->salt, GRND_NONBLOCK) < 0)
        s->salt[0] = (uint64_t)now_ms() ^ (uint64_t)getpid() << 32;
    enum osso_status status = list_hosts(h, err);
    if (!status && s->keyed)
        status = load_keys(s, err);
    if (!status)
        status = listen_open(&s->o, &h->listening, err);
    if (!status) {
        set_defaults(&s->o, &h->listening);
        s->bodies.limit = s->o.max_bodies;
        status = open_loop(h, err);
    }
    if (!status)
        status = access_log_open(STDERR_FILENO, s->o.log_jsonl, &s->log, err);
    if (!status)
        status = workers_start(s->o.workers, s->o.worker_queue, &s->workers, err);
    if (!status)
        status = start_library(h, err);
    if (status)
        http_free(h);
    else
        *http_out = h;
    return status;
}

void http_free(struct http *h)
{
    if (!h)
        return;
    struct server *s = &h->s;
    if (h->daemon)
        MHD_stop_daemon(h->daemon);
    workers_stop(s->workers);
    for (struct exchange *x; (x = ready_take(&s->ready));)
        exchange_unref(x);
    connections_reap(&s->connections);
    access_log_close(s->log);
    listen_close(&h->listening);
    keys_free(&s->keys);
    const int fd[] = {h->epoll, h->signals, s->ready.wake};
    for (size_t i = 0; i < sizeof fd / sizeof *fd; i++)
        if (fd[i] >= 0)
            close(fd[i]);
    pthread_mutex_destroy(&s->ready.lock);
    mem_free(h->hosts);
    mem_free(h);
}

/* ---- the loop ------------------------------------------------------------------------------------------- */

static void take_connection(struct http *h, int fd, const struct sockaddr_storage *address, socklen_t len)
{
    struct server *s = &h->s;
    struct connection *c = connections_add(&s->connections, fd, now_ms());
    if (!c) {
        close(fd);
        return;
    }
    s->count.accepted++;
    listen_name((const struct sockaddr *)address, c->peer, sizeof c->peer);
    s->arriving = c;
    /* The library closes the socket where it does not take it. */
    bool taken = MHD_add_connection(h->daemon, fd, (const struct sockaddr *)address, len) == MHD_YES;
    s->arriving = NULL;
    if (!taken) {
        if (c->fd >= 0) /* it was never told of */
            connections_remove(&s->connections, c);
        return;
    }
    struct epoll_event e = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.ptr = c};
    if (epoll_ctl(h->epoll, EPOLL_CTL_ADD, fd, &e))
        connections_leave(&s->connections, c, now_ms());
}

/* Room for one more connection, made by closing the longest idle; false: all are busy. */
static bool make_room(struct server *s)
{
    struct connection *c = connections_longest(&s->connections);
    if (!c)
        return false;
    s->count.closed_room++;
    connections_leave(&s->connections, c, now_ms());
    return true;
}

static void accept_some(struct http *h, int listener)
{
    struct server *s = &h->s;
    for (int i = 0; i < ACCEPTS; i++) {
        struct sockaddr_storage address = {0};
        socklen_t len = sizeof address;
        int fd = accept4(listener, (struct sockaddr *)&address, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS))
            make_room(s);
        if (fd < 0 && errno == ECONNABORTED)
            continue;
        if (fd < 0)
            return;
        size_t open = s->connections.n_open - s->connections.list[CONNECTION_LEAVING].n;
        if (open >= (size_t)s->o.max_connections && !make_room(s)) {
            s->count.refused++;
            close(fd);
        } else
            take_connection(h, fd, &address, len);
    }
}

static void on_connection(struct server *s, struct connection *c, uint32_t events)
{
    if (c->fd < 0 || c->state == CONNECTION_LEAVING)
        return;
    if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
        c->half_closed = true;
        if (c->state == CONNECTION_BUSY)
            connections_leave(&s->connections, c, now_ms());
    } else if (c->state == CONNECTION_IDLE)
        connections_enter(&s->connections, c, CONNECTION_HEAD, now_ms());
    else
        c->input = true;
}

static void take_ready(struct server *s)
{
    uint64_t n;
    if (read(s->ready.wake, &n, sizeof n) < 0 && errno != EAGAIN)
        return;
    for (struct exchange *x; (x = ready_take(&s->ready)); exchange_unref(x))
        if (x->connection)
            connection_wake(x->connection);
}

static void start_drain(struct http *h)
{
    struct server *s = &h->s;
    s->draining = true;
    h->drain_until = now_ms() + (s->o.drain_ms > 0 ? s->o.drain_ms : 0);
    listen_notify("STOPPING=1");
    if (s->running)
        access_log_say(s->log, "stopping: %d requests are being answered; a second signal ends them", s->running);
}

static void read_keys_again(struct server *s)
{
    struct osso_error err = {0};
    if (!s->keyed)
        access_log_say(s->log, "SIGHUP: there is no --api-key-file to read again");
    else if (load_keys(s, &err))
        access_log_say(s->log, "SIGHUP: the keys stay as they were: %s", err.text);
    else
        access_log_say(s->log, "SIGHUP: %zu keys", s->keys.n);
}

static void on_signal(struct http *h)
{
    struct signalfd_siginfo info;
    while (read(h->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGHUP)
            read_keys_again(&h->s);
        else if (h->s.draining)
            h->second_signal = true;
        else
            start_drain(h);
    }
}

static void handle(struct http *h, const struct epoll_event *e)
{
    if (e->data.u64 == TAG_WAKE)
        take_ready(&h->s);
    else if (e->data.u64 == TAG_SIGNAL)
        on_signal(h);
    else if (e->data.u64 >= TAG_LISTEN && e->data.u64 < TAG_LISTEN + LISTEN_MAX)
        accept_some(h, h->listening.fd[e->data.u64 - TAG_LISTEN]);
    else if (e->data.u64 != TAG_LIBRARY)
        on_connection(&h->s, e->data.ptr, e->events);
}

/* Is it over? When the time to drain is, whoever answers gets a moment to say so. */
static bool is_over(struct http *h)
{
    struct server *s = &h->s;
    if (!s->draining)
        return false;
    if (h->second_signal || s->running == 0)
        return true;
    if (now_ms() < h->drain_until)
        return false;
    if (h->given_up || !s->o.service || !s->o.service->give_up)
        return true;
    h->given_up = true;
    h->drain_until = now_ms() + GIVE_UP_MS;
    access_log_say(s->log, "stopping: %d answers end unfinished", s->running);
    s->o.service->give_up(s->o.service->user);
    return false;
}

/* Closes every connection and lets the library see it. */
static void close_all(struct http *h)
{
    struct server *s = &h->s;
    for (int state = 0; state < CONNECTION_LEAVING; state++)
        while (s->connections.list[state].first)
            connections_leave(&s->connections, s->connections.list[state].first, now_ms());
    for (int i = 0; i < 3; i++)
        MHD_run(h->daemon);
}

enum http_end http_run(struct http *h)
{
    struct server *s = &h->s;
    struct epoll_event events[EVENTS];
    listen_notify("READY=1");
    access_log_say(s->log, "up to %d connections at once", s->o.max_connections);
    while (!is_over(h)) {
        MHD_UNSIGNED_LONG_LONG pending = 1;
        int64_t wait = deadlines_wait(s, now_ms(), s->draining ? h->drain_until : INT64_MAX);
        if (MHD_get_timeout(h->daemon, &pending) == MHD_YES && pending == 0)
            wait = 0;
        int n = epoll_wait(h->epoll, events, EVENTS, (int)wait);
        /* Sockets first: what they have read until now is what they have when the library reads on. */
        for (int i = 0; i < n; i++)
            if (events[i].data.u64 >= TAG_LISTEN + LISTEN_MAX)
                handle(h, &events[i]);
        for (int i = 0; i < n; i++)
            if (events[i].data.u64 < TAG_LISTEN + LISTEN_MAX)
                handle(h, &events[i]);
        if (atomic_exchange(&h->stop, false) && !s->draining)
            start_drain(h);
        deadlines_pass(s, now_ms());
        MHD_run(h->daemon);
        connections_reap(&s->connections);
    }
    if (h->second_signal)
        return HTTP_SECOND_SIGNAL;
    close_all(h);
    return HTTP_DONE;
}

void http_stop(struct http *h)
{
    uint64_t one = 1;
    atomic_store(&h->stop, true);
    while (write(h->s.ready.wake, &one, sizeof one) < 0 && errno == EINTR)
        ;
}
