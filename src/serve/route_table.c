/* route_table.c: routes.def with its handlers. */
#include "serve/route_table.h"

#include "serve/about.h"
#include "serve/api_routes.h"
#include "serve/stored_routes.h"
#include "serve/vitals.h"

static const struct route table[] = {
#define ROUTE(method, path, key, kind, handler, takes, gives) {#method, path, ROUTE_##key, ROUTE_##kind, handler},
#include "serve/routes.def"
};
const struct routes routes_all = {table, sizeof table / sizeof *table};
