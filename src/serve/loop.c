/* loop.c: one thread waits for everything: the library's own epoll, new connections, the sockets themselves (the
 * library does not look at a suspended one), those that have written to an exchange, signals, and time. */
#define _GNU_SOURCE /* accept4 */
#include "serve/deadlines.h"
#include "serve/http_parts.h"
#include "serve/service.h"

#include "base/clock.h"

#include <microhttpd.h>

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 256, GIVE_UP_MS = 2000, STILL = 64 /* rounds */ };

static void take_connection(struct http *h, int fd, const struct sockaddr_storage *address, socklen_t len)
{
    struct server *s = &h->s;
    struct connection *c = connections_add(&s->connections, fd, clock_ms());
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
        connections_leave(&s->connections, c, clock_ms());
}

/* Room for one more connection, made by closing the longest idle; false: all are busy. */
static bool make_room(struct server *s)
{
    struct connection *c = connections_longest(&s->connections);
    if (!c)
        return false;
    s->count.closed_room++;
    connections_leave(&s->connections, c, clock_ms());
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
        connections_half_closed(&s->connections, c);
        if (c->state == CONNECTION_BUSY)
            connections_leave(&s->connections, c, clock_ms());
    } else if (c->state == CONNECTION_IDLE)
        connections_enter(&s->connections, c, CONNECTION_HEAD, clock_ms());
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
    if (s->o.service && s->o.service->drain)
        s->o.service->drain(s->o.service->user);
    h->drain_until = clock_ms() + (s->o.drain_ms > 0 ? s->o.drain_ms : 0);
    listen_notify("STOPPING=1");
    if (s->running)
        access_log_say(s->log, "stopping: %d requests are being answered; a second signal ends them", s->running);
}

static void read_keys_again(struct server *s)
{
    struct osso_error err = {0};
    if (!s->keyed)
        access_log_say(s->log, "SIGHUP: there is no --api-key-file to read again");
    else if (keys_load(&s->keys, s->o.key_file, &err))
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
    if (clock_ms() < h->drain_until)
        return false;
    if (h->given_up || !s->o.service || !s->o.service->give_up)
        return true;
    h->given_up = true;
    h->drain_until = clock_ms() + GIVE_UP_MS;
    access_log_say(s->log, "stopping: %d answers end unfinished", s->running);
    s->o.service->give_up(s->o.service->user);
    return false;
}

/* The library calls for its turn at once, again and again, and gets nowhere: it holds as much as it can of a line that
 * does not end (a chunk's size with kilobytes behind it) and can read no more. Such a body leaves. */
static void end_stuck(struct http *h, bool at_once, bool any)
{
    struct server *s = &h->s;
    bool moved = any || !at_once || s->progress != h->progress;
    h->progress = s->progress;
    h->still = moved ? 0 : h->still + 1;
    if (h->still < STILL)
        return;
    h->still = 0;
    for (struct connection *c = s->connections.list[CONNECTION_BODY].first, *next; c; c = next) {
        int unread = 0;
        next = c->next;
        if (ioctl(c->fd, FIONREAD, &unread) == 0 && unread > 0) {
            s->count.closed_body++;
            connections_leave(&s->connections, c, clock_ms());
        }
    }
}

/* Closes every connection and lets the library see it. */
static void close_all(struct http *h)
{
    struct server *s = &h->s;
    for (int state = 0; state < CONNECTION_LEAVING; state++)
        while (s->connections.list[state].first)
            connections_leave(&s->connections, s->connections.list[state].first, clock_ms());
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
        int64_t wait = deadlines_wait(s, clock_ms(), s->draining ? h->drain_until : INT64_MAX);
        bool at_once = MHD_get_timeout(h->daemon, &pending) == MHD_YES && pending == 0;
        if (at_once)
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
        deadlines_pass(s, clock_ms());
        MHD_run(h->daemon);
        end_stuck(h, at_once, n > 0);
        connections_end(&s->connections, clock_ms());
        connections_reap(&s->connections);
    }
    if (h->second_signal)
        return HTTP_SECOND_SIGNAL;
    close_all(h);
    return HTTP_DONE;
}
