/* fit.c: does an engine fit into the memory of what computes? Said before anything is allocated or uploaded. */
#include "base/error.h"
#include "engine/engine_parts.h"

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
    return error_set(
        err, OSSO_NOMEM,
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
