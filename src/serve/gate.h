/* gate.h: may this request be answered at all? Asked when its head is read and its body is not. */
#ifndef OSSO_SERVE_GATE_H
#define OSSO_SERVE_GATE_H

#include "serve/head.h"
#include "serve/server.h"

/* Fills the exchange from the head, finds its route and its key, and refuses (exchange_begun then) what may not pass. A
 * request of kind WORK that passes counts as running until the exchange is done with. */
void gate_pass(struct server *server, struct exchange *x, const char *method, const char *target,
               const struct head *head, struct head_facts *facts_out);

#endif
