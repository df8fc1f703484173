/* config_original.c: the config.json of OpenAI's own form. It has no words for an epsilon, for the kinds of layers, for
 * rounded YaRN bounds or for tied embeddings: these are what the published models have. */
#include "checkpoint/config_files.h"

#include "base/error.h"
#include "json/jget.h"

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
