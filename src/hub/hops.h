/* hops.h: where a redirect may lead, what a hub's refusal means, and how long to wait before asking again. */
#ifndef OSSO_HUB_HOPS_H
#define OSSO_HUB_HOPS_H

#include "hub/net.h"
#include "hub/watch.h"

enum { MOST_HOPS = 8, MOST_FAILURES = 6, MOST_SILENT = 4 /* nobody answers at all */ };

/* The address behind a redirect of `from`. FORMAT: too many, to no address, or from https to http. */
enum osso_status hops_follow(struct net *net, const char *from, const struct net_answer *answer, int *hops,
                             char url_out[NET_ADDRESS], struct osso_error *err);
static inline bool hops_is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}
/* Is it worth asking again later? */
static inline bool hops_is_passing(int status)
{
    return status == 408 || status == 425 || status == 429 || status >= 500;
}
/* Milliseconds before the next try after so many failures in a row: what the server asks for (Retry-After), which
 * watch, if not NULL, is told when it is long. IO: it asks for longer than anybody would sit and wait, ten times
 * timeout_ms. */
enum osso_status hops_pause(struct net *net, const char *url, const struct net_answer *answer, int timeout_ms,
                            int failures, struct watch *watch, int64_t *ms_out, struct osso_error *err);
/* The sentence for an answer of the hub that is none of what was asked: `what` was asked for. */
enum osso_status hops_refusal(struct net *net, const char *url, const struct net_answer *answer, const char *what,
                              bool has_token, struct osso_error *err);

/* A small answer as a whole, with redirects, tries and a limit on its bytes. body NULL: only its head, of a range of
 * one byte. The token goes to hosts of url's origin only. */
struct buf;
enum osso_status hops_get(struct net *net, const char *url, const char *token, size_t limit, const char *what,
                          int timeout_ms, struct watch *watch, struct buf *body, struct net_answer *answer_out,
                          struct osso_error *err);

#endif
