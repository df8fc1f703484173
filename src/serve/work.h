/* work.h: one request in work. */
#ifndef OSSO_SERVE_WORK_H
#define OSSO_SERVE_WORK_H

#include "serve/desk.h"

/* Takes the request and answers the exchange when it is done, in whatever way. False: *r says why; nothing has begun,
 * and the request is gone. */
bool work_begin(struct exchange *x, struct desk *desk, struct request *request, struct refusal *r);

#endif
