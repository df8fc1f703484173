/* weights_gguf.c: the names of llama.cpp's GGUF files. Matrices are [out][in] and experts stacked [E][out][in], gate and
 * up apart; attention may come fused, rows of q, then k, then v. */
#include "checkpoint/weights_resolve.h"

#include "base/error.h"

#include <stdio.h>

static void expert_matrix(struct resolver *r, const char *name, int64_t rows, int64_t cols, struct expert_matrix *out)
{
    const struct tensor *t = resolver_tensor(r, name, 3, (int64_t[]){r->config->n_experts, rows, cols});
    resolver_check_type(r, t, false);
    if (r->status)
        return;
    resolver_rows(t, 0, rows, cols, &out->first);
    out->stride = rows * out->first.row_stride;
}

static void resolve_qkv(struct resolver *r, struct layer_weights *l)
{
    const struct config *c = r->config;
    int64_t hidden = c->hidden, q = (int64_t)c->n_heads * c->head_dim, kv = (int64_t)c->n_kv_heads * c->head_dim;
    if (resolver_has(r, "attn_qkv.weight")) {
        const struct tensor *t = resolver_tensor(r, "attn_qkv.weight", 2, (int64_t[]){q + 2 * kv, hidden});
        resolver_check_type(r, t, false);
        if (!r->status) {
            resolver_rows(t, 0, q, hidden, &l->q);
            resolver_rows(t, q, kv, hidden, &l->k);
            resolver_rows(t, q + kv, kv, hidden, &l->v);
        }
    } else {
        resolver_matrix(r, "attn_q.weight", q, hidden, &l->q);
        resolver_matrix(r, "attn_k.weight", kv, hidden, &l->k);
        resolver_matrix(r, "attn_v.weight", kv, hidden, &l->v);
    }
    if (resolver_has(r, "attn_qkv.bias")) {
        resolver_vector(r, "attn_qkv.bias", q + 2 * kv, &l->q_bias);
        l->k_bias = l->q_bias ? l->q_bias + q : NULL;
        l->v_bias = l->k_bias ? l->k_bias + kv : NULL;
    } else {
        resolver_vector(r, "attn_q.bias", q, &l->q_bias);
        resolver_vector(r, "attn_k.bias", kv, &l->k_bias);
        resolver_vector(r, "attn_v.bias", kv, &l->v_bias);
    }
}

static void resolve_layer(struct resolver *r, struct layer_weights *l)
{
    const struct config *c = r->config;
    int64_t hidden = c->hidden, units = c->intermediate, q = (int64_t)c->n_heads * c->head_dim;
    resolver_vector(r, "attn_norm.weight", hidden, &l->attn_norm);
    resolve_qkv(r, l);
    resolver_matrix(r, "attn_output.weight", hidden, q, &l->o);
    resolver_vector(r, "attn_output.bias", hidden, &l->o_bias);
    resolver_vector(r, "attn_sinks.weight", c->n_heads, &l->sinks);
    resolver_vector(r, resolver_has(r, "post_attention_norm.weight") ? "post_attention_norm.weight" : "ffn_norm.weight", hidden,
                    &l->mlp_norm);
    resolver_matrix(r, "ffn_gate_inp.weight", c->n_experts, hidden, &l->router);
    resolver_vector(r, "ffn_gate_inp.bias", c->n_experts, &l->router_bias);
    expert_matrix(r, "ffn_gate_exps.weight", units, hidden, &l->gate);
    resolver_expert_bias(r, "ffn_gate_exps.bias", units, &l->gate_bias);
    expert_matrix(r, "ffn_up_exps.weight", units, hidden, &l->up);
    resolver_expert_bias(r, "ffn_up_exps.bias", units, &l->up_bias);
    /* Kernels take gate and up together, so both have one type. */
    if (!r->status && (l->gate.first.dtype != l->up.first.dtype || l->gate_bias.first.dtype != l->up_bias.first.dtype))
        r->status = error_set(r->err, OSSO_UNSUPPORTED, "%s: %sffn_gate_exps and ffn_up_exps have different types",
                              resolver_file(r), r->prefix);
    expert_matrix(r, "ffn_down_exps.weight", hidden, units, &l->down);
    resolver_expert_bias(r, "ffn_down_exps.bias", hidden, &l->down_bias);
}

void weights_gguf(struct resolver *r, struct weights *w)
{
    const struct config *c = r->config;
    resolver_matrix(r, "token_embd.weight", c->vocab, c->hidden, &w->embed);
    if (c->tied)
        w->head = w->embed;
    else
        resolver_matrix(r, "output.weight", c->vocab, c->hidden, &w->head);
    resolver_vector(r, "output_norm.weight", c->hidden, &w->final_norm);
    for (int n = 0; n < c->n_layers; n++) {
        snprintf(r->prefix, sizeof r->prefix, "blk.%d.", n);
        resolve_layer(r, &w->layers[n]);
    }
}
