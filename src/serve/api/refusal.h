/* refusal.h: how the API says no: an HTTP status and OpenAI's error object. */
#ifndef OSSO_SERVE_REFUSAL_H
#define OSSO_SERVE_REFUSAL_H

#include "base/buf.h"
#include "osso/status.h"

#include <stdbool.h>

struct refusal {
    int status;       /* of HTTP; 0: nothing was refused */
    const char *code; /* "context_length_exceeded", or NULL */
    char param[96];   /* the field, "messages[0].role"; "": none */
    struct osso_error err;
};

/* Fills it and returns false, so that a check reads: return refuse(r, 400, "n", "..."). `param` may be NULL. Control
 * characters and broken UTF-8 in the sentence become '?'. */
bool refuse(struct refusal *r, int status, const char *param, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* The same for a sentence that a call has left in r->err. */
bool refuse_status(struct refusal *r, enum osso_status status, const char *param);
/* {"error":{"message","type","param","code"}}, of its pieces (param and code may be NULL) or of a refusal. */
void refusal_body(struct buf *out, int status, const char *param, const char *code, const char *message);
void refusal_write(struct buf *out, const struct refusal *r);

#endif
