/* optimizer.c: AdamW over an arena: blocks of values dealt to members, each value by itself, so no bit depends on who
 * has which. */
#include "train/optimizer.h"

#include "base/error.h"
#include "base/mem.h"

#include <math.h>
#include <string.h>

static bool decays(const struct param *p)
{
    return p->kind == PARAM_EXPERTS || (p->kind == PARAM_MATRIX && p->each);
}

struct part_list {
    const float *values;
    struct optimizer_part *parts; /* NULL: only counts */
    int n;
};

static enum osso_status note_part(void *user, const struct param_piece *p, struct osso_error *err)
{
    struct part_list *list = user;
    (void)err;
    int64_t first = (const float *)(const void *)p->data - list->values;
    if (list->parts)
        list->parts[list->n] = (struct optimizer_part){first, first + p->stack * p->rows * p->columns,
                                                       decays(p->param)};
    list->n++;
    return OSSO_OK;
}

static int64_t blocks_of(int64_t count)
{
    return (count + OPTIMIZER_BLOCK - 1) / OPTIMIZER_BLOCK;
}

uint64_t optimizer_bytes(const struct config *config)
{
    return 2 * (uint64_t)params_count(config) * sizeof(float);
}

enum osso_status optimizer_create(const struct config *config, const struct weights *weights, float *values,
                                  float *gradients, struct optimizer *o, struct osso_error *err)
{
    struct part_list list = {.values = values};
    *o = (struct optimizer){.count = params_count(config), .values = values, .gradients = gradients};
    weights_each(weights, config, note_part, &list, err);
    o->n_blocks = blocks_of(o->count);
    o->parts = mem_array((size_t)list.n, sizeof *o->parts);
    o->block_sums = mem_array((size_t)o->n_blocks, sizeof *o->block_sums);
    o->m = mem_pages((size_t)o->count * sizeof *o->m);
    o->v = mem_pages((size_t)o->count * sizeof *o->v);
    if (!o->parts || !o->block_sums || !o->m || !o->v) {
        optimizer_free(o);
        return error_nomem(err, optimizer_bytes(config), "the moments of the optimizer; take a smaller model");
    }
    list = (struct part_list){.values = values, .parts = o->parts};
    weights_each(weights, config, note_part, &list, err);
    o->n_parts = list.n;
    return OSSO_OK;
}

void optimizer_free(struct optimizer *o)
{
    mem_free(o->parts);
    mem_free(o->block_sums);
    if (o->m)
        mem_pages_free(o->m, (size_t)o->count * sizeof *o->m);
    if (o->v)
        mem_pages_free(o->v, (size_t)o->count * sizeof *o->v);
    *o = (struct optimizer){0};
}

double optimizer_norm(const struct member *member, const struct optimizer *o)
{
    struct deal deal = member_deal(member);
    double sum = 0;
    for (int64_t b; (b = member_claim(member, &deal, o->n_blocks)) >= 0;) {
        int64_t end = (b + 1) * OPTIMIZER_BLOCK < o->count ? (b + 1) * OPTIMIZER_BLOCK : o->count;
        double squares = 0;
        for (int64_t i = b * OPTIMIZER_BLOCK; i < end; i++)
            squares += (double)o->gradients[i] * (double)o->gradients[i];
        o->block_sums[b] = squares;
    }
    member_sync(member);
    for (int64_t b = 0; b < o->n_blocks; b++)
        sum += o->block_sums[b];
    member_sync(member); /* the sums may be written again */
    return sqrt(sum);
}

/* Values [first, end) of one part. */
static void update_run(const struct optimizer *o, const struct adamw *rule, double clip, bool decay, int64_t first,
                       int64_t end)
{
    double t = (double)(o->updates + 1), root = sqrt(1 - pow(rule->beta2, t));
    float shrink = decay ? (float)(1 - rule->lr * rule->weight_decay) : 1;
    float size = (float)(rule->lr / (1 - pow(rule->beta1, t))), eps = (float)rule->eps, scale = (float)clip;
    float new_m = (float)(1 - rule->beta1), old_v = (float)rule->beta2, new_v = (float)(1 - rule->beta2);
    float correct = (float)root;
    for (int64_t i = first; i < end; i++) {
        float g = o->gradients[i] * scale;
        o->m[i] = o->m[i] + new_m * (g - o->m[i]);
        o->v[i] = o->v[i] * old_v + new_v * (g * g);
        o->values[i] = o->values[i] * shrink - size * (o->m[i] / (sqrtf(o->v[i]) / correct + eps));
    }
}

static void update_block(const struct optimizer *o, const struct adamw *rule, double clip, int64_t first, int64_t end)
{
    for (int p = 0; p < o->n_parts; p++) {
        const struct optimizer_part *part = &o->parts[p];
        int64_t from = part->first > first ? part->first : first, to = part->end < end ? part->end : end;
        if (from < to)
            update_run(o, rule, clip, part->decays, from, to);
    }
}

bool optimizer_update(const struct member *member, struct optimizer *o, const struct adamw *rule, double norm)
{
    bool good = isfinite(norm);
    double clip = rule->grad_clip > 0 ? rule->grad_clip / (norm + 1e-6) : 1;
    struct deal deal = member_deal(member);
    for (int64_t b; (b = member_claim(member, &deal, o->n_blocks)) >= 0;) {
        int64_t first = b * OPTIMIZER_BLOCK,
                end = first + OPTIMIZER_BLOCK < o->count ? first + OPTIMIZER_BLOCK : o->count;
        if (good)
            update_block(o, rule, clip < 1 ? clip : 1, first, end);
        memset(o->gradients + first, 0, (size_t)(end - first) * sizeof *o->gradients);
    }
    member_sync(member);
    if (member->id == 0)
        o->updates += good;
    member_sync(member);
    return good;
}

double schedule_lr(const struct schedule *s, int64_t t)
{
    if (t <= s->warmup_steps)
        return s->lr * (double)t / (double)s->warmup_steps;
    int64_t length = s->kind == SCHEDULE_WSD ? s->decay_steps : s->steps - s->warmup_steps;
    int64_t done = s->kind == SCHEDULE_WSD ? t - (s->steps - s->decay_steps) : t - s->warmup_steps;
    double p = done > 0 && length > 0 ? (double)done / (double)length : 0, rest = 1 - p;
    if (s->kind == SCHEDULE_CONSTANT)
        return s->lr;
    if (s->kind == SCHEDULE_COSINE)
        rest = (1 + cos(acos(-1) * p)) / 2;
    return s->min_lr + (s->lr - s->min_lr) * rest;
}
