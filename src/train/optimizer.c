/* optimizer.c: AdamW over an arena: blocks of values dealt to members, each value by itself, so no bit depends on who
 * has which. Muon's matrices: muon.c. */
#include "train/optimizer.h"

#include "base/error.h"
#include "base/mem.h"

#include <math.h>

static bool decays(const struct param *p)
{
    return p->kind == PARAM_EXPERTS || (p->kind == PARAM_MATRIX && p->each);
}

/* Tables of tokens and the router's few rows are no maps between features. */
static bool is_muons(const struct optimizer_options *options, const struct param *p)
{
    return options->kind == OPTIMIZER_MUON && decays(p) && p->id != PARAM_router;
}

struct part_list {
    const float *values;
    const struct optimizer_options *options;
    struct optimizer_part *parts; /* NULL: only counts */
    int n;
};

static enum osso_status note_part(void *user, const struct param_piece *p, struct osso_error *err)
{
    struct part_list *list = user;
    (void)err;
    int64_t first = (const float *)(const void *)p->data - list->values;
    if (list->parts)
        list->parts[list->n] = (struct optimizer_part){.first = first,
                                                       .end = first + p->stack * p->rows * p->columns,
                                                       .decays = decays(p->param),
                                                       .muon = is_muons(list->options, p->param),
                                                       .stack = p->stack,
                                                       .rows = p->rows,
                                                       .columns = p->columns};
    list->n++;
    return OSSO_OK;
}

static int64_t blocks_of(int64_t count)
{
    return (count + OPTIMIZER_BLOCK - 1) / OPTIMIZER_BLOCK;
}

static size_t moment_bytes(int64_t count, const struct optimizer_options *options)
{
    return (size_t)count * (options->bf16_moments ? sizeof(uint16_t) : sizeof(float));
}

uint64_t optimizer_bytes(const struct config *config, const struct optimizer_options *options)
{
    return 2 * moment_bytes(params_count(config), options);
}

/* Muon's matrices, and the room that the largest one takes. */
static enum osso_status make_space(struct optimizer *o, struct osso_error *err)
{
    for (int p = 0; p < o->n_parts; p++) {
        int64_t values = o->parts[p].muon ? optimizer_muon_values(&o->parts[p]) : 0;
        o->n_matrices += o->parts[p].muon ? o->parts[p].stack : 0;
        o->space_values = values > o->space_values ? values : o->space_values;
    }
    if (!o->n_matrices)
        return OSSO_OK;
    size_t bytes = (size_t)o->space_values * (size_t)o->n_members * sizeof *o->space;
    o->space = mem_pages(bytes);
    return o->space ? OSSO_OK : error_nomem(err, bytes, "the matrices that Muon works on; take fewer threads");
}

enum osso_status optimizer_create(const struct config *config, const struct weights *weights, float *values,
                                  float *gradients, const struct optimizer_options *options, int n_members,
                                  struct optimizer *o, struct osso_error *err)
{
    struct part_list list = {.values = values, .options = options};
    *o = (struct optimizer){.count = params_count(config),
                            .values = values,
                            .gradients = gradients,
                            .options = *options,
                            .n_members = n_members};
    weights_each(weights, config, note_part, &list, err);
    o->n_blocks = blocks_of(o->count);
    o->parts = mem_array((size_t)list.n, sizeof *o->parts);
    o->block_sums = mem_array((size_t)o->n_blocks, sizeof *o->block_sums);
    o->m = mem_pages(moment_bytes(o->count, options));
    o->v = mem_pages(moment_bytes(o->count, options));
    if (!o->parts || !o->block_sums || !o->m || !o->v) {
        optimizer_free(o);
        return error_nomem(err, optimizer_bytes(config, options),
                           "the moments of the optimizer; take a smaller model, or moments of bf16");
    }
    list.n = 0;
    list.parts = o->parts;
    weights_each(weights, config, note_part, &list, err);
    o->n_parts = list.n;
    enum osso_status status = make_space(o, err);
    if (status)
        optimizer_free(o);
    return status;
}

void optimizer_free(struct optimizer *o)
{
    mem_free(o->parts);
    mem_free(o->block_sums);
    if (o->m)
        mem_pages_free(o->m, moment_bytes(o->count, &o->options));
    if (o->v)
        mem_pages_free(o->v, moment_bytes(o->count, &o->options));
    if (o->space)
        mem_pages_free(o->space, (size_t)o->space_values * (size_t)o->n_members * sizeof *o->space);
    *o = (struct optimizer){0};
}

enum { SIDE_BY_SIDE = 8 /* blocks: each sum waits for its last addition, so several go on meanwhile */ };

/* The sums of squares of blocks [b, b + count), count a constant, each of `length` values. */
static inline __attribute__((always_inline)) void square_blocks(const struct optimizer *o, int64_t b, int count,
                                                                int64_t length)
{
    const float *g = o->gradients + b * OPTIMIZER_BLOCK;
    double squares[SIDE_BY_SIDE] = {0};
    for (int64_t i = 0; i < length; i++)
        for (int k = 0; k < count; k++) {
            double value = (double)g[k * OPTIMIZER_BLOCK + i];
            squares[k] += value * value;
        }
    for (int k = 0; k < count; k++)
        o->block_sums[b + k] = squares[k];
}

double optimizer_norm(const struct member *member, const struct optimizer *o)
{
    struct deal deal = member_deal(member);
    const int64_t n_whole = o->count / OPTIMIZER_BLOCK, n_groups = (o->n_blocks + SIDE_BY_SIDE - 1) / SIDE_BY_SIDE;
    double sum = 0;
    for (int64_t group; (group = member_claim(member, &deal, n_groups)) >= 0;) {
        int64_t b = group * SIDE_BY_SIDE;
        if (b + SIDE_BY_SIDE <= n_whole) {
            square_blocks(o, b, SIDE_BY_SIDE, OPTIMIZER_BLOCK);
            continue;
        }
        for (; b < o->n_blocks; b++)
            square_blocks(o, b, 1, b < n_whole ? OPTIMIZER_BLOCK : o->count - b * OPTIMIZER_BLOCK);
    }
    member_sync(member);
    for (int64_t b = 0; b < o->n_blocks; b++)
        sum += o->block_sums[b];
    member_sync(member); /* the sums may be written again */
    return sqrt(sum);
}

/* What a rule is for one run of values. */
struct factors {
    float scale, shrink, size, eps, new_m, old_v, new_v, correct;
};

static struct factors factors_of(const struct optimizer *o, const struct adamw *rule, double clip, bool decay)
{
    double t = (double)(o->updates + 1);
    return (struct factors){.scale = (float)clip,
                            .shrink = decay ? (float)(1 - rule->lr * rule->weight_decay) : 1,
                            .size = (float)(rule->lr / (1 - pow(rule->beta1, t))),
                            .eps = (float)rule->eps,
                            .new_m = (float)(1 - rule->beta1),
                            .old_v = (float)rule->beta2,
                            .new_v = (float)(1 - rule->beta2),
                            .correct = (float)sqrt(1 - pow(rule->beta2, t))};
}

/* n values whose moments are f32: compilers make vectors of it. */
static void update_f32(const struct factors *by, int64_t n, const float *restrict gradients, float *restrict m,
                       float *restrict v, float *restrict values)
{
    const struct factors f = *by;
    for (int64_t i = 0; i < n; i++) {
        float g = gradients[i] * f.scale;
        m[i] = m[i] + f.new_m * (g - m[i]);
        v[i] = v[i] * f.old_v + f.new_v * (g * g);
        values[i] = values[i] * f.shrink - f.size * (m[i] / (sqrtf(v[i]) / f.correct + f.eps));
    }
}

/* Values [first, end) of one part. The step is that of the moments before they are rounded. */
static void update_run(const struct optimizer *o, const struct adamw *rule, double clip, bool decay, int64_t first,
                       int64_t end)
{
    const struct factors f = factors_of(o, rule, clip, decay);
    if (!o->options.bf16_moments) {
        update_f32(&f, end - first, o->gradients + first, (float *)o->m + first, (float *)o->v + first,
                   o->values + first);
        return;
    }
    for (int64_t i = first; i < end; i++) {
        float m = moment_load(o, o->m, i), v = moment_load(o, o->v, i);
        update_f32(&f, 1, o->gradients + i, &m, &v, o->values + i);
        moment_store(o, o->m, i, m);
        moment_store(o, o->v, i, v);
    }
}

static void update_block(const struct optimizer *o, const struct adamw *rule, double clip, int64_t first, int64_t end)
{
    for (int p = 0; p < o->n_parts; p++) {
        const struct optimizer_part *part = &o->parts[p];
        int64_t from = part->first > first ? part->first : first, to = part->end < end ? part->end : end;
        if (from < to && !part->muon)
            update_run(o, rule, clip, part->decays, from, to);
    }
}

bool optimizer_update(const struct hand *h, struct optimizer *o, const struct adamw *rule, double norm)
{
    const struct member *member = h->member;
    bool good = isfinite(norm);
    double clip = rule->grad_clip > 0 ? rule->grad_clip / (norm + 1e-6) : 1;
    if (good && o->n_matrices > 0) {
        optimizer_muon(h, o, rule, (float)(clip < 1 ? clip : 1));
        member_sync(member);
    }
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
