/* routes.c: matching a path against the table: exact, but for {id}. */
#include "serve/routes.h"

#include <string.h>

/* *id_out stays as it is for a path without {id}. */
static bool matches(const char *pattern, const char *path, const char **id_out, size_t *id_len_out)
{
    const char *hole = strstr(pattern, "{id}");
    if (!hole)
        return strcmp(pattern, path) == 0;
    size_t before = (size_t)(hole - pattern);
    if (strncmp(pattern, path, before) != 0)
        return false;
    size_t n = strcspn(path + before, "/");
    if (n == 0 || strcmp(path + before + n, hole + sizeof "{id}" - 1) != 0)
        return false;
    *id_out = path + before;
    *id_len_out = n;
    return true;
}

const struct route *routes_find(const struct routes *routes, const char *method, const char *path, bool *known_out,
                                const char **id_out, size_t *id_len_out)
{
    *known_out = false;
    *id_out = "";
    *id_len_out = 0;
    if (strcmp(method, "HEAD") == 0)
        method = "GET";
    for (size_t i = 0; i < routes->n; i++)
        if (matches(routes->route[i].path, path, id_out, id_len_out)) {
            *known_out = true;
            if (strcmp(routes->route[i].method, method) == 0)
                return &routes->route[i];
        }
    return NULL;
}

void routes_allow(const struct routes *routes, const char *path, struct buf *out)
{
    const char *id;
    size_t n;
    for (size_t i = 0; i < routes->n; i++)
        if (matches(routes->route[i].path, path, &id, &n)) {
            const char *method = routes->route[i].method;
            buf_printf(out, "%s%s%s", out->len ? ", " : "", method, strcmp(method, "GET") == 0 ? ", HEAD" : "");
        }
}
