/* device.c: --device as the library's names of backends. */
#include "cli/device.h"

#include "base/error.h"
#include "cli/out.h"

#include <string.h>

/* What stands behind "gpu" or "gpu:"; NULL: it is not the GPU's. */
static const char *which_gpu(const char *device)
{
    if (strncmp(device, "gpu", 3) != 0 || (device[3] && (device[3] != ':' || !device[4])))
        return NULL;
    return device + (device[3] ? 4 : 3);
}

static void look(void *user, const struct osso_gpu *gpu)
{
    if (!gpu->on_cpu && !gpu->lacks[0])
        *(bool *)user = true;
}

/* A GPU that is one and has what osso needs; else the CPU, and that is said. */
static const char *best_device(void)
{
    struct osso_error why = {"Vulkan finds none that osso can use"};
    bool there = false;
    osso_gpu_list(look, &there, &why);
    if (!there)
        say("note: --device auto: no GPU (%s), so the CPU computes", why.text);
    return there ? "gpu:real" : "cpu";
}

enum osso_status device_find(struct options *o, struct osso_error *err)
{
    struct option_value *device = &o->v[OPT_device], *isa = &o->v[OPT_isa];
    if (!device->set || strcmp(device->s, "cpu") == 0)
        return OSSO_OK;
    bool best = strcmp(device->s, "auto") == 0;
    if (!best && !which_gpu(device->s))
        return error_set(
            err, OSSO_USAGE,
            "--device: '%s' is none of cpu, gpu, gpu:NUMBER, gpu:NAME and auto (osso doctor lists the GPUs)",
            device->s);
    if (isa->typed)
        return error_set(err, OSSO_USAGE,
                         "--isa says what a CPU runs, and --device %s asks for a GPU; give one of them", device->s);
    if (best)
        device->s = best_device();
    return OSSO_OK;
}

void device_args(const struct options *o, struct osso_engine_options *e)
{
    const char *which = o->v[OPT_device].set ? which_gpu(o->v[OPT_device].s) : NULL;
    if (!which)
        return;
    e->backend = "vulkan";
    e->isa = which;
}

struct osso_engine_options device_none(const struct osso_engine_options *engine_options)
{
    struct osso_engine_options e = *engine_options;
    if (e.backend)
        e.isa = NULL;
    e.backend = NULL;
    return e;
}
