/* request_apis.h: the reader of each dialect, after what they share is read. */
#ifndef OSSO_SERVE_REQUEST_APIS_H
#define OSSO_SERVE_REQUEST_APIS_H

#include "serve/api/request.h"

bool request_chat(struct request *q, const struct request_world *world, struct refusal *r);
bool request_responses(struct request *q, const struct request_world *world, struct refusal *r);
bool request_completions(struct request *q, const struct request_world *world, struct refusal *r);

#endif
