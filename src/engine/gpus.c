/* gpus.c: the GPUs of this machine, as the doors show them. */
#include "osso/engine.h"

#include "backend/vulkan/vk.h"

#include <stdio.h>

struct asker {
    osso_gpu_fn *fn;
    void *user;
};

static void tell(void *user, int number, const struct vk_facts *facts)
{
    const struct asker *asker = user;
    struct osso_gpu gpu = {.size = sizeof gpu, .number = number, .on_cpu = facts->cpu, .memory_bytes = facts->memory};
    snprintf(gpu.name, sizeof gpu.name, "%s", facts->name);
    snprintf(gpu.driver, sizeof gpu.driver, "%s", facts->driver);
    snprintf(gpu.lacks, sizeof gpu.lacks, "%s", facts->lacks);
    asker->fn(asker->user, &gpu);
}

enum osso_status osso_gpu_list(osso_gpu_fn *fn, void *user, struct osso_error *err)
{
    struct asker asker = {fn, user};
    return vk_list(tell, &asker, err);
}
