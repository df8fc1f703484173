/* http.c: making and freeing a server: its options checked, its sockets, keys, threads and the HTTP library.
 *
 * Next: loop.c, which runs it. */
#include "serve/http.h"

#include "serve/admit.h"
#include "serve/http_parts.h"
#include "serve/route_table.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RESERVED = 128, CONNECTIONS_MAX = 65536, POOL_BYTES = 8192 };

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
    int most = or_default(o->max_connections, CONNECTIONS_MAX),
        got = listen_descriptors(most + RESERVED + ACCEPTS + l->n);
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
    o->routes = o->routes ? o->routes : &routes_all;
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
        if (!hosts_split(o->allow_hosts[i], strlen(o->allow_hosts[i]), &name, &n) || n != strlen(o->allow_hosts[i]))
            return error_set(err, OSSO_USAGE, "--allow-host %s is no name of a host (without port)", o->allow_hosts[i]);
    }
    for (size_t i = 0; i < o->n_origins; i++)
        if (!hosts_is_origin(o->origins[i]))
            return error_set(err, OSSO_USAGE, "--cors-origin %s is no origin: write http://NAME or http://NAME:PORT",
                             o->origins[i]);
    h->s.origins = (struct host_list){o->origins, o->n_origins};
    return OSSO_OK;
}

static enum osso_status start_library(struct http *h, struct osso_error *err)
{
    struct server *s = &h->s;
    h->daemon = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, admit_request, s,
        MHD_OPTION_NOTIFY_CONNECTION, admit_connection, s, MHD_OPTION_NOTIFY_COMPLETED, admit_completed, s,
        MHD_OPTION_URI_LOG_CALLBACK, admit_target, s, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)(s->o.max_connections + 2 * ACCEPTS), MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL_BYTES,
        MHD_OPTION_CONNECTION_TIMEOUT, 0U, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_END);
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
    if (getrandom(s->ids, sizeof s->ids, GRND_NONBLOCK) < 0)
        s->ids[0] = (uint64_t)clock_ms() ^ (uint64_t)getpid() << 32;
    enum osso_status status = list_hosts(h, err);
    if (!status && s->keyed)
        status = keys_load(&s->keys, s->o.key_file, err);
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

void http_quiet(struct http *h)
{
    if (!h)
        return;
    workers_stop(h->s.workers);
    h->s.workers = NULL;
}

void http_free(struct http *h)
{
    if (!h)
        return;
    struct server *s = &h->s;
    if (h->daemon)
        MHD_stop_daemon(h->daemon);
    http_quiet(h);
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

void http_stop(struct http *h)
{
    uint64_t one = 1;
    atomic_store(&h->stop, true);
    while (write(h->s.ready.wake, &one, sizeof one) < 0 && errno == EINTR)
        ;
}
