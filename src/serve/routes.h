/* routes.h: from a method and a path to who answers it. */
#ifndef OSSO_SERVE_ROUTES_H
#define OSSO_SERVE_ROUTES_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

struct exchange;

enum route_key { ROUTE_PUBLIC, ROUTE_KEYED };
enum route_kind { ROUTE_IO, ROUTE_WORK };

struct route {
    const char *method, *path;
    enum route_key key;
    enum route_kind kind;
    void (*handler)(struct exchange *x);
};

struct routes {
    const struct route *route;
    size_t n;
};

/* NULL with *known_out: the path is there for other methods. *id_out, *id_len_out: what {id} stands for. HEAD is GET.
 */
const struct route *routes_find(const struct routes *routes, const char *method, const char *path, bool *known_out,
                                const char **id_out, size_t *id_len_out);
/* The methods of a path for an Allow header, OPTIONS not among them. */
void routes_allow(const struct routes *routes, const char *path, struct buf *out);

#endif
