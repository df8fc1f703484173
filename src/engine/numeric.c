/* numeric.c: why logits are not finite. Nothing is checked while a model runs; here what it left is looked through. */
#include "engine/engine_parts.h"

#include "base/error.h"

#include <math.h>

/* What the pages of this layer hold that is not finite, in positions [0, n). */
static unsigned layer_faults(const struct osso_session *s, int layer, size_t n)
{
    struct osso_engine *e = s->engine;
    const struct kv_pool *kv = &e->kv;
    enum kv_group_id g = (enum kv_group_id)kv->layer_group[layer];
    unsigned found = 0;
    for (int i = 0; i < s->kv.n_slots && (size_t)i * KV_PAGE < n; i++) {
        size_t left = n - (size_t)i * KV_PAGE;
        if (s->kv.page[g][i] < 0)
            continue;
        uint8_t *part = kv_page_at(kv, s->kv.page[g][i]) + kv->layer_off[layer];
        found |= e->backend->kv_faults(&kv->layout, e->backend->host(e->backend, part, kv->layer_bytes),
                                       left < KV_PAGE ? (int)left : KV_PAGE);
    }
    return found;
}

/* Of two narrow types the range is f16's, of values or of scales. */
static bool is_narrow(enum kv_type type)
{
    return type == KV_F16 || type == KV_Q8_0;
}

enum osso_status engine_not_finite(const struct osso_session *s, size_t pos, struct osso_error *err)
{
    const struct osso_engine *e = s->engine;
    const char *type = kv_type_name(e->kv.layout.type), *half;
    bool narrow = e->model && is_narrow(e->kv.layout.type);
    unsigned found = 0;
    int layer = -1;
    session_spoil(s); /* whoever had its pages would find the same */
    while (e->model && !found && ++layer < e->config.n_layers)
        found = layer_faults(s, layer, pos + 1);
    half = found & (KV_KEY_INFINITE | KV_KEY_NAN) ? "keys" : "values";
    if (narrow && found & (KV_KEY_INFINITE | KV_VALUE_INFINITE))
        return error_set(err, OSSO_NUMERIC,
                         "the logits at position %zu are not finite: the %s of layer %d are too large for the KV type "
                         "%s; try --kv-type bf16",
                         pos, found & KV_KEY_INFINITE ? "keys" : "values", layer, type);
    if (narrow && found)
        return error_set(err, OSSO_NUMERIC,
                         "the logits at position %zu are not finite, from the %s of layer %d on: the model file may be "
                         "damaged, or the keys and values before are too large for the KV type %s: try --kv-type bf16",
                         pos, half, layer, type);
    if (narrow && s->slide_slot > 0) /* what began it may have been in a page that was given back */
        return error_set(err, OSSO_NUMERIC,
                         "the logits at position %zu are not finite: the model file may be damaged, or keys and values "
                         "that are forgotten by now were too large for the KV type %s: try --kv-type bf16",
                         pos, type);
    if (found)
        return error_set(err, OSSO_NUMERIC,
                         "the logits at position %zu are not finite, from the %s of layer %d on: the model file may be "
                         "damaged",
                         pos, half, layer);
    return error_set(err, OSSO_NUMERIC, "the logits at position %zu are not finite%s", pos,
                     e->model ? ": the model file may be damaged" : "");
}

enum osso_status osso_session_check_logits(const struct osso_session *s, size_t pos, struct osso_error *err)
{
    const float *row = osso_session_logits(s, pos);
    int64_t vocab = s->engine->config.vocab, i = 0;
    if (!row)
        return error_set(err, OSSO_USAGE, "no logits of position %zu: the last step did not give them", pos);
    while (i < vocab && isfinite(row[i]))
        i++;
    return i == vocab ? OSSO_OK : engine_not_finite(s, pos, err);
}
