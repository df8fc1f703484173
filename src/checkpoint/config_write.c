/* config_write.c: config.json, generation_config.json and GGUF keys from a configuration. */
#include "checkpoint/config_files.h"

#include "base/error.h"
#include "json/jwrite.h"

#include <stdio.h>

/* Writes "key": in front of each member, with commas; JSON objects of one level. */
struct object {
    struct buf *b;
    const char *indent;
    int n;
};

static void key(struct object *o, const char *name)
{
    buf_printf(o->b, "%s\n%s\"%s\": ", o->n++ ? "," : "", o->indent, name);
}

static void put_int(struct object *o, const char *name, int64_t value)
{
    key(o, name);
    buf_printf(o->b, "%lld", (long long)value);
}

static void put_real(struct object *o, const char *name, double value)
{
    key(o, name);
    jwrite_number(o->b, value);
}

static void put_text(struct object *o, const char *name, const char *literal)
{
    key(o, name);
    buf_puts(o->b, literal);
}

static void put_stop_ids(struct object *o, const struct config *c)
{
    if (c->n_stop_ids == 0)
        return;
    key(o, "eos_token_id");
    buf_puts(o->b, c->n_stop_ids == 1 ? "" : "[");
    buf_ids(o->b, c->stop_ids, (size_t)c->n_stop_ids, ", ");
    buf_puts(o->b, c->n_stop_ids == 1 ? "" : "]");
}

static void put_rope(struct object *o, const struct config *c)
{
    put_real(o, "rope_theta", c->rope_theta);
    key(o, "rope_scaling");
    buf_putc(o->b, '{');
    struct object r = {.b = o->b, .indent = "    "};
    put_text(&r, "rope_type", c->yarn ? "\"yarn\"" : "\"default\"");
    if (c->yarn) {
        put_real(&r, "factor", c->yarn_factor);
        put_real(&r, "beta_fast", c->yarn_beta_fast);
        put_real(&r, "beta_slow", c->yarn_beta_slow);
        put_int(&r, "original_max_position_embeddings", c->yarn_original);
        put_text(&r, "truncate", c->yarn_truncate ? "true" : "false");
    }
    buf_puts(o->b, "\n  }");
}

const char config_mxfp4_json[] =
    "{\n    \"modules_to_not_convert\": [\n      \"model.layers.*.self_attn\",\n      \"model.layers.*.mlp.router\",\n"
    "      \"model.embed_tokens\",\n      \"lm_head\"\n    ],\n    \"quant_method\": \"mxfp4\"\n  }";

/* The plain block, as transformers 5 writes MixtralForCausalLM and, with one expert, LlamaForCausalLM; rope_theta
 * stands beside its object too, for older readers. */
static void write_plain(const struct config *c, enum dtype type, struct object *o)
{
    bool mixtral = c->n_experts > 1;
    put_text(o, "architectures", mixtral ? "[\"MixtralForCausalLM\"]" : "[\"LlamaForCausalLM\"]");
    if (!mixtral)
        put_text(o, "attention_bias", "false");
    put_real(o, "attention_dropout", 0);
    put_text(o, "dtype", type == DT_F32 ? "\"float32\"" : "\"bfloat16\"");
    put_stop_ids(o, c);
    put_int(o, "head_dim", c->head_dim);
    put_text(o, "hidden_act", "\"silu\"");
    put_int(o, "hidden_size", c->hidden);
    put_real(o, "initializer_range", 0.02);
    put_int(o, "intermediate_size", c->intermediate);
    put_int(o, "max_position_embeddings", c->context);
    if (!mixtral)
        put_text(o, "mlp_bias", "false");
    put_text(o, "model_type", mixtral ? "\"mixtral\"" : "\"llama\"");
    put_int(o, "num_attention_heads", c->n_heads);
    if (mixtral)
        put_int(o, "num_experts_per_tok", c->experts_per_token);
    put_int(o, "num_hidden_layers", c->n_layers);
    put_int(o, "num_key_value_heads", c->n_kv_heads);
    if (mixtral) {
        put_int(o, "num_local_experts", c->n_experts);
        put_text(o, "output_router_logits", "false");
    }
    put_real(o, "rms_norm_eps", c->rms_eps);
    put_rope(o, c);
    if (mixtral)
        put_text(o, "sliding_window", "null");
    put_text(o, "tie_word_embeddings", c->tied ? "true" : "false");
    put_text(o, "use_cache", "true");
    put_int(o, "vocab_size", c->vocab);
}

static void write_gpt_oss(const struct config *c, bool mxfp4, enum dtype type, struct object *o)
{
    put_text(o, "architectures", "[\"GptOssForCausalLM\"]");
    put_text(o, "attention_bias", "true");
    put_real(o, "attention_dropout", 0);
    put_text(o, "dtype", type == DT_F32 ? "\"float32\"" : "\"bfloat16\"");
    put_stop_ids(o, c);
    put_int(o, "experts_per_token", c->experts_per_token);
    put_int(o, "head_dim", c->head_dim);
    put_text(o, "hidden_act", "\"silu\"");
    put_int(o, "hidden_size", c->hidden);
    put_int(o, "initial_context_length", c->yarn ? c->yarn_original : c->context);
    put_real(o, "initializer_range", 0.02);
    put_int(o, "intermediate_size", c->intermediate);
    key(o, "layer_types");
    for (int l = 0; l < c->n_layers; l++)
        buf_printf(o->b, "%s\n    \"%s\"", l ? "," : "[", c->sliding[l] ? "sliding_attention" : "full_attention");
    buf_puts(o->b, "\n  ]");
    put_int(o, "max_position_embeddings", c->context);
    put_text(o, "model_type", "\"gpt_oss\"");
    put_int(o, "num_attention_heads", c->n_heads);
    put_int(o, "num_experts_per_tok", c->experts_per_token);
    put_int(o, "num_hidden_layers", c->n_layers);
    put_int(o, "num_key_value_heads", c->n_kv_heads);
    put_int(o, "num_local_experts", c->n_experts);
    put_text(o, "output_router_logits", "false");
    if (mxfp4)
        put_text(o, "quantization_config", config_mxfp4_json);
    put_real(o, "rms_norm_eps", c->rms_eps);
    put_rope(o, c);
    put_real(o, "router_aux_loss_coef", 0.9);
    put_int(o, "sliding_window", c->window);
    put_real(o, "swiglu_alpha", c->swiglu_alpha);
    put_real(o, "swiglu_limit", c->swiglu_limit);
    put_text(o, "tie_word_embeddings", c->tied ? "true" : "false");
    put_text(o, "use_cache", "true");
    put_int(o, "vocab_size", c->vocab);
}

void config_write_json(const struct config *c, bool mxfp4, enum dtype type, struct buf *out)
{
    struct object o = {.b = out, .indent = "  "};
    buf_putc(out, '{');
    if (c->plain)
        write_plain(c, type, &o);
    else
        write_gpt_oss(c, mxfp4, type, &o);
    buf_puts(out, "\n}\n");
}

void config_write_generation(const struct config *c, struct buf *out)
{
    struct object o = {.b = out, .indent = "  "};
    buf_putc(out, '{');
    put_text(&o, "do_sample", c->temperature == 0 ? "false" : "true");
    put_stop_ids(&o, c);
    if (c->temperature > 0)
        put_real(&o, "temperature", c->temperature);
    if (c->top_k > 0)
        put_int(&o, "top_k", c->top_k);
    if (c->top_p < 1)
        put_real(&o, "top_p", c->top_p);
    if (c->min_p > 0)
        put_real(&o, "min_p", c->min_p);
    if (c->repetition_penalty != 1)
        put_real(&o, "repetition_penalty", c->repetition_penalty);
    buf_puts(out, "\n}\n");
}

static void put_u32(struct gguf_keys *k, const char *name, int64_t value)
{
    char full[96];
    snprintf(full, sizeof full, "gpt-oss.%s", name);
    gguf_put_u32(k, full, (uint32_t)value); /* config_check: below 2^31 */
}

static void put_f32(struct gguf_keys *k, const char *name, double value)
{
    char full[96];
    snprintf(full, sizeof full, "gpt-oss.%s", name);
    gguf_put_f32(k, full, (float)value);
}

void config_write_gguf(const struct config *c, const char *name, struct gguf_keys *k)
{
    bool alternating = true;
    for (int l = 0; l < c->n_layers; l++)
        alternating = alternating && c->sliding[l] == (l % 2 == 0);
    gguf_put_str(k, "general.architecture", "gpt-oss");
    gguf_put_str(k, "general.type", "model");
    gguf_put_str(k, "general.name", name);
    put_u32(k, "block_count", c->n_layers);
    put_u32(k, "context_length", c->context);
    put_u32(k, "embedding_length", c->hidden);
    put_u32(k, "feed_forward_length", c->intermediate);
    put_u32(k, "attention.head_count", c->n_heads);
    put_u32(k, "attention.head_count_kv", c->n_kv_heads);
    put_f32(k, "rope.freq_base", c->rope_theta);
    put_f32(k, "attention.layer_norm_rms_epsilon", c->rms_eps);
    put_u32(k, "expert_count", c->n_experts);
    put_u32(k, "expert_used_count", c->experts_per_token);
    put_u32(k, "attention.key_length", c->head_dim);
    put_u32(k, "attention.value_length", c->head_dim);
    put_u32(k, "attention.sliding_window", c->window);
    if (!alternating) {
        gguf_put_array(k, "gpt-oss.attention.sliding_window_pattern", GGUF_BOOL, (uint64_t)c->n_layers);
        for (int l = 0; l < c->n_layers; l++)
            gguf_add_u8(k, c->sliding[l]);
    }
    put_u32(k, "expert_feed_forward_length", c->intermediate);
    gguf_put_str(k, "gpt-oss.rope.scaling.type", c->yarn ? "yarn" : "none");
    if (c->yarn) {
        put_f32(k, "rope.scaling.factor", c->yarn_factor);
        put_u32(k, "rope.scaling.original_context_length", c->yarn_original);
        put_f32(k, "rope.scaling.yarn_beta_fast", c->yarn_beta_fast);
        put_f32(k, "rope.scaling.yarn_beta_slow", c->yarn_beta_slow);
    }
}

enum osso_status config_check_gguf(const struct config *c, const char *where, struct osso_error *err)
{
    struct config family;
    config_family(&family);
    const char *key = c->swiglu_limit != family.swiglu_limit   ? "swiglu_limit"
                      : c->swiglu_alpha != family.swiglu_alpha ? "swiglu_alpha"
                      : c->yarn && c->yarn_truncate            ? "rope_scaling.truncate"
                                                               : NULL;
    return key ? error_set(
                     err, OSSO_UNSUPPORTED,
                     "%s: \"%s\" is not what GGUF files take for granted, and they have no key for it; convert to "
                     "hf or mlx",
                     where, key)
               : OSSO_OK;
}
