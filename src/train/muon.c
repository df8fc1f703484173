/* muon.c: Muon by torch's formula: the momentum, looked ahead (Nesterov), made nearly orthogonal, is the step. A matrix
 * is one piece of work: one member does all of it. */
#include "train/optimizer.h"

#include "backend/train_ops.h"

#include <math.h>

int64_t optimizer_muon_values(const struct optimizer_part *p)
{
    int64_t values = p->rows * p->columns + train_orthogonal_values(p->rows, p->columns);
    return (values + 31) / 32 * 32;
}

/* As torch does it: from the end that is nearer. */
static float lerp(float start, float end, float weight)
{
    return weight < 0.5f ? start + weight * (end - start) : end - (end - start) * (1 - weight);
}

static void update_matrix(const struct hand *h, const struct optimizer *o, const struct adamw *rule, float clip,
                          const struct optimizer_part *part, int64_t first)
{
    int64_t n = part->rows * part->columns, longer = part->rows > part->columns ? part->rows : part->columns;
    float *step = o->space + h->member->id * o->space_values, momentum = (float)rule->momentum;
    float shrink = (float)(1 - rule->lr * rule->weight_decay), size = (float)(rule->lr * 0.2 * sqrt((double)longer));
    for (int64_t i = 0; i < n; i++) {
        float g = o->gradients[first + i] * clip;
        float m = lerp(moment_load(o, o->m, first + i), g, (float)(1 - rule->momentum));
        step[i] = lerp(g, m, momentum);
        moment_store(o, o->m, first + i, m);
    }
    h->backend->train->orthogonal(h, part->rows, part->columns, o->options.bf16_products, step, step + n);
    for (int64_t i = 0; i < n; i++)
        o->values[first + i] = o->values[first + i] * shrink - size * step[i];
}

void optimizer_muon(const struct hand *h, const struct optimizer *o, const struct adamw *rule, float clip)
{
    struct deal deal = member_deal(h->member);
    int64_t before = 0; /* matrices of the parts before p */
    int p = 0;
    for (int64_t i; (i = member_claim(h->member, &deal, o->n_matrices)) >= 0;) {
        if (i < before) /* an item of another member's share */
            before = p = 0;
        while (!o->parts[p].muon || i >= before + o->parts[p].stack) {
            before += o->parts[p].muon ? o->parts[p].stack : 0;
            p++;
        }
        const struct optimizer_part *part = &o->parts[p];
        update_matrix(h, o, rule, clip, part, part->first + (i - before) * part->rows * part->columns);
    }
}
