/* patch_values.c: what values are changed into: those of the other text, or what reference texts have on the average.
 */
#include "inspect/patch_parts.h"

#include "base/error.h"
#include "base/mem.h"
#include "inspect/one_text.h"
#include "model/layers.h"

#include <string.h>

enum { SAMPLES = 16, EXPERT_SAMPLES = 4 };

static size_t kept_rows(const struct patching *p, size_t n)
{
    return patch_layer(p, p->engine->config.n_layers) * (n - p->from) * p->slots;
}

static bool needs_reference(const struct patching *p)
{
    return p->mode >= MEAN && p->mode <= RESAMPLE && !p->paired;
}

/* Where a layer's group (an expert, or all) has its sums. */
static size_t group_at(const struct patching *p, int layer, int expert)
{
    return patch_layer(p, layer) * p->reference.groups + (size_t)(expert > 0 ? expert : 0);
}

float *patch_kept_at(const struct patching *p, const struct patch_kept *kept, int layer, size_t position, size_t slot)
{
    size_t row = patch_layer(p, layer) * (kept->n - p->from) + (position - p->from);
    return kept->values + (row * p->slots + slot) * p->width;
}

uint64_t patch_values_bytes(const struct patching *p)
{
    bool expert = p->component->by == BY_EXPERT;
    uint64_t row = p->width * sizeof(float) + (expert ? sizeof(int32_t) : 0), bytes = stream_bytes(&p->stream);
    uint64_t layers = patch_layer(p, p->engine->config.n_layers);
    uint64_t groups = expert ? (uint64_t)p->engine->config.n_experts : 1, samples = expert ? EXPERT_SAMPLES : SAMPLES;
    if (p->paired)
        bytes += kept_rows(p, p->n_other) * row;
    if (expert)
        bytes += kept_rows(p, p->n) * row;
    if (needs_reference(p))
        bytes += layers * groups * p->width * (2 * sizeof(double) + samples * sizeof(float));
    return bytes;
}

/* ---- a run that is looked at ----------------------------------------------------------------------------------------
 */

static enum osso_status look(struct patching *p, const int32_t *ids, size_t n, size_t first, osso_tap_fn *fn,
                             void *user, struct osso_error *err)
{
    struct osso_tap_options tap = {.size = sizeof tap,
                                   .taps = (uint64_t)1 << p->component->tap,
                                   .layers = &p->layers,
                                   .first = (int64_t)first,
                                   .fn = fn,
                                   .user = user};
    return one_text_tap(p->engine, ids, n, &tap, err);
}

struct keeping {
    const struct patching *p;
    struct patch_kept *kept;
};

static int keep(void *user, const struct osso_tap_value *v)
{
    const struct keeping *k = user;
    const struct patching *p = k->p;
    for (int r = 0; r < v->n_rows; r++) {
        size_t position = (size_t)v->positions[r / v->slots], slot = (size_t)(r % v->slots);
        float *to = patch_kept_at(p, k->kept, v->layer, position, slot);
        const float *from = v->values + r * v->width;
        if (v->n_heads > 0) /* attention: rows of as many keys as the step has */
            for (int h = 0; h < v->n_heads; h++)
                memcpy(to + (size_t)h * p->part, from + h * v->n_keys, (size_t)v->n_keys * sizeof *to);
        else
            memcpy(to, from, p->width * sizeof *to);
        if (!k->kept->experts)
            continue;
        for (size_t i = 0; i < p->width; i++)
            to[i] *= v->weights[r];
        k->kept->experts[(size_t)(to - k->kept->values) / p->width] = v->experts[r];
    }
    return 0;
}

static enum osso_status keep_run(struct patching *p, struct patch_kept *kept, const int32_t *ids, size_t n,
                                 struct osso_error *err)
{
    size_t rows = kept_rows(p, n);
    struct keeping k = {p, kept};
    kept->n = n;
    kept->values = mem_array(rows, p->width * sizeof *kept->values);
    if (p->component->by == BY_EXPERT)
        kept->experts = mem_array(rows, sizeof *kept->experts);
    if (!kept->values || (p->component->by == BY_EXPERT && !kept->experts))
        return error_nomem(err, rows * p->width * sizeof *kept->values, "the values of a run: --layers takes fewer");
    return look(p, ids, n, p->from, keep, &k, err);
}

/* ---- reference texts ------------------------------------------------------------------------------------------------
 */

static int count(void *user, const struct osso_tap_value *v)
{
    struct patching *p = user;
    struct patch_reference *ref = &p->reference;
    for (int r = 0; r < v->n_rows; r++) {
        if (v->replayed[r / v->slots])
            continue;
        size_t g = group_at(p, v->layer, ref->groups > 1 ? v->experts[r] : 0);
        float weight = ref->groups > 1 ? v->weights[r] : 1;
        const float *x = v->values + r * v->width;
        /* every row seen so far is equally likely to be among those that are kept */
        uint64_t seen = ref->count[g]++,
                 to = seen < ref->samples ? seen : rng_next(&ref->rng[patch_layer(p, v->layer)]) % (seen + 1);
        for (size_t i = 0; i < p->width; i++) {
            float value = x[i] * weight;
            ref->sum[g * p->width + i] += (double)value;
            ref->squares[g * p->width + i] += (double)value * (double)value;
            if (to < ref->samples)
                ref->rows[(g * ref->samples + to) * p->width + i] = value;
        }
    }
    return 0;
}

static enum osso_status run_reference(struct patching *p, struct osso_error *err)
{
    struct patch_reference *ref = &p->reference;
    size_t layers = patch_layer(p, p->engine->config.n_layers);
    enum osso_status status = OSSO_OK;
    bool expert = p->component->by == BY_EXPERT;
    ref->groups = expert ? (size_t)p->engine->config.n_experts : 1;
    ref->samples = expert ? EXPERT_SAMPLES : SAMPLES;
    size_t groups = layers * ref->groups;
    ref->sum = mem_array(groups, p->width * sizeof *ref->sum);
    ref->squares = mem_array(groups, p->width * sizeof *ref->squares);
    ref->rows = mem_array(groups * ref->samples, p->width * sizeof *ref->rows);
    ref->count = mem_array(groups, sizeof *ref->count);
    ref->rng = mem_array(layers, sizeof *ref->rng);
    if (!ref->sum || !ref->squares || !ref->rows || !ref->count || !ref->rng)
        return error_nomem(err, groups * p->width * 2 * sizeof *ref->sum, "the means of values");
    for (size_t l = 0; l < layers; l++)
        rng_seed(&ref->rng[l], p->o.seed + l);
    for (size_t t = 0; t < p->o.n_texts && !status; t++)
        status = look(p, p->o.texts[t], p->o.lengths[t], 0, count, p, err);
    return p->o.n_texts ? status : look(p, p->clean, p->n_clean, 0, count, p, err);
}

/* ---- all
 * ---------------------------------------------------------------------------------------------------------------- */

enum osso_status patch_values(struct patching *p, struct osso_error *err)
{
    uint64_t bytes = patch_values_bytes(p), most = one_text_most(p->o.max_bytes);
    if (bytes > most)
        return error_set(err, OSSO_LIMIT,
                         "%llu bytes of values would have to be kept, more than %llu bytes: ask for fewer layers, or a "
                         "shorter text",
                         (unsigned long long)bytes, (unsigned long long)most);
    enum osso_status status = stream_keep(p->engine, p->text, &p->stream, err);
    if (!status && p->paired)
        status = keep_run(p, &p->source, p->other, p->n_other, err);
    if (!status && p->component->by == BY_EXPERT)
        status = keep_run(p, &p->base, p->text, p->n, err);
    if (!status && needs_reference(p))
        status = run_reference(p, err);
    return status;
}

void patch_values_free(struct patching *p)
{
    stream_free(&p->stream);
    mem_free(p->source.values);
    mem_free(p->source.experts);
    mem_free(p->base.values);
    mem_free(p->base.experts);
    mem_free(p->reference.sum);
    mem_free(p->reference.squares);
    mem_free(p->reference.rows);
    mem_free(p->reference.count);
    mem_free(p->reference.rng);
}
