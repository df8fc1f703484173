/* request_prompt.h: what the dialects' readers share. */
#ifndef OSSO_SERVE_REQUEST_PROMPT_H
#define OSSO_SERVE_REQUEST_PROMPT_H

#include "serve/api/request.h"

/* A chat request's JSON (normalised: functions only) as the prompt. */
bool request_prompt(struct request *q, const struct request_world *world, const struct buf *chat, struct refusal *r);
/* "low", "medium" or "high" of what clients say; false: none of them. */
bool request_effort(struct request *q, const struct jval *v, const char *param, struct refusal *r);

#endif
