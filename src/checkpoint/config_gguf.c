/* config_gguf.c: the keys of a GGUF file, named after the architecture: gpt-oss, or gptoss in Ollama's own files, which
 * leave out the expert width and the kind of scaling. GGUF has no word for YaRN bounds that are not
 * rounded; they never are here, because OpenAI's are not. */
#include "checkpoint/config_files.h"

#include "base/error.h"
#include "format/tensors.h"

#include <stdio.h>
#include <string.h>

/* Where we are; after a failure `status` stays and every further call does nothing. */
struct reader {
    const struct gguf *gguf;
    const char *where, *arch;
    struct osso_error *err;
    enum osso_status status;
};

/* Every key of a model carries the name of its architecture. */
static const char *full_key(const struct reader *r, char space[96], const char *key)
{
    snprintf(space, 96, "%s.%s", r->arch, key);
    return space;
}

static enum osso_status bad_key(struct reader *r, const char *key, const char *what)
{
    return r->status = error_set(r->err, OSSO_FORMAT, "%s: the key %s %s", r->where, key, what);
}

/* A whole number of at least 1; in per-layer arrays all elements must agree. fallback 0: it must be there. */
static int64_t size_of(struct reader *r, const char *key, int64_t fallback)
{
    char space[96];
    struct gguf_value v;
    int64_t value = fallback, other;
    key = full_key(r, space, key);
    if (r->status)
        return fallback;
    if (!gguf_get(r->gguf, key, &v)) {
        if (fallback == 0)
            bad_key(r, key, "is missing");
        return fallback;
    }
    for (uint64_t i = 0; i < v.count && !r->status; i++) {
        if (!gguf_at_i64(&v, i, &other) || other < 1 || other > INT32_MAX)
            bad_key(r, key, "must be a whole number from 1 up");
        else if (i > 0 && other != value)
            bad_key(r, key, "differs from layer to layer, which no gpt-oss does");
        value = other;
    }
    if (!r->status && v.count == 0)
        bad_key(r, key, "is empty");
    return r->status ? fallback : value;
}

static void real_of(struct reader *r, const char *key, double *value)
{
    char space[96];
    struct gguf_value v;
    key = full_key(r, space, key);
    if (!r->status && gguf_get(r->gguf, key, &v) && !gguf_get_f64(r->gguf, key, value))
        bad_key(r, key, "must be a number");
}

/* Other things than models come as GGUF files too; the key is often left out. */
static bool is_model(struct reader *r)
{
    const char *type;
    uint64_t len;
    if (!gguf_get_str(r->gguf, "general.type", &type, &len) || (len == 5 && memcmp(type, "model", 5) == 0))
        return true;
    if (len == 7 && memcmp(type, "adapter", 7) == 0)
        r->status = error_set(r->err, OSSO_UNSUPPORTED,
                              "%s is a LoRA adapter, not a whole model; merge it into its base model first", r->where);
    else
        r->status = error_set(r->err, OSSO_UNSUPPORTED, "%s: general.type is \"%.*s\", not model", r->where,
                              (int)(len < 64 ? len : 64), type);
    return false;
}

bool config_gguf_is_gptoss(const struct gguf *gguf)
{
    const char *arch;
    uint64_t len;
    return gguf_get_str(gguf, "general.architecture", &arch, &len) && len == 6 && memcmp(arch, "gptoss", 6) == 0;
}

static void read_architecture(struct reader *r)
{
    const char *arch = "";
    uint64_t len = 0;
    if (!is_model(r))
        return;
    gguf_get_str(r->gguf, "general.architecture", &arch, &len);
    if (config_gguf_is_gptoss(r->gguf))
        r->arch = "gptoss";
    else if (len != 7 || memcmp(arch, "gpt-oss", 7) != 0)
        r->status = error_set(r->err, OSSO_UNSUPPORTED, "%s: the architecture is \"%.*s\"; osso runs gpt-oss models",
                              r->where, (int)(len < 64 ? len : 64), arch);
}

/* A period p (layer i slides unless i % p == p - 1; 0: all slide), or one bool per layer. Absent: period 2. */
static void read_pattern(struct reader *r, struct config *c)
{
    char space[96];
    const char *key = full_key(r, space, "attention.sliding_window_pattern");
    struct gguf_value v;
    int64_t value;
    if (r->status || !gguf_get(r->gguf, key, &v))
        return;
    if (v.array && v.count != (uint64_t)c->n_layers) {
        bad_key(r, key, "does not have one element for each layer");
        return;
    }
    for (int i = 0; i < c->n_layers && !r->status; i++) {
        if (!gguf_at_i64(&v, v.array ? (uint64_t)i : 0, &value) || value < 0)
            bad_key(r, key, "must be a period or a list of true and false");
        else
            c->sliding[i] = v.array ? value != 0 : value == 0 || i % value < value - 1;
    }
}

static void read_rope(struct reader *r, struct config *c)
{
    char space[96];
    const char *type = "none";
    uint64_t len = 4;
    double attention = 1;
    real_of(r, "rope.freq_base", &c->rope_theta);
    double theta_swa = c->rope_theta;
    real_of(r, "rope.freq_base_swa", &theta_swa);
    real_of(r, "rope.scaling.attn_factor", &attention);
    int64_t dims = size_of(r, "rope.dimension_count", c->head_dim);
    if (!r->status && (theta_swa != c->rope_theta || attention != 1 || dims != c->head_dim))
        r->status = error_set(
            r->err, OSSO_UNSUPPORTED,
            "%s: rope.freq_base_swa, rope.scaling.attn_factor or rope.dimension_count say what no gpt-oss says",
            r->where);
    c->yarn_factor = 1;
    real_of(r, "rope.scaling.factor", &c->yarn_factor);
    real_of(r, "rope.scaling.yarn_beta_fast", &c->yarn_beta_fast);
    real_of(r, "rope.scaling.yarn_beta_slow", &c->yarn_beta_slow);
    c->yarn_original = size_of(r, "rope.scaling.original_context_length", c->context);
    if (r->status)
        return;
    /* llama.cpp takes a missing type with a factor for linear scaling; Ollama's own files never have one, and mean
     * YaRN. */
    if (!gguf_get_str(r->gguf, full_key(r, space, "rope.scaling.type"), &type, &len) && c->yarn_factor != 1) {
        type = strcmp(r->arch, "gptoss") == 0 ? "yarn" : "linear";
        len = strlen(type);
    }
    c->yarn = len == 4 && memcmp(type, "yarn", 4) == 0;
    c->yarn_truncate = false;
    if (!c->yarn && !(len == 4 && memcmp(type, "none", 4) == 0) && c->yarn_factor != 1)
        r->status = error_set(r->err, OSSO_UNSUPPORTED,
                              "%s: rope.scaling.type is \"%.*s\"; supported are yarn and none", r->where,
                              (int)(len < 64 ? len : 64), type);
}

static void add_stop_id(const char *where, struct config *c, int64_t id, const char *key, struct notes *notes)
{
    for (int i = 0; i < c->n_stop_ids; i++)
        if (c->stop_ids[i] == id)
            return;
    if (id < -1 || id >= c->vocab) /* -1: none */
        notes_add(notes, "%s: the end-of-text id %lld is outside the vocabulary of %lld and not used", where,
                  (long long)id, (long long)c->vocab);
    else if (c->n_stop_ids == MAX_STOP_IDS)
        notes_add(notes, "%s: more than %d end-of-text ids; the others are not used", where, (int)MAX_STOP_IDS);
    else if (id >= 0) {
        c->stop_from[c->n_stop_ids] = key;
        c->stop_ids[c->n_stop_ids++] = (int32_t)id;
    }
}

static void read_tokenizer(struct reader *r, struct config *c, struct notes *notes)
{
    static const char *const ends[] = {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id",
                                       "tokenizer.ggml.eom_token_id", "tokenizer.ggml.eos_token_ids"};
    struct gguf_value v;
    int64_t id;
    if (r->status)
        return;
    if (gguf_get(r->gguf, "tokenizer.ggml.tokens", &v) && v.array && v.count >= 1 && v.count <= INT32_MAX)
        c->vocab = (int64_t)v.count;
    else
        c->vocab = size_of(r, "vocab_size", 0);
    for (size_t k = 0; k < sizeof ends / sizeof ends[0]; k++)
        for (uint64_t i = 0; gguf_get(r->gguf, ends[k], &v) && i < v.count && i <= MAX_STOP_IDS; i++)
            if (gguf_at_i64(&v, i, &id))
                add_stop_id(r->where, c, id, ends[k], notes);
}

/* What the experts' width is when no key says it: the columns of a down matrix. */
static int64_t width_of(const struct tensors *set)
{
    const struct tensor *t = set ? tensors_find(set, "blk.0.ffn_down_exps.weight") : NULL;
    return t && t->rank >= 2 && t->shape[t->rank - 1] <= INT32_MAX ? t->shape[t->rank - 1] : -1;
}

enum osso_status config_from_gguf(const struct gguf *gguf, const struct tensors *set, const char *where,
                                  struct config *config_out, struct notes *notes, struct osso_error *err)
{
    struct reader r = {.gguf = gguf, .where = where, .arch = "gpt-oss", .err = err};
    struct config c;
    memset(config_out, 0, sizeof *config_out);
    config_family(&c);
    read_architecture(&r);
    c.n_layers = (int)size_of(&r, "block_count", 0);
    c.hidden = size_of(&r, "embedding_length", 0);
    c.intermediate = size_of(&r, "feed_forward_length", width_of(set));
    c.intermediate = size_of(&r, "expert_feed_forward_length", c.intermediate > 0 ? c.intermediate : 0);
    c.n_heads = (int)size_of(&r, "attention.head_count", 0);
    c.n_kv_heads = (int)size_of(&r, "attention.head_count_kv", c.n_heads);
    c.head_dim = (int)size_of(&r, "attention.key_length", 0);
    if (!r.status && size_of(&r, "attention.value_length", c.head_dim) != c.head_dim)
        bad_key(&r, "attention.value_length", "differs from key_length");
    c.n_experts = (int)size_of(&r, "expert_count", 0);
    c.experts_per_token = (int)size_of(&r, "expert_used_count", 0);
    c.window = size_of(&r, "attention.sliding_window", 0);
    c.context = size_of(&r, "context_length", 0);
    real_of(&r, "attention.layer_norm_rms_epsilon", &c.rms_eps);
    if (!r.status && c.n_layers > MAX_LAYERS)
        r.status = error_set(err, OSSO_LIMIT, "%s: %d layers; at most %d are allowed", where, c.n_layers,
                             (int)MAX_LAYERS);
    read_pattern(&r, &c);
    read_rope(&r, &c);
    read_tokenizer(&r, &c, notes);
    if (!r.status)
        r.status = config_check(&c, where, err);
    if (!r.status)
        *config_out = c;
    return r.status;
}
