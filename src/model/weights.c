/* weights.c: the only way to a layer's experts. */
#include "model/weights.h"

#include "base/mem.h"

#include <string.h>

static struct view expert_view(const struct view *first, int64_t bytes, int64_t scale_bytes, int expert)
{
    struct view v = *first;
    v.data += bytes * expert;
    if (v.side[0].data)
        v.side[0].data += scale_bytes * expert;
    return v;
}

static struct vec expert_vec(const struct vec *first, int64_t bytes, int expert)
{
    struct vec v = *first;
    if (v.data)
        v.data += bytes * expert;
    return v;
}

/* The mapping is always there, so this is pointer arithmetic; paging or offload would come here. */
void weights_expert(const struct expert_source *source, int layer, int expert, struct expert *out)
{
    const struct weights *w = source->model;
    const struct layer_weights *l = &w->layers[layer];
    out->gate = expert_view(&l->gate, l->gate_expert_bytes, l->gate_expert_scale_bytes, expert);
    out->up = expert_view(&l->up, l->gate_expert_bytes, l->gate_expert_scale_bytes, expert);
    out->down = expert_view(&l->down, l->down_expert_bytes, l->down_expert_scale_bytes, expert);
    out->gate_bias = expert_vec(&l->gate_bias, l->gate_bias_bytes, expert);
    out->up_bias = expert_vec(&l->up_bias, l->gate_bias_bytes, expert);
    out->down_bias = expert_vec(&l->down_bias, l->down_bias_bytes, expert);
}

void weights_free(struct weights *weights)
{
    mem_free(weights->layers);
    mem_free(weights->vectors);
    memset(weights, 0, sizeof *weights);
}
