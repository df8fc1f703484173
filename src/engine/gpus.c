/* gpus.c: the GPUs of this machine, as the doors show them. */
#include "engine/engine_parts.h"

#include "backend/vulkan/vk.h"
#include "base/sized.h"

#include <stdio.h>

struct asker {
    osso_gpu_fn *fn;
    void *user;
};

void gpus_describe(const struct backend_device *d, struct osso_gpu *gpu_out)
{
    struct osso_gpu gpu = {
        .size = sizeof gpu, .number = d->number, .on_cpu = d->on_cpu, .memory_bytes = d->memory_bytes};
    snprintf(gpu.name, sizeof gpu.name, "%s", d->name);
    snprintf(gpu.driver, sizeof gpu.driver, "%s", d->driver);
    snprintf(gpu.features, sizeof gpu.features, "%s", d->features);
    snprintf(gpu.bits, sizeof gpu.bits, "%s", d->bits);
    sized_out(gpu_out, &gpu, sizeof gpu);
}

static void tell(void *user, const struct vk_facts *facts)
{
    const struct asker *asker = user;
    struct osso_gpu gpu = {.size = sizeof gpu};
    gpus_describe(&(struct backend_device){.number = facts->number,
                                           .name = facts->name,
                                           .driver = facts->driver,
                                           .features = facts->features,
                                           .bits = "",
                                           .memory_bytes = facts->memory,
                                           .on_cpu = facts->cpu},
                  &gpu);
    snprintf(gpu.lacks, sizeof gpu.lacks, "%s", facts->lacks);
    asker->fn(asker->user, &gpu);
}

enum osso_status osso_gpu_list(osso_gpu_fn *fn, void *user, struct osso_error *err)
{
    struct asker asker = {fn, user};
    return vk_list(tell, &asker, err);
}

enum osso_status osso_gpu_probe(int number, struct osso_gpu *gpu_out, struct osso_error *err)
{
    char which[16];
    const struct backend *backend;
    enum osso_status status = sized_check(gpu_out, "osso_gpu", err);
    snprintf(which, sizeof which, "%d", number);
    if (!status)
        status = backend_open("vulkan", which, &backend, err);
    if (status)
        return status;
    gpus_describe(backend->device, gpu_out);
    backend->close(backend);
    return OSSO_OK;
}

bool osso_engine_gpu(const struct osso_engine *e, struct osso_gpu *gpu_out)
{
    if (e->backend->device)
        gpus_describe(e->backend->device, gpu_out);
    return e->backend->device != NULL;
}
