/* reply.h: an exchange's answer into the HTTP library. */
#ifndef OSSO_SERVE_REPLY_H
#define OSSO_SERVE_REPLY_H

#include <microhttpd.h>

struct server;
struct connection;
struct exchange;

/* Queues the answer that the exchange has begun. */
enum MHD_Result reply_queue(struct server *server, struct connection *c, struct exchange *x);

#endif
