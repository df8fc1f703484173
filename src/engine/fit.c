/* fit.c: does an engine fit into the memory of what computes? Said before anything is allocated or uploaded. */
#include "base/error.h"
#include "base/sized.h"
#include "engine/engine_parts.h"
#include "model/params.h"

#include <stdio.h>

static unsigned long long mib(uint64_t bytes)
{
    return (unsigned long long)((bytes + (1 << 20) - 1) >> 20);
}

/* The device must hold all of it; what the host keeps beside it (tables) is small. */
static enum osso_status fits_device(const struct engine_memory *m, const char *name, struct osso_error *err)
{
    uint64_t need = m->weights + m->kv + m->activations;
    if (need <= m->available)
        return OSSO_OK;
    return error_set(err, OSSO_NOMEM,
                     "%s: the model needs %llu MiB of its memory (weights %llu, K and V of %lld tokens %llu, scratch %llu), "
                     "and %llu MiB are free; %scompute on the CPU with --device cpu, or overrule this with "
                     "--force-memory",
                     name, mib(need), mib(m->weights), (long long)m->context, mib(m->kv), mib(m->activations),
                     (unsigned long long)(m->available >> 20),
                     m->weights + m->activations < m->available ? "ask for less with -c, " : "");
}

enum osso_status engine_fits(const struct engine_memory *m, const char *name, struct osso_error *err)
{
    if (m->apart)
        return fits_device(m, name, err);
    uint64_t need = m->kv + m->activations + m->tables;
    if (need <= m->available)
        return OSSO_OK;
    return error_set(err, OSSO_NOMEM,
                     "a context of %lld tokens needs %llu MiB for KV cache and activations, %llu MiB of memory are "
                     "free; ask for less with -c, or overrule this with --force-memory",
                     (long long)m->context, (unsigned long long)(need >> 20), (unsigned long long)(m->available >> 20));
}

enum osso_status osso_engine_plan(const struct osso_model *model, const struct osso_engine_options *options,
                                  struct osso_engine_plan *out, struct osso_error *err)
{
    struct engine_memory m;
    enum osso_status status = engine_memory(&model->config, options, &m, err);
    if (!status && m.apart)
        status = weights_bytes(&model->weights, &model->config, &m.weights, err);
    struct osso_engine_plan plan = {.size = sizeof plan,
                                    .context = m.context,
                                    .weight_bytes = m.weights,
                                    .kv_bytes = m.kv,
                                    .scratch_bytes = m.activations,
                                    .available_bytes = m.available};
    snprintf(plan.device, sizeof plan.device, "%s", m.name);
    sized_out(out, &plan, sizeof plan);
    return status;
}
