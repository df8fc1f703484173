/* route_table.h: the rows of routes.def. */
#ifndef OSSO_SERVE_ROUTE_TABLE_H
#define OSSO_SERVE_ROUTE_TABLE_H

#include "serve/routes.h"

extern const struct routes routes_all;

#endif
