/* patch_put.c: one place of a run is changed. */
#include "inspect/patch_parts.h"

#include <math.h>
#include <string.h>

/* A place's random numbers are its own, whatever runs beside it. */
static struct rng rng_of(const struct patching *p, size_t record, size_t position)
{
    struct rng rng;
    rng_seed(&rng, p->o.seed + record * 1000003u + position * 7919u);
    return rng;
}

/* Box and Muller's. */
static double gauss(struct rng *rng)
{
    double u = 1 - rng_unit(rng), v = rng_unit(rng);
    return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

/* What reference texts say instead of n values from `at` of a row on: `was`, which `to` may be. add: onto what stands
 * there. */
static void from_reference(const struct patch_run *run, const struct osso_patch_record *rec, size_t position, size_t at,
                           size_t n, const float *was, float *to, bool add)
{
    const struct patching *p = run->of;
    const struct patch_reference *ref = &p->reference;
    size_t group = patch_layer(p, rec->layer) * ref->groups + (size_t)(rec->expert > 0 ? rec->expert : 0);
    struct rng rng = rng_of(p, run->record, position);
    double rows = (double)ref->count[group], times = p->o.noise > 0 ? p->o.noise : 1;
    const double *sum = ref->sum + group * p->width + at, *squares = ref->squares + group * p->width + at;
    uint64_t kept = ref->count[group] < ref->samples ? ref->count[group] : ref->samples,
             row = kept ? rng_next(&rng) % kept : 0;
    const float *sample = ref->rows + (group * ref->samples + row) * p->width + at;
    for (size_t i = 0; i < n; i++) { /* nothing was seen of an expert that no reference text chose */
        double mean = rows > 0 ? sum[i] / rows : 0, spread = rows > 0 ? squares[i] / rows - mean * mean : 0;
        float value = p->mode == RESAMPLE ? sample[i] : (float)mean;
        if (p->mode == NOISE)
            value = (float)((double)was[i] + times * sqrt(spread > 0 ? spread : 0) * gauss(&rng));
        to[i] = add ? to[i] + value : value;
    }
}

/* The weights or scores that one head gives to n_keys positions. */
static void put_attention(const struct patch_run *run, const struct osso_patch_record *rec, size_t position, float *row,
                          int64_t n_keys)
{
    const struct patching *p = run->of;
    const float *source = p->paired ? patch_kept_at(p, &p->source, rec->layer, (size_t)p->pair[position], 0) +
                                          (size_t)rec->head * p->part
                                    : NULL;
    for (size_t k = 0; k < (size_t)n_keys && k < p->n; k++)
        if (p->mode == HIDE_SCORES)
            row[k] = p->hidden[k] ? -INFINITY : row[k];
        else if (p->mode == HIDE_WEIGHTS)
            row[k] = p->hidden[k] ? 0 : row[k];
        else
            row[k] = source && p->pair[k] >= 0 && k <= position ? source[p->pair[k]] : 0;
}

/* Another part of one expert in the sum of all. */
static void put_expert(const struct patch_run *run, const struct osso_patch_record *rec, size_t position, float *row)
{
    const struct patching *p = run->of;
    size_t slot, other = (size_t)(p->paired ? p->pair[position] : 0);
    const float *was = NULL, *now = NULL;
    if (patch_chose(p, &p->base, rec->layer, position, rec->expert, &slot))
        was = patch_kept_at(p, &p->base, rec->layer, position, slot);
    if (p->paired && patch_chose(p, &p->source, rec->layer, other, rec->expert, &slot))
        now = patch_kept_at(p, &p->source, rec->layer, other, slot);
    if (!p->paired && !was)
        return;
    for (size_t i = 0; i < p->width; i++)
        row[i] -= was ? was[i] : 0;
    for (size_t i = 0; i < p->width && p->paired; i++)
        row[i] += now ? now[i] : 0;
    if (!p->paired && p->mode != ZERO)
        from_reference(run, rec, position, 0, p->width, was, row, true);
}

static void put_part(const struct patch_run *run, const struct osso_patch_record *rec, size_t position, float *row)
{
    const struct patching *p = run->of;
    size_t at = rec->head > 0 ? (size_t)rec->head * p->part : 0;
    if (p->paired)
        memcpy(row + at, patch_kept_at(p, &p->source, rec->layer, (size_t)p->pair[position], 0) + at,
               p->part * sizeof *row);
    else if (p->mode == ZERO)
        memset(row + at, 0, p->part * sizeof *row);
    else
        from_reference(run, rec, position, at, p->part, row + at, row + at, false);
}

int patch_put(void *user, const struct osso_tap_value *v)
{
    const struct patch_run *run = user;
    const struct patching *p = run->of;
    const struct osso_patch_record *rec = &p->r.records[run->record];
    for (int r = 0; r < v->n_rows; r++) {
        size_t position = (size_t)v->positions[r];
        float *row = v->values + r * v->width;
        if (rec->position < 0 && !p->at[position])
            continue;
        if (v->n_heads > 0)
            put_attention(run, rec, position, row, v->n_keys);
        else if (rec->expert >= 0)
            put_expert(run, rec, position, row);
        else
            put_part(run, rec, position, row);
    }
    return 0;
}
