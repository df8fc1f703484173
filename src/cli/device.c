/* device.c: --device as the library's names of backends. */
#include "cli/device.h"

#include "base/error.h"
#include "cli/out.h"

#include <stdio.h>
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

/* What is said of a GPU's memory does nothing where the CPU computes. */
static enum osso_status no_gpu(const struct options *o, struct osso_error *err)
{
    const char *vain = o->v[OPT_gpu_memory].typed    ? "--gpu-memory"
                       : o->v[OPT_cpu_experts].typed ? "--cpu-experts"
                                                     : NULL;
    return vain ? error_set(err, OSSO_USAGE, "%s shares out a GPU's memory, and the CPU computes; add --device gpu",
                            vain)
                : OSSO_OK;
}

/* ---- for --version -------------------------------------------------------------------------------------- */

enum { MOST_GPUS = 16 };
struct gpus {
    struct osso_gpu gpu[MOST_GPUS];
    int n;
};

static void add(void *user, const struct osso_gpu *gpu)
{
    struct gpus *all = user;
    if (all->n < MOST_GPUS)
        all->gpu[all->n++] = *gpu;
}

void device_versions(void)
{
    static struct gpus all;
    struct osso_error err;
    all.n = 0;
    osso_gpu_list(add, &all, &err);
    for (int i = 0; i < all.n; i++) {
        struct osso_gpu *gpu = &all.gpu[i];
        printf("GPU %d: %s, %s; ", gpu->number, gpu->name, *gpu->driver ? gpu->driver : "an old driver");
        out_flush(); /* a driver that crashes has been named */
        if (gpu->lacks[0])
            printf("not for osso: it lacks %s\n", gpu->lacks);
        else if (osso_gpu_probe(gpu->number, gpu, &err))
            printf("not for osso: %s\n", err.text);
        else
            printf("bits: %s; %s\n", gpu->bits, *gpu->features ? gpu->features : "no optional features");
    }
}

enum osso_status device_find(struct options *o, struct osso_error *err)
{
    struct option_value *device = &o->v[OPT_device], *isa = &o->v[OPT_isa];
    if (!device->set || strcmp(device->s, "cpu") == 0)
        return no_gpu(o, err);
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
    e->device_bytes = o->v[OPT_gpu_memory].set ? (uint64_t)o->v[OPT_gpu_memory].i : 0;
    e->host_layers = o->v[OPT_cpu_experts].set ? (int)o->v[OPT_cpu_experts].i : 0;
}

struct osso_engine_options device_none(const struct osso_engine_options *engine_options)
{
    struct osso_engine_options e = *engine_options;
    if (e.backend)
        e.isa = NULL;
    e.backend = NULL;
    e.device_bytes = 0;
    e.host_layers = 0;
    return e;
}

void device_say(const struct osso_engine *engine, int asked, int n_layers)
{
    struct osso_engine_stats s = {.size = sizeof s};
    char bytes[32], layers[64];
    osso_engine_stats(engine, &s);
    if (s.host_layers > asked)
        say("note: the CPU computes the experts of %s: they (%s) do not fit the GPU's memory",
            device_layers(0, s.host_layers, n_layers, layers, sizeof layers), human_bytes(bytes, s.host_bytes));
}

const char *device_layers(int first, int end, int n_layers, char *text, size_t size)
{
    if (end - first == n_layers)
        return "all layers";
    if (end - first == 0)
        return "no layer";
    if (end - first == 1)
        snprintf(text, size, "layer %d", first);
    else
        snprintf(text, size, "layers %d to %d", first, end - 1);
    return text;
}
