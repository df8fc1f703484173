/* plain.h: answers that need no model, and the table of all routes. */
#ifndef OSSO_SERVE_PLAIN_H
#define OSSO_SERVE_PLAIN_H

#include "serve/routes.h"

/* The rows of routes.def. */
extern const struct routes plain_routes;

#define ROUTE(method, path, key, kind, handler) void handler(struct exchange *x);
#include "serve/routes.def"

#endif
