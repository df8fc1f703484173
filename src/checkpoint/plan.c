/* plan.c: the tensors of a gpt-oss checkpoint, as Hugging Face and as GGUF name and type them. */
#include "checkpoint/plan.h"
#include "checkpoint/config_files.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { PER_LAYER_MAX = 24, OUTSIDE_LAYERS = 3, STREAMS_PER_LAYER = 32, MAX_CONFIG = 1 << 20 };

/* The two lists below are written with these; `stream` counts the tensors of a layer in both alike. */
struct planner {
    struct plan *plan;
    const struct config *c;
    char prefix[40];
    uint32_t stream;
};

static struct plan_tensor *add(struct planner *p, const char *name, enum dtype dtype, int rank, const int64_t *shape)
{
    struct plan_tensor *t = &p->plan->list[p->plan->n++];
    uint64_t count = 1;
    snprintf(t->name, sizeof t->name, "%s%s", p->prefix, name);
    t->dtype = dtype;
    t->rank = rank;
    for (int i = 0; i < rank; i++) {
        t->shape[i] = shape[i];
        count *= (uint64_t)shape[i]; /* bounded by config_check */
    }
    t->row_values = shape[rank - 1];
    t->n_rows = (int64_t)(count / (uint64_t)t->row_values);
    t->stream = p->stream++;
    t->bytes = dtype == DT_U8 ? count : count / (uint64_t)dtype_info(dtype)->block * (uint64_t)dtype_info(dtype)->block_bytes;
    p->plan->bytes += t->bytes;
    return t;
}

static void vector(struct planner *p, const char *name, enum dtype dtype, int64_t n, float mean, float spread)
{
    struct plan_tensor *t = add(p, name, dtype, 1, &n);
    t->mean = mean;
    t->spread = spread;
}

/* Uniform values whose standard deviation is `gain` / sqrt(inputs): outputs are about as large as inputs. */
static void matrix(struct planner *p, const char *name, enum dtype dtype, int64_t rows, int64_t cols, float gain)
{
    struct plan_tensor *t = add(p, name, cols % dtype_info(dtype)->block ? DT_F16 : dtype, 2, (int64_t[]){rows, cols});
    t->spread = gain * sqrtf(3.0f / (float)cols);
}

/* ---- Hugging Face --------------------------------------------------------------------------------------- */

static void hf_expert_matrix(struct planner *p, const char *name, int64_t rows, int64_t cols, bool alternating)
{
    char text[64];
    int64_t n = p->c->n_experts;
    float spread = sqrtf(3.0f / (float)cols);
    uint32_t stream = p->stream;
    if (cols % 32 != 0) { /* MXFP4 is impossible: the dense, transposed form */
        struct plan_tensor *t = add(p, name, DT_BF16, 3, (int64_t[]){n, cols, rows});
        t->spread = spread;
        p->stream = stream + (alternating ? 2 : 1);
        return;
    }
    for (int part = PLAN_BLOCKS; part <= PLAN_SCALES; part++) {
        snprintf(text, sizeof text, "%s%s", name, part == PLAN_BLOCKS ? "_blocks" : "_scales");
        struct plan_tensor *t = add(p, text, DT_U8, part == PLAN_BLOCKS ? 4 : 3, (int64_t[]){n, rows, cols / 32, 16});
        t->row_values = cols;
        t->n_rows = n * rows;
        t->spread = spread;
        t->alternating = alternating;
        t->part = (enum plan_part)part;
        t->stream = stream;
    }
    p->stream = stream + (alternating ? 2 : 1);
}

static void hf_expert_bias(struct planner *p, const char *name, int64_t n)
{
    struct plan_tensor *t = add(p, name, DT_BF16, 2, (int64_t[]){p->c->n_experts, n});
    t->spread = 0.1f;
}

static void hf_layer(struct planner *p)
{
    const struct config *c = p->c;
    int64_t h = c->hidden, u = c->intermediate, q = (int64_t)c->n_heads * c->head_dim, kv = (int64_t)c->n_kv_heads * c->head_dim;
    vector(p, "input_layernorm.weight", DT_BF16, h, 1, 0.5f);
    matrix(p, "self_attn.q_proj.weight", DT_BF16, q, h, 1);
    vector(p, "self_attn.q_proj.bias", DT_BF16, q, 0, 0.1f);
    matrix(p, "self_attn.k_proj.weight", DT_BF16, kv, h, 1);
    vector(p, "self_attn.k_proj.bias", DT_BF16, kv, 0, 0.1f);
    matrix(p, "self_attn.v_proj.weight", DT_BF16, kv, h, 1);
    vector(p, "self_attn.v_proj.bias", DT_BF16, kv, 0, 0.1f);
    matrix(p, "self_attn.o_proj.weight", DT_BF16, h, q, 1);
    vector(p, "self_attn.o_proj.bias", DT_BF16, h, 0, 0.1f);
    vector(p, "self_attn.sinks", DT_BF16, c->n_heads, 0, 1);
    vector(p, "post_attention_layernorm.weight", DT_BF16, h, 1, 0.5f);
    matrix(p, "mlp.router.weight", DT_BF16, c->n_experts, h, 1);
    vector(p, "mlp.router.bias", DT_BF16, c->n_experts, 0, 0.1f);
    hf_expert_matrix(p, "mlp.experts.gate_up_proj", 2 * u, h, true);
    hf_expert_matrix(p, "mlp.experts.down_proj", h, u, false);
    hf_expert_bias(p, "mlp.experts.gate_up_proj_bias", 2 * u);
    hf_expert_bias(p, "mlp.experts.down_proj_bias", h);
}

static void hf_plan(struct planner *p)
{
    const struct config *c = p->c;
    matrix(p, "model.embed_tokens.weight", DT_BF16, c->vocab, c->hidden, sqrtf((float)c->hidden));
    for (int l = 0; l < c->n_layers; l++) {
        snprintf(p->prefix, sizeof p->prefix, "model.layers.%d.", l);
        p->stream = (uint32_t)(l + 1) * STREAMS_PER_LAYER;
        hf_layer(p);
    }
    p->prefix[0] = 0;
    p->stream = 1;
    vector(p, "model.norm.weight", DT_BF16, c->hidden, 1, 0.5f);
    if (!c->tied)
        matrix(p, "lm_head.weight", DT_BF16, c->vocab, c->hidden, 2);
}

/* ---- GGUF ----------------------------------------------------------------------------------------------- */

static void gguf_expert_matrix(struct planner *p, const char *name, int64_t rows, int64_t cols)
{
    struct plan_tensor *t = add(p, name, cols % 32 ? DT_F16 : DT_MXFP4, 3, (int64_t[]){p->c->n_experts, rows, cols});
    t->spread = sqrtf(3.0f / (float)cols);
}

static void gguf_expert_bias(struct planner *p, const char *name, int64_t n)
{
    struct plan_tensor *t = add(p, name, DT_F32, 2, (int64_t[]){p->c->n_experts, n});
    t->spread = 0.1f;
}

static void gguf_layer(struct planner *p)
{
    const struct config *c = p->c;
    int64_t h = c->hidden, u = c->intermediate, q = (int64_t)c->n_heads * c->head_dim, kv = (int64_t)c->n_kv_heads * c->head_dim;
    vector(p, "attn_norm.weight", DT_F32, h, 1, 0.5f);
    matrix(p, "attn_q.weight", DT_Q8_0, q, h, 1);
    vector(p, "attn_q.bias", DT_F32, q, 0, 0.1f);
    matrix(p, "attn_k.weight", DT_Q8_0, kv, h, 1);
    vector(p, "attn_k.bias", DT_F32, kv, 0, 0.1f);
    matrix(p, "attn_v.weight", DT_Q8_0, kv, h, 1);
    vector(p, "attn_v.bias", DT_F32, kv, 0, 0.1f);
    matrix(p, "attn_output.weight", DT_Q8_0, h, q, 1);
    vector(p, "attn_output.bias", DT_F32, h, 0, 0.1f);
    vector(p, "attn_sinks.weight", DT_F32, c->n_heads, 0, 1);
    vector(p, "post_attention_norm.weight", DT_F32, h, 1, 0.5f);
    matrix(p, "ffn_gate_inp.weight", DT_F32, c->n_experts, h, 1);
    vector(p, "ffn_gate_inp.bias", DT_F32, c->n_experts, 0, 0.1f);
    gguf_expert_matrix(p, "ffn_gate_exps.weight", u, h);
    gguf_expert_matrix(p, "ffn_up_exps.weight", u, h);
    gguf_expert_matrix(p, "ffn_down_exps.weight", h, u);
    gguf_expert_bias(p, "ffn_gate_exps.bias", u);
    gguf_expert_bias(p, "ffn_up_exps.bias", u);
    gguf_expert_bias(p, "ffn_down_exps.bias", h);
}

static void gguf_plan(struct planner *p)
{
    const struct config *c = p->c;
    matrix(p, "token_embd.weight", DT_Q8_0, c->vocab, c->hidden, sqrtf((float)c->hidden));
    for (int l = 0; l < c->n_layers; l++) {
        snprintf(p->prefix, sizeof p->prefix, "blk.%d.", l);
        p->stream = (uint32_t)(l + 1) * STREAMS_PER_LAYER;
        gguf_layer(p);
    }
    p->prefix[0] = 0;
    p->stream = 1;
    vector(p, "output_norm.weight", DT_F32, c->hidden, 1, 0.5f);
    if (!c->tied)
        matrix(p, "output.weight", DT_Q8_0, c->vocab, c->hidden, 2);
}

enum osso_status plan_create(const struct config *config, enum plan_form form, struct plan *plan_out,
                             struct osso_error *err)
{
    *plan_out = (struct plan){0};
    size_t room = (size_t)config->n_layers * PER_LAYER_MAX + OUTSIDE_LAYERS;
    struct plan plan = {.list = mem_array(room, sizeof *plan.list)};
    if (!plan.list)
        return error_nomem(err, room * sizeof *plan.list, "the list of tensors");
    struct planner p = {.plan = &plan, .c = config};
    (form == PLAN_HF ? hf_plan : gguf_plan)(&p);
    *plan_out = plan;
    return OSSO_OK;
}

void plan_free(struct plan *plan)
{
    mem_free(plan->list);
    *plan = (struct plan){0};
}

enum osso_status plan_config(const char *preset, struct config *config_out, struct osso_error *err)
{
    char *text = NULL;
    size_t len;
    enum osso_status status = config_preset(preset, config_out, err);
    if (status != OSSO_NOTFOUND || !file_exists(preset))
        return status;
    status = file_read(preset, MAX_CONFIG, &text, &len, err);
    if (!status)
        status = config_from_json(text, len, preset, config_out, err);
    mem_free(text);
    return status;
}
