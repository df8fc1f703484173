/* shape.c: preset or config.json, the dimensions over it, tokenizer, rows of a step. */
#include "train/shape.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "checkpoint/plan.h"
#include "train/source.h"

#include <string.h>

/* ---- the model ------------------------------------------------------------------------------------------ */

static void override(const struct osso_train_config *c, enum train_key key, int64_t *value)
{
    if (settings_has(c, key))
        *value = settings_int(c, key);
}

static void override_int(const struct osso_train_config *c, enum train_key key, int *value)
{
    if (settings_has(c, key))
        *value = (int)settings_int(c, key);
}

static bool has_dimension(const struct osso_train_config *c)
{
    for (int i = TRAIN_hidden_size; i <= TRAIN_tie_word_embeddings; i++)
        if (settings_has(c, (enum train_key)i))
            return true;
    return false;
}

static enum osso_status random_config(const struct osso_train_config *c, struct config *out, struct osso_error *err)
{
    bool preset = settings_has(c, TRAIN_preset), file = settings_has(c, TRAIN_model_config);
    const char *name = settings_text(c, preset ? TRAIN_preset : TRAIN_model_config);
    if (!preset && !file)
        return error_set(err, OSSO_USAGE,
                         "which model? Say preset (small, for example), model_config or init: a model's folder");
    enum osso_status status = preset ? config_preset(name, out, err) : plan_config(name, out, err);
    if (status)
        return status == OSSO_NOTFOUND ? OSSO_USAGE : status;
    override(c, TRAIN_hidden_size, &out->hidden);
    override(c, TRAIN_intermediate_size, &out->intermediate);
    override(c, TRAIN_vocab_size, &out->vocab);
    override(c, TRAIN_sliding_window, &out->window);
    override(c, TRAIN_max_position_embeddings, &out->context);
    override_int(c, TRAIN_num_hidden_layers, &out->n_layers);
    override_int(c, TRAIN_num_attention_heads, &out->n_heads);
    override_int(c, TRAIN_num_key_value_heads, &out->n_kv_heads);
    override_int(c, TRAIN_head_dim, &out->head_dim);
    override_int(c, TRAIN_num_local_experts, &out->n_experts);
    override_int(c, TRAIN_num_experts_per_tok, &out->experts_per_token);
    if (settings_has(c, TRAIN_tie_word_embeddings))
        out->tied = c->v[TRAIN_tie_word_embeddings].on;
    if (out->n_experts == 1 && !settings_has(c, TRAIN_num_experts_per_tok))
        out->experts_per_token = 1;
    if (settings_is(c, TRAIN_block, "plain"))
        config_plain(out);
    return OSSO_OK;
}

/* A checkpoint to go on from has the shapes that the settings ask for. */
static enum osso_status check_same(const struct osso_train_config *c, const struct config *have, const char *from,
                                   struct osso_error *err)
{
    struct config want;
    enum osso_status status = random_config(c, &want, err);
    if (status ||
        (want.n_layers == have->n_layers && want.hidden == have->hidden && want.vocab == have->vocab &&
         want.intermediate == have->intermediate && want.n_heads == have->n_heads &&
         want.n_kv_heads == have->n_kv_heads && want.head_dim == have->head_dim && want.n_experts == have->n_experts &&
         want.plain == have->plain && (want.plain || want.window == have->window) && want.tied == have->tied))
        return status;
    return error_set(err, OSSO_USAGE,
                     "%s is a checkpoint of a model of other shapes than the settings'; name another "
                     "folder with out, or go on with the settings that it had (config.yaml beside it)",
                     from);
}

/* The ids that end what the model will write. */
static void take_stops(struct shape *s)
{
    static const char *const names[] = {"<|return|>", "<|endoftext|>", "<|call|>"};
    s->config.n_stop_ids = 0;
    for (size_t i = 0; s->tokenizer && i < sizeof names / sizeof *names; i++) {
        int32_t id = osso_tokenizer_special(s->tokenizer, names[i]);
        if (id < 0 || id >= s->config.vocab)
            continue;
        s->config.stop_from[s->config.n_stop_ids] = "tokenizer";
        s->config.stop_ids[s->config.n_stop_ids++] = id;
    }
}

static enum osso_status take_experts(const struct osso_train_config *c, struct shape *s, struct osso_error *err)
{
    const struct setting *v = &c->v[TRAIN_experts_per_token];
    for (int i = 0; settings_has(c, TRAIN_experts_per_token) && i < v->n_ints; i++) {
        s->top_k[s->n_top_k++] = v->ints[i];
        if (v->ints[i] > s->config.n_experts)
            return error_set(err, OSSO_USAGE, "experts_per_token: %lld of %d experts", (long long)v->ints[i],
                             s->config.n_experts);
    }
    if (s->n_top_k == 0)
        s->top_k[s->n_top_k++] = s->config.experts_per_token;
    s->config.experts_per_token = 1; /* the largest of them is what the model has */
    for (int i = 0; i < s->n_top_k; i++)
        if (s->top_k[i] > s->config.experts_per_token)
            s->config.experts_per_token = (int)s->top_k[i];
    return OSSO_OK;
}

/* ---- the tokenizer -------------------------------------------------------------------------------------- */

static enum osso_status open_tokenizer(const struct osso_train_config *c, struct shape *s, struct osso_error *err)
{
    const char *path = settings_text(c, TRAIN_tokenizer);
    if (!path && s->model && file_is_dir(s->model->path))
        path = s->model->path;
    char *file = path ? file_join(path, "tokenizer.json") : NULL;
    bool there = file && file_exists(file);
    mem_free(file);
    if (!path || (!there && !settings_has(c, TRAIN_tokenizer)))
        return OSSO_OK;
    if (!there)
        return error_set(err, OSSO_USAGE, "tokenizer: %s must be a folder with a tokenizer.json", path);
    s->tokenizer_folder = mem_strdup(path);
    if (!s->tokenizer_folder)
        return error_nomem(err, strlen(path), "a path");
    enum osso_status status = osso_tokenizer_open(path, &s->tokenizer, err);
    if (!status && osso_tokenizer_size(s->tokenizer) > s->config.vocab)
        return error_set(err, OSSO_USAGE,
                         "%s has %d ids and the model's vocabulary %lld; say vocab_size: %d, or take another tokenizer",
                         path, (int)osso_tokenizer_size(s->tokenizer), (long long)s->config.vocab,
                         (int)osso_tokenizer_size(s->tokenizer));
    return status;
}

/* ---- all of it ------------------------------------------------------------------------------------------ */

/* What the block of the model, wherever it comes from, has no place for. */
static enum osso_status check_block(const struct osso_train_config *c, const struct config *have,
                                    struct osso_error *err)
{
    if (settings_has(c, TRAIN_block) && settings_is(c, TRAIN_block, "plain") != have->plain)
        return error_set(err, OSSO_USAGE, "block: %s, and the model has the %s block; leave the key out",
                         settings_text(c, TRAIN_block), have->plain ? "plain" : "gpt_oss");
    if (have->plain && settings_has(c, TRAIN_sliding_window))
        return error_set(err, OSSO_USAGE, "sliding_window: layers of the plain block have none; leave the key out");
    if (have->plain && settings_quantizes(c))
        return error_set(
            err, OSSO_UNSUPPORTED,
            "qat_from_step: no folder of the plain block (Mixtral's, Llama's) has MXFP4 experts; leave the "
            "key out");
    return OSSO_OK;
}

/* What no run can have, whatever its model. */
static enum osso_status refuse_moments(const struct osso_train_config *c, struct osso_error *err)
{
    const double most = 0.98;
    if (!settings_is(c, TRAIN_moments, "bf16") || settings_real(c, TRAIN_beta2) <= most)
        return OSSO_OK;
    return error_set(err, OSSO_USAGE,
                     "moments: bf16 with beta2: %.10g; a step changes the second moment by less than %.2g of itself, "
                     "which the 8 bits of a bf16 number lose; take a beta2 of at most %.2f, or moments: f32",
                     settings_real(c, TRAIN_beta2), 1 - settings_real(c, TRAIN_beta2), most);
}

static enum osso_status lay_rows(const struct osso_train_config *c, int threads, const char *isa, struct shape *s,
                                 struct osso_error *err)
{
    int64_t seq_len = 0, rows;
    enum osso_status status = source_seq_len(c, &seq_len, err);
    if (status)
        return status;
    s->batch_size = (int)settings_int(c, TRAIN_batch_size);
    s->grad_accum = (int)settings_int(c, TRAIN_grad_accum);
    rows = seq_len * s->batch_size;
    if (seq_len > s->config.context)
        return error_set(err, OSSO_USAGE, "seq_len: %lld tokens do not fit the model's context of %lld (%s)",
                         (long long)seq_len, (long long)s->config.context, "max_position_embeddings");
    if (rows > 1 << 24)
        return error_set(err, OSSO_LIMIT,
                         "batch_size: %d documents of %lld tokens are more than %d rows; use grad_accum", s->batch_size,
                         (long long)seq_len, 1 << 24);
    s->options = (struct trainer_options){.threads = threads ? threads : cpu_count(),
                                          .seq_len = seq_len,
                                          .max_rows = (int)rows,
                                          .max_docs = settings_has(c, TRAIN_data) ? 0 : s->batch_size,
                                          .top_k = s->config.experts_per_token,
                                          .n_kept = c->v[TRAIN_checkpointing].on ? 1 : 0,
                                          .isa = isa,
                                          .fake_quant = settings_quantizes(c),
                                          .bf16 = settings_is(c, TRAIN_dtype, "bf16"),
                                          .seed = (uint64_t)settings_int(c, TRAIN_seed)};
    s->options.optimizer = (struct optimizer_options){.bf16_moments = settings_is(c, TRAIN_moments, "bf16"),
                                                      .bf16_products = s->options.bf16,
                                                      .seed = s->options.seed};
    if (settings_is(c, TRAIN_optimizer, "muon"))
        s->options.optimizer.kind = OPTIMIZER_MUON;
    return OSSO_OK;
}

enum osso_status shape_make(const struct osso_train_config *c, const char *from, int threads, const char *isa,
                            struct shape *s, struct osso_error *err)
{
    memset(s, 0, sizeof *s);
    bool files = !settings_is(c, TRAIN_init, "random");
    enum osso_status status = refuse_moments(c, err);
    if (!status && files && has_dimension(c))
        status = error_set(err, OSSO_USAGE,
                           "init: the dimensions of %s are its own; leave hidden_size and its like out",
                           settings_text(c, TRAIN_init));
    if (!status && (files || from))
        status = osso_model_open(from ? from : settings_text(c, TRAIN_init), &s->model, err);
    if (!status && from && !files)
        status = check_same(c, &s->model->config, from, err);
    if (!status && s->model)
        s->config = s->model->config;
    else if (!status)
        status = random_config(c, &s->config, err);
    if (!status)
        status = config_check(&s->config, "the model", err);
    if (!status)
        status = check_block(c, &s->config, err);
    if (!status && settings_quantizes(c))
        status = fake_quant_check(&s->config, "fake quantization (qat_from_step)", err);
    if (!status)
        status = open_tokenizer(c, s, err);
    if (!status && !s->model)
        take_stops(s);
    if (!status)
        status = take_experts(c, s, err);
    if (!status)
        status = lay_rows(c, threads, isa, s, err);
    if (status)
        shape_free(s);
    return status;
}

void shape_free(struct shape *s)
{
    osso_model_free(s->model);
    osso_tokenizer_free(s->tokenizer);
    mem_free(s->tokenizer_folder);
    memset(s, 0, sizeof *s);
}
