/* config_original.c: the config.json of OpenAI's own form. It has no words for an epsilon, for the kinds of layers, for
 * rounded YaRN bounds or for tied embeddings: these are what the published models have. */
#include "checkpoint/config_files.h"

#include "base/error.h"
#include "json/jget.h"
#include "json/jwrite.h"

#include <math.h>

bool config_is_original(const struct jval *root)
{
    return !jval_given(root, "model_type") && jval_given(root, "num_experts") &&
           jval_given(root, "rope_scaling_factor");
}

enum osso_status config_from_original(const struct jval *root, const char *where, struct config *c,
                                      struct osso_error *err)
{
    int64_t layers = 0, heads = 0, kv_heads = 0, dim = c->head_dim, experts = 0, picks = c->experts_per_token;
    double factor = c->yarn_factor;
    const struct {
        const char *key;
        int64_t *to; /* 0: must be there */
    } sizes[] = {{"num_hidden_layers", &layers},
                 {"hidden_size", &c->hidden},
                 {"intermediate_size", &c->intermediate},
                 {"vocab_size", &c->vocab},
                 {"num_attention_heads", &heads},
                 {"num_key_value_heads", &kv_heads},
                 {"head_dim", &dim},
                 {"num_experts", &experts},
                 {"experts_per_token", &picks},
                 {"sliding_window", &c->window},
                 {"initial_context_length", &c->yarn_original}};
    const struct {
        const char *key;
        double *to;
    } reals[] = {{"swiglu_limit", &c->swiglu_limit},
                 {"rope_theta", &c->rope_theta},
                 {"rope_scaling_factor", &factor},
                 {"rope_ntk_alpha", &c->yarn_beta_slow},
                 {"rope_ntk_beta", &c->yarn_beta_fast}};
    enum osso_status status = OSSO_OK;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0] && !status; i++) {
        status = jget_i64(root, sizes[i].key, 1, INT32_MAX, sizes[i].to, NULL, where, err);
        if (!status && *sizes[i].to == 0)
            status = error_set(err, OSSO_FORMAT, "%s: \"%s\" is missing", where, sizes[i].key);
    }
    for (size_t i = 0; i < sizeof reals / sizeof reals[0] && !status; i++)
        status = jget_f64(root, reals[i].key, reals[i].to, NULL, where, err);
    if (!status && layers > MAX_LAYERS)
        status = error_set(err, OSSO_LIMIT, "%s: %lld layers; at most %d are allowed", where, (long long)layers,
                           (int)MAX_LAYERS);
    if (!status && !(factor >= 1 && factor <= 1e6))
        status = error_set(err, OSSO_FORMAT, "%s: \"rope_scaling_factor\" is %g, which is not from 1 to 1e6", where,
                           factor);
    if (status)
        return status;
    c->n_layers = (int)layers;
    c->n_heads = (int)heads;
    c->n_kv_heads = (int)kv_heads;
    c->head_dim = (int)dim;
    c->n_experts = (int)experts;
    c->experts_per_token = (int)picks;
    c->yarn = factor > 1;
    c->yarn_factor = factor;
    double context = (double)c->yarn_original * factor;
    c->context = context < INT32_MAX ? (int64_t)context : INT32_MAX;
    return OSSO_OK;
}

/* The key of Hugging Face's configuration that this form cannot say; NULL: it says all. */
static const char *unsaid(const struct config *c)
{
    struct config family;
    config_family(&family);
    for (int i = 0; i < c->n_layers; i++)
        if (c->sliding[i] != (i % 2 == 0))
            return "layer_types";
    if (c->tied)
        return "tie_word_embeddings";
    if ((float)c->rms_eps != (float)family.rms_eps)
        return "rms_norm_eps";
    if (c->swiglu_alpha != family.swiglu_alpha)
        return "swiglu_alpha";
    if (c->yarn && c->yarn_truncate)
        return "rope_scaling.truncate";
    if (c->yarn && (c->yarn_factor <= 1 || (double)c->context != (double)c->yarn_original * c->yarn_factor))
        return "max_position_embeddings";
    return NULL;
}

enum osso_status config_write_original(const struct config *c, const char *where, struct buf *out,
                                       struct osso_error *err)
{
    const char *key = unsaid(c);
    const struct {
        const char *name;
        double value;
    } members[] = {{"num_hidden_layers", c->n_layers},
                   {"num_experts", c->n_experts},
                   {"experts_per_token", c->experts_per_token},
                   {"vocab_size", (double)c->vocab},
                   {"hidden_size", (double)c->hidden},
                   {"intermediate_size", (double)c->intermediate},
                   {"swiglu_limit", c->swiglu_limit},
                   {"head_dim", c->head_dim},
                   {"num_attention_heads", c->n_heads},
                   {"num_key_value_heads", c->n_kv_heads},
                   {"sliding_window", (double)c->window},
                   {"initial_context_length", (double)(c->yarn ? c->yarn_original : c->context)},
                   {"rope_theta", c->rope_theta},
                   {"rope_scaling_factor", c->yarn ? c->yarn_factor : 1},
                   {"rope_ntk_alpha", c->yarn_beta_slow},
                   {"rope_ntk_beta", c->yarn_beta_fast}};
    if (key)
        return error_set(err, OSSO_UNSUPPORTED,
                         "%s: \"%s\" is not what OpenAI's own form takes for granted, and that form has no key for it; "
                         "convert to hf",
                         where, key);
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        buf_printf(out, "%s\n  \"%s\": ", i ? "," : "{", members[i].name);
        if (members[i].value == floor(members[i].value))
            buf_printf(out, "%.0f", members[i].value); /* counts must not have a fraction, and others need none */
        else
            jwrite_number(out, members[i].value);
    }
    buf_puts(out, "\n}\n");
    return OSSO_OK;
}
