/* refusal_send.c: a refusal as the answer of an exchange. */
#include "serve/refusal_send.h"

#include "serve/exchange.h"

void refusal_send(struct exchange *x, const struct refusal *r)
{
    exchange_error(x, r->status, r->param[0] ? r->param : NULL, r->code, "%s", r->err.text);
}
