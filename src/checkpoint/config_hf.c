/* config_hf.c: config.json and generation_config.json, read as transformers 5 reads them. */
#include "checkpoint/config_files.h"

#include "base/error.h"
#include "json/jget.h"

#include <math.h>
#include <string.h>

/* Where we are; after a failure `status` stays and every further call does nothing. */
struct reader {
    const struct jval *obj;
    const char *where;
    struct osso_error *err;
    enum osso_status status;
};

/* An integer from 1 to max under one of two spellings (second may be NULL). */
static int64_t size_of(struct reader *r, const char *key, const char *second, int64_t fallback)
{
    int64_t value = fallback;
    bool found = false;
    if (!r->status)
        r->status = jget_i64(r->obj, key, 1, INT32_MAX, &value, &found, r->where, r->err);
    if (!r->status && !found && second)
        r->status = jget_i64(r->obj, second, 1, INT32_MAX, &value, &found, r->where, r->err);
    if (!r->status && !found && fallback == 0)
        r->status = error_set(r->err, OSSO_FORMAT, "%s: \"%s\" is missing", r->where, key);
    return value;
}

static void real_of(struct reader *r, const struct jval *obj, const char *key, double *value, bool *found)
{
    if (!r->status)
        r->status = jget_f64(obj, key, value, found, r->where, r->err);
}

static void bool_of(struct reader *r, const struct jval *obj, const char *key, bool *value)
{
    if (!r->status)
        r->status = jget_bool(obj, key, value, NULL, r->where, r->err);
}

/* A member that decides a number of the model: null would leave a made-up one in its place. */
static void no_null(struct reader *r, const struct jval *obj, const char *key)
{
    const struct jval *v = jval_get(obj, key);
    if (!r->status && v && v->type == J_NULL)
        r->status = error_set(r->err, OSSO_FORMAT, "%s: \"%s\" is null; write its number, or take the line out",
                              r->where, key);
}

static void check_nulls(struct reader *r, const struct config *c)
{
    static const char *const keys[] = {"head_dim",    "num_experts_per_tok", "max_position_embeddings",
                                       "rope_theta",  "rms_norm_eps",        "swiglu_alpha",
                                       "swiglu_limit"};
    bool slides = false;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        no_null(r, r->obj, keys[i]);
    for (int i = 0; !r->status && i < c->n_layers; i++)
        slides |= c->sliding[i];
    if (slides)
        no_null(r, r->obj, "sliding_window");
}

/* Who quantized the weights, where that was not OpenAI (mxfp4): a shape that does not fit is no help to anybody. */
static void check_quantization(struct reader *r)
{
    const struct jval *q = jval_get(r->obj, "quantization_config");
    const char *method = NULL;
    if (!q || q->type != J_OBJECT)
        return;
    r->status = jget_str(q, "quant_method", &method, NULL, r->where, r->err);
    if (!r->status && method && strcmp(method, "mxfp4") != 0)
        r->status = error_set(r->err, OSSO_UNSUPPORTED,
                              "%s: the weights are quantized by \"%s\"; use the model's MXFP4, 16-bit or GGUF form",
                              r->where, method);
}

/* Folders that look like a model of ours and are not. */
static void check_kind(struct reader *r)
{
    const char *type = NULL;
    if (r->obj->type != J_OBJECT) {
        r->status = error_set(r->err, OSSO_FORMAT, "%s: not a JSON object", r->where);
        return;
    }
    r->status = jget_str(r->obj, "model_type", &type, NULL, r->where, r->err);
    if (r->status)
        return;
    if (config_is_plain(r->obj))
        return;
    if (type && strcmp(type, "gpt_oss") != 0)
        r->status = error_set(
            r->err, OSSO_UNSUPPORTED,
            "%s: model_type is \"%s\"; osso runs gpt_oss models, and mixtral and llama of the plain form", r->where,
            type);
    else
        check_quantization(r);
}

static void read_layer_types(struct reader *r, struct config *c)
{
    const struct jval *types = jval_get(r->obj, "layer_types");
    if (r->status || !types || types->type == J_NULL)
        return;
    if (types->type != J_ARRAY || types->n_children != (size_t)c->n_layers) {
        r->status = error_set(r->err, OSSO_FORMAT, "%s: \"layer_types\" must list %d layers", r->where, c->n_layers);
        return;
    }
    const struct jval *v = types->first;
    for (int i = 0; i < c->n_layers; i++, v = v->next) {
        const char *type = v->type == J_STRING ? v->text.s : NULL;
        c->sliding[i] = type && strcmp(type, "sliding_attention") == 0;
        if (!c->sliding[i] && (!type || strcmp(type, "full_attention") != 0)) {
            r->status = error_set(r->err, OSSO_FORMAT,
                                  "%s: \"layer_types\"[%d] must be \"sliding_attention\" or \"full_attention\"",
                                  r->where, i);
            return;
        }
    }
}

/* Members that would change the rotary encoding and that no gpt-oss uses. */
static void check_rope_extras(struct reader *r, const struct jval *rope, double factor)
{
    double attention = 0.1 * log(factor > 1 ? factor : 1) + 1, partial = 1;
    real_of(r, rope, "attention_factor", &attention, NULL);
    real_of(r, rope, "partial_rotary_factor", &partial, NULL);
    if (r->status)
        return;
    if (jval_given(rope, "mscale") || jval_given(rope, "mscale_all_dim") || partial != 1 ||
        fabs(attention - (0.1 * log(factor > 1 ? factor : 1) + 1)) > 1e-6)
        r->status = error_set(
            r->err, OSSO_UNSUPPORTED,
            "%s: the rope settings hold attention_factor, mscale or partial_rotary_factor, which no gpt-oss uses",
            r->where);
}

/* The kind of rotary encoding, NULL for none named. A dict that says more than its base and no kind (null, or one dict
 * for each kind of layer) is refused: plain rotation would be another model, without a word. */
static const char *rope_type(struct reader *r, const struct jval *rope)
{
    const char *type = NULL;
    const char *key = jval_get(rope, "rope_type") ? "rope_type" : "type";
    bool found = false;
    no_null(r, rope, key);
    no_null(r, rope, "rope_theta");
    if (!r->status)
        r->status = jget_str(rope, key, &type, &found, r->where, r->err);
    for (const struct jval *v = found ? NULL : rope->first; v && !r->status; v = v->next)
        if (strcmp(v->key.s, "rope_theta") != 0 && strcmp(v->key.s, "partial_rotary_factor") != 0)
            r->status = error_set(r->err, OSSO_UNSUPPORTED,
                                  "%s: the rope settings hold \"%s\" and no \"rope_type\"; write \"yarn\" or "
                                  "\"default\" for all layers",
                                  r->where, v->key.s);
    return found ? type : NULL;
}

/* Where YaRN starts from: what stands beside the rope settings counts before what stands in them. */
static void read_yarn_original(struct reader *r, const struct jval *rope, struct config *c)
{
    static const char key[] = "original_max_position_embeddings";
    const struct jval *from = jval_get(r->obj, key) ? r->obj : rope;
    no_null(r, from, key);
    if (!r->status)
        r->status = jget_i64(from, key, 1, INT32_MAX, &c->yarn_original, NULL, r->where, r->err);
}

/* No dict at all: gpt-oss's own YaRN. A dict without "truncate": its bounds are rounded. */
static void read_rope(struct reader *r, struct config *c)
{
    const struct jval *rope = jval_get(r->obj, "rope_scaling");
    if (!rope || rope->type == J_NULL || (rope->type == J_OBJECT && rope->n_children == 0))
        rope = jval_get(r->obj, "rope_parameters");
    real_of(r, r->obj, "rope_theta", &c->rope_theta, NULL);
    check_rope_extras(r, r->obj, 1); /* the same members outside of the settings */
    if (r->status || !rope || rope->type == J_NULL)
        return;
    bool found = false;
    if (rope->type != J_OBJECT)
        r->status = error_set(r->err, OSSO_FORMAT, "%s: the rope settings are not an object", r->where);
    const char *type = r->status ? NULL : rope_type(r, rope);
    real_of(r, rope, "rope_theta", &c->rope_theta, NULL);
    if (r->status)
        return;
    c->yarn = type && strcmp(type, "yarn") == 0;
    if (type && !c->yarn && strcmp(type, "default") != 0) {
        r->status = error_set(r->err, OSSO_UNSUPPORTED, "%s: rope_type \"%s\"; supported are \"yarn\" and \"default\"",
                              r->where, type);
        return;
    }
    if (!c->yarn) {
        check_rope_extras(r, rope, 1);
        return;
    }
    c->yarn_truncate = !jval_get(rope, "truncate"); /* null: not rounded */
    c->yarn_original = c->context;
    bool_of(r, rope, "truncate", &c->yarn_truncate);
    real_of(r, rope, "beta_fast", &c->yarn_beta_fast, NULL);
    real_of(r, rope, "beta_slow", &c->yarn_beta_slow, NULL);
    real_of(r, rope, "factor", &c->yarn_factor, &found);
    if (!r->status && !found)
        r->status = error_set(r->err, OSSO_FORMAT, "%s: the yarn settings have no \"factor\"", r->where);
    read_yarn_original(r, rope, c);
    check_rope_extras(r, rope, c->yarn_factor);
}

/* "eos_token_id": an id, a list of ids, or absent. Ids that no token has end nothing: they are noted and left out. */
static void read_stop_ids(struct reader *r, struct config *c, const char *file, struct notes *notes)
{
    const struct jval *eos = jval_get(r->obj, "eos_token_id");
    int n = 0;
    if (r->status || !eos || eos->type == J_NULL)
        return;
    for (const struct jval *v = eos->type == J_ARRAY ? eos->first : eos; v; v = eos->type == J_ARRAY ? v->next : NULL) {
        int64_t id;
        if (!jget_integer(v, &id)) {
            r->status = error_set(r->err, OSSO_FORMAT, "%s: \"eos_token_id\" must be a token id or a list of them",
                                  r->where);
            return;
        }
        if (id < 0 || id >= c->vocab) {
            notes_add(notes, "%s: the end-of-text id %lld is outside the vocabulary of %lld and not used", r->where,
                      (long long)id, (long long)c->vocab);
        } else if (n == MAX_STOP_IDS) {
            notes_add(notes, "%s: \"eos_token_id\" lists more than %d ids; the others are not used", r->where,
                      (int)MAX_STOP_IDS);
            break;
        } else {
            c->stop_from[n] = file;
            c->stop_ids[n++] = (int32_t)id;
        }
    }
    c->n_stop_ids = n;
}

static void read_sizes(struct reader *r, struct config *c)
{
    c->n_layers = (int)size_of(r, "num_hidden_layers", NULL, 0);
    c->hidden = size_of(r, "hidden_size", NULL, 0);
    c->intermediate = size_of(r, "intermediate_size", NULL, 0);
    c->vocab = size_of(r, "vocab_size", NULL, 0);
    c->n_heads = (int)size_of(r, "num_attention_heads", NULL, 0);
    c->n_kv_heads = (int)size_of(r, "num_key_value_heads", NULL, 0);
    c->head_dim = (int)size_of(r, "head_dim", NULL, c->head_dim);
    c->n_experts = (int)size_of(r, "num_local_experts", "num_experts", 0);
    c->experts_per_token = (int)size_of(r, "num_experts_per_tok", "experts_per_token", c->experts_per_token);
    c->window = size_of(r, "sliding_window", NULL, c->window);
    c->context = size_of(r, "max_position_embeddings", NULL, c->context);
    if (!r->status && c->n_layers > MAX_LAYERS)
        r->status = error_set(r->err, OSSO_LIMIT, "%s: %d layers; at most %d are allowed", r->where, c->n_layers,
                              (int)MAX_LAYERS);
}

static void read_all(struct reader *r, struct config *c, bool *attention_bias, struct notes *notes)
{
    read_sizes(r, c);
    read_layer_types(r, c);
    check_nulls(r, c);
    read_rope(r, c);
    real_of(r, r->obj, "rms_norm_eps", &c->rms_eps, NULL);
    real_of(r, r->obj, "swiglu_alpha", &c->swiglu_alpha, NULL);
    real_of(r, r->obj, "swiglu_limit", &c->swiglu_limit, NULL);
    bool_of(r, r->obj, "tie_word_embeddings", &c->tied);
    bool_of(r, r->obj, "attention_bias", attention_bias);
    read_stop_ids(r, c, "config.json", notes);
}

static void read_plain(struct reader *r, struct config *c, struct notes *notes)
{
    r->status = config_from_plain(r->obj, r->where, c, r->err);
    read_stop_ids(r, c, "config.json", notes);
}

enum osso_status config_from_json(const char *text, size_t len, const char *where, struct config *config_out,
                                  struct notes *notes, struct osso_error *err)
{
    struct jdoc *doc;
    bool attention_bias = true;
    memset(config_out, 0, sizeof *config_out);
    enum osso_status status = jdoc_read(text, len, where, &doc, err);
    if (status)
        return status;
    struct reader r = {.obj = jdoc_root(doc), .where = where, .err = err};
    struct config c;
    config_family(&c);
    check_kind(&r);
    if (!r.status && config_is_original(r.obj))
        r.status = config_from_original(r.obj, where, &c, err);
    else if (!r.status && config_is_plain(r.obj))
        read_plain(&r, &c, notes);
    else
        read_all(&r, &c, &attention_bias, notes);
    if (!r.status && !attention_bias)
        r.status = error_set(err, OSSO_UNSUPPORTED, "%s: attention_bias is false; gpt-oss has biases in its attention",
                             where);
    if (!r.status)
        r.status = config_check(&c, where, err);
    if (!r.status)
        *config_out = c;
    jdoc_release(doc);
    return r.status;
}

/* A failure so far is noted and forgotten: the default stays. */
static bool taken(struct reader *r, struct notes *notes)
{
    bool good = !r->status;
    if (!good)
        notes_add(notes, "%s; the default is used", r->err->text);
    r->status = OSSO_OK;
    return good;
}

/* A number in [low, high], or above low with `open`. */
static void hint(struct reader *r, const char *key, double low, double high, bool open, double *out,
                 struct notes *notes)
{
    double value = *out;
    bool found = false;
    real_of(r, r->obj, key, &value, &found);
    if (!r->status && found && !(value >= low && value <= high && !(open && value == low)))
        r->status = error_set(r->err, OSSO_FORMAT, "%s: \"%s\" is %g, which is not %s %g and at most %g", r->where, key,
                              value, open ? "above" : "at least", low, high);
    if (taken(r, notes))
        *out = value;
}

enum osso_status config_add_generation(const char *text, size_t len, const char *where, struct config *config,
                                       struct notes *notes, struct osso_error *err)
{
    struct jdoc *doc;
    struct osso_error why = {""};
    enum osso_status status = jdoc_read(text, len, where, &doc, err);
    if (status)
        return status;
    struct reader r = {.obj = jdoc_root(doc), .where = where, .err = &why};
    struct config c = *config;
    bool do_sample = true;
    int64_t top_k = c.top_k;
    double top_p = c.top_p;
    if (r.obj->type != J_OBJECT) {
        jdoc_release(doc);
        return error_set(err, OSSO_FORMAT, "%s: not a JSON object", where);
    }
    hint(&r, "temperature", 0, 100, false, &c.temperature, notes);
    hint(&r, "top_p", 0, 1, false, &top_p, notes);
    c.top_p = top_p == 0 ? 1 : top_p; /* 0 as well as 1: off */
    hint(&r, "min_p", 0, 1, false, &c.min_p, notes);
    hint(&r, "repetition_penalty", 0, 100, true, &c.repetition_penalty, notes);
    r.status = jget_i64(r.obj, "top_k", -1, INT32_MAX, &top_k, NULL, where, &why);
    if (taken(&r, notes))
        c.top_k = top_k < 0 ? 0 : top_k; /* -1 as well as 0: off */
    bool_of(&r, r.obj, "do_sample", &do_sample);
    if (taken(&r, notes) && !do_sample)
        c.temperature = 0;
    read_stop_ids(&r, &c, "generation_config.json", notes);
    if (!taken(&r, notes)) {
        memcpy(c.stop_ids, config->stop_ids, sizeof c.stop_ids);
        memcpy(c.stop_from, config->stop_from, sizeof c.stop_from);
        c.n_stop_ids = config->n_stop_ids;
    }
    *config = c;
    jdoc_release(doc);
    return OSSO_OK;
}
