/* connection.c: lists of connections by state. */
#include "serve/connection.h"

#include "serve/exchange_parts.h"

#include "base/mem.h"

#include <microhttpd.h>

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static void append(struct connections *all, struct connection *c, enum connection_state state, int64_t now)
{
    struct connection_list *l = &all->list[state];
    c->state = state;
    c->since_ms = now;
    c->next = NULL;
    c->prev = l->last;
    *(l->last ? &l->last->next : &l->first) = c;
    l->last = c;
    l->n++;
}

static void unlink_from(struct connections *all, struct connection *c)
{
    struct connection_list *l = &all->list[c->state];
    *(c->prev ? &c->prev->next : &l->first) = c->next;
    *(c->next ? &c->next->prev : &l->last) = c->prev;
    l->n--;
}

struct connection *connections_add(struct connections *all, int fd, int64_t now)
{
    struct connection *c = mem_alloc(sizeof *c);
    if (!c)
        return NULL;
    c->fd = fd;
    append(all, c, CONNECTION_HEAD, now);
    all->n_open++;
    return c;
}

void connections_enter(struct connections *all, struct connection *c, enum connection_state state, int64_t now)
{
    if (c->state == CONNECTION_LEAVING)
        return;
    unlink_from(all, c);
    append(all, c, state, now);
    c->moved_ms = now;
}

void connections_leave(struct connections *all, struct connection *c, int64_t now)
{
    if (c->state == CONNECTION_LEAVING)
        return;
    connections_enter(all, c, CONNECTION_LEAVING, now);
    shutdown(c->fd, SHUT_RDWR);
    if (c->exchange)
        exchange_leave(c->exchange);
    connection_wake(c);
}

void connections_half_closed(struct connections *all, struct connection *c)
{
    c->half_closed = true;
    if (!c->ending) {
        c->ending = true;
        c->next_ending = all->ending;
        all->ending = c;
    }
}

void connections_end(struct connections *all, int64_t now)
{
    struct connection **at = &all->ending;
    for (struct connection *c; (c = *at);) {
        int unread = 0;
        bool waits = c->fd >= 0 && c->state != CONNECTION_LEAVING && c->state != CONNECTION_BUSY;
        if (waits && ioctl(c->fd, FIONREAD, &unread) == 0 && unread > 0) {
            at = &c->next_ending;
            continue;
        }
        *at = c->next_ending;
        c->ending = false;
        if (waits)
            connections_leave(all, c, now);
    }
}

void connections_remove(struct connections *all, struct connection *c)
{
    unlink_from(all, c);
    all->n_open--;
    c->fd = -1;
    c->next = all->dead;
    all->dead = c;
}

void connections_reap(struct connections *all)
{
    for (struct connection *c; (c = all->dead);) {
        all->dead = c->next;
        mem_free(c->target);
        mem_free(c);
    }
}

struct connection *connections_longest(const struct connections *all)
{
    static const enum connection_state order[] = {CONNECTION_IDLE, CONNECTION_HEAD, CONNECTION_BODY};
    for (size_t i = 0; i < sizeof order / sizeof *order; i++)
        if (all->list[order[i]].first)
            return all->list[order[i]].first;
    return NULL;
}

void connection_suspend(struct connection *c)
{
    if (!c->suspended) {
        c->suspended = true;
        MHD_suspend_connection(c->mhd);
    }
}

void connection_wake(struct connection *c)
{
    if (c->suspended) {
        c->suspended = false;
        MHD_resume_connection(c->mhd);
    }
}

/* What is in the socket and not acknowledged: when it stays the same while nothing is added, the client reads nothing.
 */
int64_t connection_stalled(struct connection *c, uint64_t sent, int64_t now)
{
    int unsent = 0;
    if (ioctl(c->fd, SIOCOUTQ, &unsent) < 0 || unsent == 0 || unsent != c->unsent || sent != c->sent)
        c->moved_ms = now;
    c->unsent = unsent;
    c->sent = sent;
    return now - c->moved_ms;
}
