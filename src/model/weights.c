/* weights.c: the table of a model's weights, and the only way to a layer's experts. */
#include "model/weights.h"

#include "base/error.h"
#include "base/mem.h"

#include <string.h>

struct view weights_expert_view(const struct expert_matrix *all, int expert)
{
    struct view v = all->first;
    v.data = all->apart ? all->apart[expert] : v.data + all->stride * expert;
    for (int i = 0; i < 2; i++)
        if (v.side[i].data)
            v.side[i].data += all->side_stride[i] * expert;
    if (v.lowrank)
        v.lowrank += expert;
    if (v.factor)
        v.factor += all->factor_step * expert;
    return v;
}

struct vec weights_expert_vec(const struct expert_bias *all, int expert)
{
    struct vec v = all->first;
    if (v.data)
        v.data += all->stride * expert;
    return v;
}

/* The mapping is always there, so this is pointer arithmetic; paging or offload would come here. */
void weights_expert(const struct expert_source *source, int layer, int expert, struct expert *out)
{
    const struct weights *w = source->model;
    const struct layer_weights *l = &w->layers[layer];
    out->gate = weights_expert_view(&l->gate, expert);
    out->up = weights_expert_view(&l->up, expert);
    out->down = weights_expert_view(&l->down, expert);
    out->gate_bias = weights_expert_vec(&l->gate_bias, expert);
    out->up_bias = weights_expert_vec(&l->up_bias, expert);
    out->down_bias = weights_expert_vec(&l->down_bias, expert);
}

enum osso_status weights_create(int n_layers, struct weights *w, struct osso_error *err)
{
    *w = (struct weights){.layers = mem_array((size_t)n_layers, sizeof *w->layers)};
    w->source = (struct expert_source){.get = weights_expert, .model = w};
    if (!w->layers)
        return error_nomem(err, (unsigned long long)n_layers * sizeof *w->layers, "the table of weights");
    return OSSO_OK;
}

enum osso_status weights_share(const struct weights *shared, int n_layers, struct weights *w, struct osso_error *err)
{
    enum osso_status status = weights_create(n_layers, w, err);
    if (status)
        return status;
    struct layer_weights *layers = w->layers;
    memcpy(layers, shared->layers, (size_t)n_layers * sizeof *layers);
    *w = *shared;
    w->layers = layers;
    w->vectors = NULL;
    w->apart = NULL;
    w->source.model = w;
    return OSSO_OK;
}

void weights_free(struct weights *weights)
{
    mem_free(weights->layers);
    mem_free(weights->vectors);
    mem_free(weights->apart);
    memset(weights, 0, sizeof *weights);
}
