/* refusal_send.h: a refusal as the answer of an exchange. */
#ifndef OSSO_SERVE_REFUSAL_SEND_H
#define OSSO_SERVE_REFUSAL_SEND_H

#include "serve/api/refusal.h"

struct exchange;

void refusal_send(struct exchange *x, const struct refusal *r);

#endif
