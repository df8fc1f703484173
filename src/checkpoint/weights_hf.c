/* weights_hf.c: the Hugging Face names. Experts come as MXFP4 blocks and scales (rows = outputs) or, in exports of
 * fine-tuned models, dense and transposed (rows = inputs); in both, gate and up alternate along the outputs: even is
 * gate, odd is up. Each matrix decides for itself by the tensors that are there, never by the config's quant_method. */
#include "checkpoint/weights_resolve.h"

#include "base/error.h"

#include <stdio.h>

/* `rows` outputs of `cols` inputs for each expert, as blocks [E][rows][cols/32][16] and scales [E][rows][cols/32]. */
static void expert_blocks(struct resolver *r, const char *blocks_name, const char *scales_name, int64_t rows,
                          int64_t cols,
                          struct view *out, int64_t *bytes_out, int64_t *scale_bytes_out)
{
    int64_t n = r->config->n_experts, groups = cols / QUANT_BLOCK;
    if (!r->status && cols % QUANT_BLOCK != 0)
        r->status = error_set(r->err, OSSO_FORMAT, "%s: %s%s: MXFP4 needs rows of whole blocks of 32, not of %lld",
                              resolver_file(r), r->prefix, blocks_name, (long long)cols);
    const struct tensor *blocks = resolver_tensor(r, blocks_name, 4, (int64_t[]){n, rows, groups, 16});
    const struct tensor *scales = resolver_tensor(r, scales_name, 3, (int64_t[]){n, rows, groups});
    if (!r->status && (blocks->dtype != DT_U8 || scales->dtype != DT_U8))
        r->status = error_set(r->err, OSSO_UNSUPPORTED, "%s: tensors %s and %s must be U8", resolver_file(r),
                              blocks->name,
                              scales->name);
    if (r->status)
        return;
    *out = (struct view){.dtype = DT_MXFP4_HF, .data = blocks->data, .side = {{DT_U8, scales->data, groups}}, .rows = rows, .cols = cols,
                         .row_stride = groups * 16};
    *bytes_out = rows * groups * 16;
    *scale_bytes_out = rows * groups;
}

/* The same matrices as one value each, [E][cols][rows]. */
static void expert_dense(struct resolver *r, const char *name, int64_t rows, int64_t cols, struct view *out,
                         int64_t *bytes_out,
                         int64_t *scale_bytes_out)
{
    const struct tensor *t = resolver_tensor(r, name, 3, (int64_t[]){r->config->n_experts, cols, rows});
    resolver_check_type(r, t, true);
    if (r->status)
        return;
    int64_t value = resolver_row_bytes(t->dtype, 1);
    *out = (struct view){.dtype = t->dtype, .data = t->data, .rows = rows, .cols = cols, .row_stride = value,
                         .col_stride = rows * value};
    *bytes_out = rows * cols * value;
    *scale_bytes_out = 0;
}

/* Splits 2 I alternating rows into I rows of gate and I rows of up. */
static void split_alternating(struct layer_weights *l)
{
    l->gate.rows /= 2;
    l->up = l->gate;
    l->up.data += l->gate.row_stride;
    if (l->up.side[0].data)
        l->up.side[0].data += l->gate.side[0].stride;
    l->gate.row_stride = l->up.row_stride = 2 * l->gate.row_stride;
    l->gate.side[0].stride = l->up.side[0].stride = 2 * l->gate.side[0].stride;
    l->gate_bias.n /= 2;
    l->up_bias = l->gate_bias;
    l->up_bias.data += l->gate_bias.stride;
    l->gate_bias.stride = l->up_bias.stride = 2 * l->gate_bias.stride;
}

static void resolve_experts(struct resolver *r, struct layer_weights *l)
{
    int64_t hidden = r->config->hidden, units = r->config->intermediate;
    if (resolver_has(r, "mlp.experts.gate_up_proj_blocks"))
        expert_blocks(r, "mlp.experts.gate_up_proj_blocks", "mlp.experts.gate_up_proj_scales", 2 * units, hidden,
                      &l->gate,
                      &l->gate_expert_bytes, &l->gate_expert_scale_bytes);
    else
        expert_dense(r, "mlp.experts.gate_up_proj", 2 * units, hidden, &l->gate, &l->gate_expert_bytes,
                     &l->gate_expert_scale_bytes);
    resolver_expert_bias(r, "mlp.experts.gate_up_proj_bias", 2 * units, &l->gate_bias, &l->gate_bias_bytes);
    if (resolver_has(r, "mlp.experts.down_proj_blocks"))
        expert_blocks(r, "mlp.experts.down_proj_blocks", "mlp.experts.down_proj_scales", hidden, units, &l->down,
                      &l->down_expert_bytes, &l->down_expert_scale_bytes);
    else
        expert_dense(r, "mlp.experts.down_proj", hidden, units, &l->down, &l->down_expert_bytes,
                     &l->down_expert_scale_bytes);
    resolver_expert_bias(r, "mlp.experts.down_proj_bias", hidden, &l->down_bias, &l->down_bias_bytes);
    if (!r->status)
        split_alternating(l);
}

static void resolve_layer(struct resolver *r, struct layer_weights *l)
{
    const struct config *c = r->config;
    int64_t hidden = c->hidden, q = (int64_t)c->n_heads * c->head_dim, kv = (int64_t)c->n_kv_heads * c->head_dim;
    resolver_vector(r, "input_layernorm.weight", hidden, &l->attn_norm);
    resolver_matrix(r, "self_attn.q_proj.weight", q, hidden, &l->q);
    resolver_vector(r, "self_attn.q_proj.bias", q, &l->q_bias);
    resolver_matrix(r, "self_attn.k_proj.weight", kv, hidden, &l->k);
    resolver_vector(r, "self_attn.k_proj.bias", kv, &l->k_bias);
    resolver_matrix(r, "self_attn.v_proj.weight", kv, hidden, &l->v);
    resolver_vector(r, "self_attn.v_proj.bias", kv, &l->v_bias);
    resolver_matrix(r, "self_attn.o_proj.weight", hidden, q, &l->o);
    resolver_vector(r, "self_attn.o_proj.bias", hidden, &l->o_bias);
    resolver_vector(r, "self_attn.sinks", c->n_heads, &l->sinks);
    resolver_vector(r, "post_attention_layernorm.weight", hidden, &l->mlp_norm);
    resolver_matrix(r, "mlp.router.weight", c->n_experts, hidden, &l->router);
    resolver_vector(r, "mlp.router.bias", c->n_experts, &l->router_bias);
    resolve_experts(r, l);
}

void weights_hf(struct resolver *r, struct weights *w)
{
    const struct config *c = r->config;
    resolver_matrix(r, "model.embed_tokens.weight", c->vocab, c->hidden, &w->embed);
    if (c->tied)
        w->head = w->embed;
    else
        resolver_matrix(r, "lm_head.weight", c->vocab, c->hidden, &w->head);
    resolver_vector(r, "model.norm.weight", c->hidden, &w->final_norm);
    for (int n = 0; n < c->n_layers; n++) {
        snprintf(r->prefix, sizeof r->prefix, "model.layers.%d.", n);
        resolve_layer(r, &w->layers[n]);
    }
}
