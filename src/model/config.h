/* config.h: what a gpt-oss model is, in numbers. Every dimension is read from the file; nothing is fixed to 20b or
 * 120b. */
#ifndef OSSO_MODEL_CONFIG_H
#define OSSO_MODEL_CONFIG_H

#include "osso/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MAX_LAYERS = 512, MAX_STOP_IDS = 16 };

struct config {
    int n_layers;
    int64_t hidden, intermediate, vocab;
    int n_heads, n_kv_heads, head_dim;
    int n_experts, experts_per_token;
    int64_t window;           /* keys a sliding layer sees, itself included */
    bool sliding[MAX_LAYERS]; /* per layer: sliding window or full attention */
    int64_t context;          /* max_position_embeddings */
    double rms_eps, rope_theta;
    bool yarn; /* false: plain RoPE */
    double yarn_factor, yarn_beta_fast, yarn_beta_slow;
    int64_t yarn_original; /* original_max_position_embeddings */
    bool yarn_truncate;    /* bounds rounded as transformers does when "truncate" is true or missing */
    /* h = g sigmoid(alpha g) (u + shift), g and u clamped at the limit. */
    double swiglu_alpha, swiglu_limit, swiglu_shift;
    bool tied; /* lm_head is embed_tokens */
    /* The plain block (config_plain): no sinks, no biases and, with one expert, no router. That is Mixtral's layer or,
     * with one expert, Llama's. */
    bool plain;
    /* From generation_config.json or the GGUF's tokenizer keys; n_stop_ids 0: unknown, temperature < 0: unset. */
    int32_t stop_ids[MAX_STOP_IDS];
    const char *stop_from[MAX_STOP_IDS]; /* the file or key that says so; static */
    int n_stop_ids;
    double temperature, top_p, min_p, repetition_penalty;
    int64_t top_k;
};

/* What holds where a file is silent: the values that all published gpt-oss models share. The sizes stay 0. */
void config_family(struct config *config_out);
/* The plain block in its place, the sizes as they are: SiLU alone, no windows, plain RoPE with theta 10,000. */
void config_plain(struct config *config);
/* "20b", "120b", "small" ...: presets.def. */
enum osso_status config_preset(const char *name, struct config *config_out, struct osso_error *err);
const char *config_preset_name(int i); /* NULL: no more */
const char *config_presets(void);      /* their names, for a sentence */
/* Refuses dimensions that no model can have (zero, heads that do not divide, odd head_dim, more picks than experts,
 * beyond the limits of config.c) with a sentence that names the key. Every reader of a configuration calls it
 * (checkpoint/config_files.h). */
enum osso_status config_check(const struct config *config, const char *where, struct osso_error *err);

#endif
