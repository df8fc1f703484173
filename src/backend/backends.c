/* backends.c: finding a backend by its name in the list of all kinds, backends.def. */
#include "backend/backend.h"

#include "base/error.h"

#include <string.h>

#ifndef BACKENDS_BESIDE /* tests have kinds of their own beside those of the product (tests/backend/backends.c) */
#define BACKENDS_BESIDE
#endif

#define BACKEND(name) backend_open_fn name##_open;
#include "backend/backends.def"
BACKENDS_BESIDE
#undef BACKEND

static const struct {
    const char *name;
    backend_open_fn *open;
} backends[] = {
#define BACKEND(name) {#name, name##_open},
#include "backend/backends.def"
    BACKENDS_BESIDE
#undef BACKEND
};
enum { N_BACKENDS = sizeof backends / sizeof backends[0] };

const char *backend_name(int i)
{
    return i >= 0 && i < N_BACKENDS ? backends[i].name : NULL;
}

enum osso_status backend_open(const char *name, const char *variant, const struct backend **backend_out,
                              struct osso_error *err)
{
    *backend_out = NULL;
    name = name && name[0] ? name : backends[0].name;
    for (int i = 0; i < N_BACKENDS; i++)
        if (strcmp(name, backends[i].name) == 0)
            return backends[i].open(variant && variant[0] ? variant : NULL, backend_out, err);
    return error_set(err, OSSO_UNSUPPORTED, "backend \"%s\" is unknown; \"%s\" is always there", name,
                     backends[0].name);
}
