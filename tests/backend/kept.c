/* kept.c: a backend for tests: Vulkan's, on a device that stays open until the program ends. Each engine has memory and
 * weights of its own there, but kernels are compiled once: programs that make hundreds of engines (tests/all.sh,
 * OSSO_TEST_BACKEND=kept) took most of their time for that. `variant` as Vulkan's; one device is kept, the first. */
#define _POSIX_C_SOURCE 200809L
#include "backend/backend.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

backend_open_fn kept_open;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static const struct backend *kept;
static char *which;

static void end(void)
{
    kept->close(kept);
    free(which);
}

enum osso_status kept_open(const char *variant, const struct backend **backend_out, struct osso_error *err)
{
    const char *name = variant ? variant : "";
    enum osso_status status = OSSO_OK;
    *backend_out = NULL;
    pthread_mutex_lock(&lock);
    if (!kept && (status = backend_open("vulkan", variant, &kept, err)) == OSSO_OK) {
        which = strdup(name);
        atexit(end);
    }
    if (!status)
        status = strcmp(which, name) == 0 ? kept->share(kept, backend_out, err)
                                          : backend_open("vulkan", variant, backend_out, err);
    pthread_mutex_unlock(&lock);
    return status;
}
