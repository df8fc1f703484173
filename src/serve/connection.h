/* connection.h: every connection, in a list of those that wait for the same thing, the longest waiting first. Each list
 * has one time that its members may stay, so the head of a list says what is due next; and what is to be closed for
 * room is the head of a list too. All of it is the I/O thread's. */
#ifndef OSSO_SERVE_CONNECTION_H
#define OSSO_SERVE_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct MHD_Connection;
struct exchange;

enum connection_state {
    CONNECTION_HEAD,    /* a head has begun, or the connection is new */
    CONNECTION_BODY,    /* the head is read, the body is not */
    CONNECTION_BUSY,    /* the request is being answered */
    CONNECTION_IDLE,    /* between two requests */
    CONNECTION_LEAVING, /* shut down; the library closes it when it looks next */
    CONNECTION_STATES
};

struct connection {
    struct connection *prev, *next;
    enum connection_state state;
    int64_t since_ms;
    int fd;
    struct MHD_Connection *mhd;
    struct exchange *exchange; /* the request that it carries, or NULL */
    char *target;              /* of the request line, whole */
    const char *target_at;     /* where the library has it */
    bool suspended;
    bool half_closed; /* the client sends nothing any more: it has left, as far as anybody can tell */
    bool ending;      /* in the list `ending` */
    struct connection *next_ending;
    bool input; /* bytes came while it was busy */
    /* what was unsent when it was last looked at, and when that last changed */
    int unsent;
    uint64_t sent;
    int64_t moved_ms;
    char peer[64];
};

struct connection_list {
    struct connection *first, *last;
    size_t n;
};

struct connections {
    struct connection_list list[CONNECTION_STATES];
    struct connection *ending; /* half closed, and perhaps not read to the end */
    struct connection *dead;   /* closed, not yet freed: events for them may be on their way */
    size_t n_open;
};

/* In the state HEAD; NULL: no memory. */
struct connection *connections_add(struct connections *all, int fd, int64_t now_ms);
void connections_enter(struct connections *all, struct connection *c, enum connection_state state, int64_t now_ms);
/* Shuts the socket down both ways: the library sees that and closes it. Whoever answers is told. */
void connections_leave(struct connections *all, struct connection *c, int64_t now_ms);
/* The client has shut down its side: what it sent before may still be a whole request. */
void connections_half_closed(struct connections *all, struct connection *c);
/* Those of them that have nothing left to read and are not being answered leave: the library does not see an end that
 * came together with the last bytes. To be called when the library has read. */
void connections_end(struct connections *all, int64_t now_ms);
/* The library has closed it. */
void connections_remove(struct connections *all, struct connection *c);
void connections_reap(struct connections *all);
/* Who is to go first when there is no room: the longest idle, then the longest unfinished head, then body; or NULL. */
struct connection *connections_longest(const struct connections *all);

/* The library forgets the connection until it is woken; both do nothing where it is so already. */
void connection_suspend(struct connection *c);
void connection_wake(struct connection *c);
/* Milliseconds since the client last took something of what is unsent; 0: there is nothing. */
int64_t connection_stalled(struct connection *c, uint64_t sent, int64_t now_ms);

#endif
