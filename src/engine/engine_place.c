/* engine_place.c: does a model fit where it would be computed, and which experts stay with the host where it does not?
 */
#include "base/error.h"
#include "engine/engine_parts.h"
#include "model/params.h"

static uint64_t takes(const struct engine_memory *m)
{
    return m->weights + m->kv + m->activations + m->own;
}

/* Where the copies are another engine's, they lie as they lie, and nothing is taken for them. */
static void share_out(const struct backend *backend, const struct beside *beside, int n_layers, struct engine_memory *m)
{
    m->host_layers = beside->host_layers;
    m->lent = beside->host_bytes;
    m->weights = 0;
    m->room.n_layers = n_layers - beside->host_layers;
    m->room.weights = 0;
    m->room.n_tensors = 0;
    m->own = backend->reserve_bytes(backend, &m->room);
}

enum osso_status engine_place(const struct osso_model *model, const struct backend *backend, struct backend_room room,
                              int host_layers, const struct beside *beside, struct engine_memory *m,
                              struct osso_error *err)
{
    struct weights_sizes sizes;
    int n_layers = model->config.n_layers;
    enum osso_status status = weights_sizes(&model->weights, &model->config, &sizes, err);
    m->host_embed = m->lends && sizes.embed > 0;
    m->embed = m->host_embed ? sizes.embed : 0;
    m->weights = sizes.rest + sizes.embed - m->embed;
    for (int l = 0; l < n_layers; l++)
        m->weights += sizes.experts[l];
    for (int l = 0; l <= n_layers && !status; l++) {
        room.n_layers = n_layers - l;
        room.weights = m->weights;
        room.n_tensors = sizes.n_pieces;
        m->own = m->lends ? backend->reserve_bytes(backend, &room) : 0;
        m->room = room;
        m->host_layers = l;
        if (l == n_layers || !m->lends || (l >= host_layers && takes(m) <= m->available))
            break;
        m->weights -= sizes.experts[l];
        m->lent += sizes.experts[l];
    }
    if (!status && beside->there)
        share_out(backend, beside, n_layers, m);
    return status;
}

static unsigned long long mib(uint64_t bytes)
{
    return (unsigned long long)((bytes + (1 << 20) - 1) >> 20);
}

/* The device must hold all of it; what the host keeps beside it (tables) is small. */
static enum osso_status fits_device(const struct engine_memory *m, struct osso_error *err)
{
    if (takes(m) <= m->available)
        return OSSO_OK;
    return error_set(
        err, OSSO_NOMEM,
        "%s: %sthe model needs %llu MiB of its memory (weights %llu, K and V of %lld tokens %llu, scratch %llu), "
        "and %llu MiB are %s; %scompute on the CPU with --device cpu, or overrule this with "
        "--force-memory",
        m->name, m->lends ? "even with all experts on the CPU " : "", mib(takes(m)), mib(m->weights),
        (long long)m->context, mib(m->kv), mib(m->activations + m->own), (unsigned long long)(m->available >> 20),
        m->allowed ? "allowed (--gpu-memory: raise it)" : "free",
        m->weights + m->activations + m->own < m->available ? "ask for less with -c, " : "");
}

enum osso_status engine_fits(const struct engine_memory *m, struct osso_error *err)
{
    if (m->apart)
        return fits_device(m, err);
    uint64_t need = m->kv + m->activations + m->tables;
    if (need <= m->available)
        return OSSO_OK;
    return error_set(err, OSSO_NOMEM,
                     "a context of %lld tokens needs %llu MiB for KV cache and activations, %llu MiB of memory are "
                     "free; ask for less with -c, or overrule this with --force-memory",
                     (long long)m->context, (unsigned long long)(need >> 20), (unsigned long long)(m->available >> 20));
}
