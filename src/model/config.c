/* config.c: what every gpt-oss has in common, and the limits. */
#include "model/config.h"

#include "base/error.h"

#include <math.h>
#include <string.h>

void config_family(struct config *config_out)
{
    memset(config_out, 0, sizeof *config_out); /* padding too: configurations are compared byte by byte in tests */
    config_out->head_dim = 64;
    config_out->experts_per_token = 4;
    config_out->window = 128;
    config_out->context = 131072;
    config_out->rms_eps = 1e-5;
    config_out->swiglu_alpha = 1.702;
    config_out->swiglu_limit = 7.0;
    config_out->swiglu_shift = 1;
    config_out->temperature = -1;
    config_out->top_p = 1;
    config_out->repetition_penalty = 1;
    /* YaRN, its bounds not rounded. */
    config_out->rope_theta = 150000;
    config_out->yarn = true;
    config_out->yarn_factor = 32;
    config_out->yarn_beta_fast = 32;
    config_out->yarn_beta_slow = 1;
    config_out->yarn_original = 4096;
    config_out->yarn_truncate = false;
    for (int i = 0; i < MAX_LAYERS; i++)
        config_out->sliding[i] = i % 2 == 0;
}

void config_plain(struct config *c)
{
    c->plain = true;
    c->swiglu_alpha = 1;
    c->swiglu_limit = INFINITY;
    c->swiglu_shift = 0;
    c->rope_theta = 10000;
    c->yarn = false;
    memset(c->sliding, 0, sizeof c->sliding);
}

const char *config_presets(void)
{
    return "20b and 120b, and to be trained"
#define PRESET(...)
#define SEED(name, ...) " " name
#include "model/presets.def"
        ;
}

const char *config_preset_name(int i)
{
    static const char *const names[] = {
#define PRESET(name, ...) name,
#include "model/presets.def"
    };
    return i >= 0 && (size_t)i < sizeof names / sizeof *names ? names[i] : NULL;
}

enum osso_status config_preset(const char *name, struct config *config_out, struct osso_error *err)
{
    static const struct {
        const char *name;
        int layers, experts, picks;
        int64_t hidden, intermediate, vocab;
        int heads, kv_heads, head_dim;
        int64_t window, context;
        bool tied, published;
    } presets[] = {
#define PRESET(...) {__VA_ARGS__, true},
#define SEED(...) {__VA_ARGS__, false},
#include "model/presets.def"
    };
    memset(config_out, 0, sizeof *config_out);
    for (size_t i = 0; i < sizeof presets / sizeof presets[0]; i++) {
        if (strcmp(presets[i].name, name) != 0)
            continue;
        config_family(config_out);
        config_out->n_layers = presets[i].layers;
        config_out->n_experts = presets[i].experts;
        config_out->experts_per_token = presets[i].picks;
        config_out->hidden = presets[i].hidden;
        config_out->intermediate = presets[i].intermediate;
        config_out->vocab = presets[i].vocab;
        config_out->n_heads = presets[i].heads;
        config_out->n_kv_heads = presets[i].kv_heads;
        config_out->head_dim = presets[i].head_dim;
        config_out->window = presets[i].window;
        config_out->context = presets[i].context;
        config_out->tied = presets[i].tied;
        if (!presets[i].published)
            return config_check(config_out, name, err);
        static const int32_t stop[] = {200002, 199999, 200012};
        memcpy(config_out->stop_ids, stop, sizeof stop);
        config_out->n_stop_ids = sizeof stop / sizeof stop[0];
        for (int k = 0; k < config_out->n_stop_ids; k++)
            config_out->stop_from[k] = "preset";
        return config_check(config_out, name, err);
    }
    return error_set(err, OSSO_NOTFOUND, "no preset is named \"%s\"; there are %s", name, config_presets());
}

/* Far above every gpt-oss, and low enough that no product of a few of them leaves 63 bits. */
enum {
    MAX_WIDTH = 1 << 18,
    MAX_VOCAB = 1 << 24,
    MAX_HEADS = 4096,
    MAX_HEAD_DIM = 1024,
    MAX_EXPERTS = 4096,
    MAX_POSITIONS = 1 << 30
};

static enum osso_status bad(const char *where, const char *what, struct osso_error *err)
{
    return error_set(err, OSSO_FORMAT, "%s: %s", where, what);
}

static enum osso_status check_range(const char *where, const char *key, int64_t value, int64_t max,
                                    struct osso_error *err)
{
    if (value >= 1 && value <= max)
        return OSSO_OK;
    return error_set(err, OSSO_FORMAT, "%s: %s is %lld; it must be from 1 to %lld", where, key, (long long)value,
                     (long long)max);
}

static enum osso_status check_real(const char *where, const char *key, double value, double above,
                                   struct osso_error *err)
{
    if (isfinite(value) && value > above && value < 1e30)
        return OSSO_OK;
    return error_set(err, OSSO_FORMAT, "%s: %s is %g; it must be a number above %g", where, key, value, above);
}

enum osso_status config_check(const struct config *c, const char *where, struct osso_error *err)
{
    const struct {
        const char *key;
        int64_t value, max;
    } whole[] = {
        {"the number of layers", c->n_layers, MAX_LAYERS},
        {"the hidden size", c->hidden, MAX_WIDTH},
        {"the intermediate size", c->intermediate, MAX_WIDTH},
        {"the vocabulary size", c->vocab, MAX_VOCAB},
        {"the number of attention heads", c->n_heads, MAX_HEADS},
        {"the number of key/value heads", c->n_kv_heads, MAX_HEADS},
        {"head_dim", c->head_dim, MAX_HEAD_DIM},
        {"the number of experts", c->n_experts, MAX_EXPERTS},
        {"the number of experts per token", c->experts_per_token, c->n_experts},
        {"the sliding window", c->window, MAX_POSITIONS},
        {"the context length", c->context, MAX_POSITIONS},
        {"the original context length of YaRN", c->yarn ? c->yarn_original : 1, MAX_POSITIONS},
    };
    const struct {
        const char *key;
        double value, above;
    } real[] = {
        {"the epsilon of RMSNorm", c->rms_eps, 0},
        {"rope_theta", c->rope_theta, 1}, /* its logarithm is divided by */
        {"the YaRN factor", c->yarn ? c->yarn_factor : 1, 0},
        {"beta_fast of YaRN", c->yarn ? c->yarn_beta_fast : 1, 0},
        {"beta_slow of YaRN", c->yarn ? c->yarn_beta_slow : 1, 0},
        {"swiglu_alpha", c->swiglu_alpha, -1e30},
        {"swiglu_limit", c->plain ? 1 : c->swiglu_limit, 0}, /* a plain block has none */
    };
    enum osso_status status = OSSO_OK;
    for (size_t i = 0; i < sizeof whole / sizeof whole[0] && !status; i++)
        status = check_range(where, whole[i].key, whole[i].value, whole[i].max, err);
    for (size_t i = 0; i < sizeof real / sizeof real[0] && !status; i++)
        status = check_real(where, real[i].key, real[i].value, real[i].above, err);
    if (status)
        return status;
    if (c->head_dim % 2 != 0)
        return bad(where, "head_dim is odd; rotary position encoding needs pairs", err);
    if (c->n_heads % c->n_kv_heads != 0)
        return bad(where, "the key/value heads do not divide the attention heads", err);
    for (int i = 0; i < c->n_stop_ids; i++)
        if (c->stop_ids[i] < 0 || c->stop_ids[i] >= c->vocab)
            return error_set(err, OSSO_FORMAT, "%s: the end-of-text id %d is outside the vocabulary of %lld", where,
                             (int)c->stop_ids[i], (long long)c->vocab);
    return OSSO_OK;
}
