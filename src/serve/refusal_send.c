/* refusal_send.c: a refusal as the answer of an exchange. */
#include "serve/refusal_send.h"

#include "serve/exchange.h"

void refusal_send(struct exchange *x, const struct refusal *r)
{
    static const char *const later[] = {"Retry-After", "1", NULL};
    struct buf out = {0};
    refusal_write(&out, r);
    exchange_reply(x, r->status, r->status == 429 || r->status == 503 ? later : NULL, "application/json", out.data,
                   out.len);
    buf_free(&out);
}
