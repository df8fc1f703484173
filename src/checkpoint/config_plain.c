/* config_plain.c: the config.json of Mixtral and Llama models that are of the plain block and nothing more. Whatever
 * would make another model of it is refused with one sentence. What is not there is what transformers 5 takes for it.
 */
#include "checkpoint/config_files.h"

#include "base/error.h"
#include "json/jget.h"

#include <string.h>

/* Where we are; after a failure `status` stays and every further call does nothing. */
struct reader {
    const struct jval *obj;
    const char *where, *type;
    struct osso_error *err;
    enum osso_status status;
};

static const char *type_of(const struct jval *root)
{
    const struct jval *type = root->type == J_OBJECT ? jval_get_type(root, "model_type", J_STRING) : NULL;
    return type && (jtext_is(type->text, "mixtral") || jtext_is(type->text, "llama")) ? type->text.s : NULL;
}

bool config_is_plain(const struct jval *root)
{
    return type_of(root) != NULL;
}

static void refuse(struct reader *r, const char *key, const char *what)
{
    if (!r->status)
        r->status = error_set(r->err, OSSO_UNSUPPORTED,
                              "%s: \"%s\" %s; of %s models osso runs the plain form: SiLU, no biases, no windows, RoPE "
                              "without scaling",
                              r->where, key, what, r->type);
}

/* fallback 0: it must be there. */
static int64_t size_of(struct reader *r, const char *key, int64_t fallback)
{
    int64_t value = fallback;
    bool found = false;
    if (r->status || (fallback && !jval_given(r->obj, key)))
        return fallback;
    r->status = jget_i64(r->obj, key, 1, INT32_MAX, &value, &found, r->where, r->err);
    if (!r->status && !found)
        r->status = error_set(r->err, OSSO_FORMAT, "%s: \"%s\" is missing", r->where, key);
    return value;
}

/* False, null or absent. */
static void must_be_off(struct reader *r, const char *key)
{
    const struct jval *v = jval_get(r->obj, key);
    if (v && v->type != J_NULL && !(v->type == J_BOOL && !v->truth))
        refuse(r, key, "is there");
}

static void check_form(struct reader *r)
{
    const struct jval *act = jval_get(r->obj, "hidden_act"), *types = jval_get(r->obj, "layer_types");
    if (act && !(act->type == J_STRING && jtext_is(act->text, "silu")))
        refuse(r, "hidden_act", "is not \"silu\"");
    must_be_off(r, "attention_bias");
    must_be_off(r, "mlp_bias");
    must_be_off(r, "sliding_window");
    must_be_off(r, "quantization_config");
    for (const struct jval *v = types && types->type == J_ARRAY ? types->first : NULL; v; v = v->next)
        if (v->type != J_STRING || !jtext_is(v->text, "full_attention"))
            refuse(r, "layer_types", "has others than \"full_attention\"");
}

/* Of rope_scaling and rope_parameters, and of the same members beside them. */
static void read_rope_of(struct reader *r, const struct jval *rope, const char *key, struct config *c)
{
    const struct jval *type;
    double partial = 1;
    if (r->status || !rope || rope->type == J_NULL)
        return;
    if (rope->type != J_OBJECT) {
        refuse(r, key, "is not an object");
        return;
    }
    type = jval_get(rope, jval_given(rope, "rope_type") ? "rope_type" : "type");
    if (rope != r->obj && type && !(type->type == J_STRING && jtext_is(type->text, "default")))
        refuse(r, key, "is not \"default\"");
    if (rope != r->obj && !type && jval_given(rope, "factor"))
        refuse(r, key, "has a factor");
    if (!r->status)
        r->status = jget_f64(rope, "rope_theta", &c->rope_theta, NULL, r->where, r->err);
    if (!r->status)
        r->status = jget_f64(rope, "partial_rotary_factor", &partial, NULL, r->where, r->err);
    if (partial < 1 || partial > 1)
        refuse(r, "partial_rotary_factor", "is not 1");
}

static void read_sizes(struct reader *r, struct config *c, bool mixtral)
{
    c->n_layers = (int)size_of(r, "num_hidden_layers", 0);
    c->hidden = size_of(r, "hidden_size", 0);
    c->intermediate = size_of(r, "intermediate_size", 0);
    c->vocab = size_of(r, "vocab_size", 0);
    c->n_heads = (int)size_of(r, "num_attention_heads", 0);
    c->n_kv_heads = (int)size_of(r, "num_key_value_heads", mixtral ? 8 : c->n_heads);
    c->head_dim = (int)size_of(r, "head_dim", c->n_heads ? c->hidden / c->n_heads : 1);
    c->n_experts = mixtral ? (int)size_of(r, jval_given(r->obj, "num_experts") ? "num_experts" : "num_local_experts", 8)
                           : 1;
    c->experts_per_token = mixtral ? (int)size_of(r, "num_experts_per_tok", 2) : 1;
    c->context = size_of(r, "max_position_embeddings", mixtral ? 131072 : 2048);
    if (!r->status && c->n_layers > MAX_LAYERS)
        r->status = error_set(r->err, OSSO_LIMIT, "%s: %d layers; at most %d are allowed", r->where, c->n_layers,
                              (int)MAX_LAYERS);
    if (mixtral && c->n_experts == 1)
        refuse(r, "num_local_experts", "is 1, which is Llama's layer with a router that decides nothing");
}

enum osso_status config_from_plain(const struct jval *root, const char *where, struct config *c, struct osso_error *err)
{
    struct reader r = {.obj = root, .where = where, .type = type_of(root), .err = err};
    bool mixtral = strcmp(r.type, "mixtral") == 0;
    config_plain(c);
    check_form(&r);
    read_sizes(&r, c, mixtral);
    c->rope_theta = mixtral ? 1e6 : 1e4;
    c->rms_eps = mixtral ? 1e-5 : 1e-6;
    read_rope_of(&r, root, "rope_theta", c);
    read_rope_of(&r, jval_get(root, "rope_scaling"), "rope_scaling", c);
    read_rope_of(&r, jval_get(root, "rope_parameters"), "rope_parameters", c);
    if (!r.status)
        r.status = jget_f64(root, "rms_norm_eps", &c->rms_eps, NULL, where, err);
    if (!r.status)
        r.status = jget_bool(root, "tie_word_embeddings", &c->tied, NULL, where, err);
    return r.status;
}
