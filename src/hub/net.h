/* net.h: HTTP requests, several at a time, by libcurl. Redirects are not followed here: where a request may go, and
 * with which token, is for whoever asked to say. An answer that comes to nothing within its time ends as STALLED. */
#ifndef OSSO_HUB_NET_H
#define OSSO_HUB_NET_H

#include "hub/net_answer.h"
#include "osso/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum net_end {
    NET_DONE,    /* the answer is whole */
    NET_CUT,     /* the connection was not made, or lost */
    NET_STALLED, /* slower than a kilobyte a second */
    NET_ENOUGH   /* the body function wanted no more */
};

struct net;
struct net_call {
    const char *url, *token; /* token NULL: none */
    bool ranged;
    uint64_t first, last;
    /* What the body brings; false: enough. answer is filled. */
    bool (*body)(void *user, const char *data, size_t n);
    void *user;
    /* what came of it */
    struct net_answer answer;
    enum net_end end;
    char why[200];
    /* net's own */
    struct net *net;
    void *easy, *headers;
    char detail[256]; /* libcurl's own words */
    bool refused;
    int64_t since_ms;
    uint64_t since_bytes;
};

enum osso_status net_create(int timeout_ms, struct net **net_out, struct osso_error *err);
void net_free(struct net *net); /* NULL is fine */
/* call lives until net_next returns it, or net_drop. */
enum osso_status net_begin(struct net *net, struct net_call *call, struct osso_error *err);
void net_drop(struct net *net, struct net_call *call);
/* Waits up to so long for calls and returns one that has ended, or NULL. */
struct net_call *net_next(struct net *net, int wait_ms);
/* The call is not asked for again: gives back what it holds. */
void net_close_call(struct net *net, struct net_call *call);

/* `location` seen from `base` into url_out; false: it is no address that osso follows. */
bool net_join(struct net *net, const char *base, const char *location, char url_out[NET_ADDRESS]);
/* Have they scheme, host and port in common? */
bool net_same_origin(struct net *net, const char *a, const char *b);
/* Is its host this machine? */
bool net_is_loopback(struct net *net, const char *url);
/* The scheme, the host and the port, for sentences: an address itself may hold a signature. */
void net_origin(struct net *net, const char *url, char *text, size_t size);

#endif
