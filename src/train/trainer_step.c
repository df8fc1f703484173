/* trainer_step.c: what a step does: documents become rows, batch after batch adds its gradients, one update. */
#include "train/trainer.h"

#include "base/error.h"
#include "base/must.h"

#include <math.h>
#include <string.h>

/* ---- the experts as blocks ------------------------------------------------------------------------------ */

static void member_pack(const struct member *member, void *t_)
{
    struct trainer *t = t_;
    fake_quant_pack(member, &t->quant, &t->config, &t->weights);
}

void trainer_quantize(struct trainer *t, bool on)
{
    must(!on || t->quant.blocks);
    t->forward.weights = on ? &t->quant.weights : &t->weights;
}

const struct weights *trainer_weights(struct trainer *t)
{
    if (t->forward.weights == &t->quant.weights && t->quant.stale) {
        team_run(t->team, member_pack, t);
        t->quant.stale = false;
    }
    return t->forward.weights;
}

/* ---- rows ----------------------------------------------------------------------------------------------- */

/* Rows of a document: all ids but the last. */
static int64_t rows_of(const struct trainer_batch *b, int d)
{
    return b->start[d + 1] - b->start[d] - 1;
}

static enum osso_status check_batch(const struct trainer *t, const struct trainer_batch *b, struct osso_error *err)
{
    int64_t rows = 0;
    if (b->top_k < 0 || b->top_k > t->options.top_k)
        return error_set(err, OSSO_USAGE, "a batch asks for %d experts per token; there is room for %d", b->top_k,
                         t->options.top_k);
    if (b->n_docs < 1)
        return error_set(err, OSSO_USAGE, "a batch has no document");
    if (b->n_docs > t->options.max_docs)
        return error_set(err, OSSO_LIMIT, "a batch has %d documents; there is room for %d", b->n_docs,
                         t->options.max_docs);
    for (int d = 0; d < b->n_docs; d++) {
        if (rows_of(b, d) < 1 || rows_of(b, d) > t->options.seq_len)
            return error_set(err, OSSO_USAGE, "document %d of a batch has %lld ids; 2 to %lld are possible", d,
                             (long long)rows_of(b, d) + 1, (long long)t->options.seq_len + 1);
        rows += rows_of(b, d);
        for (int32_t i = b->start[d]; i < b->start[d + 1]; i++)
            if (b->ids[i] < 0 || b->ids[i] >= t->config.vocab)
                return error_set(err, OSSO_USAGE, "document %d of a batch has id %d; the model knows 0 to %lld", d,
                                 (int)b->ids[i], (long long)t->config.vocab - 1);
    }
    if (rows > t->options.max_rows)
        return error_set(err, OSSO_LIMIT, "a batch has %lld rows; there is room for %d", (long long)rows,
                         t->options.max_rows);
    return OSSO_OK;
}

static float weight_of(const struct trainer_batch *b, int32_t i)
{
    return b->weight ? b->weight[i] : 1;
}

/* The weights of all targets of a step, known before any arithmetic. */
static double sum_weights(const struct trainer_batch *batches, int n, int64_t *targets_out)
{
    double sum = 0;
    *targets_out = 0;
    for (int k = 0; k < n; k++)
        for (int d = 0; d < batches[k].n_docs; d++)
            for (int32_t i = batches[k].start[d] + 1; i < batches[k].start[d + 1]; i++) {
                sum += (double)weight_of(&batches[k], i);
                *targets_out += weight_of(&batches[k], i) != 0;
            }
    return sum;
}

/* Pages of its own for every document. */
static enum osso_status take_pages(struct trainer *t, const struct trainer_batch *b, struct osso_error *err)
{
    for (int d = 0; d < t->options.max_docs; d++)
        for (int g = 0; g < KV_GROUPS; g++)
            kv_seq_drop(&t->kv, &t->seq[d], (enum kv_group_id)g, 0, t->seq[d].n_slots);
    for (int d = 0; d < b->n_docs; d++)
        for (int g = 0; g < KV_GROUPS; g++)
            for (int i = 0; i < (int)((rows_of(b, d) + KV_PAGE - 1) / KV_PAGE); i++)
                if (t->kv.group[g].n_layers && !kv_seq_own(&t->kv, &t->seq[d], (enum kv_group_id)g, i))
                    return error_set(err, OSSO_LIMIT, "a batch of %d documents fills all pages", b->n_docs);
    return OSSO_OK;
}

/* Rows of a batch; those whose target weighs something want logits. */
static struct batch fill_rows(struct trainer *t, const struct trainer_batch *b)
{
    int n = 0, learned = 0, dim = t->config.head_dim;
    for (int d = 0; d < b->n_docs; d++)
        for (int i = 0; i < rows_of(b, d); i++, n++) {
            int32_t at = b->start[d] + i;
            t->token[n] = b->ids[at];
            t->pos[n] = i;
            t->doc[n] = d;
            memcpy(t->angles + n * dim, t->position_angles + i * dim, (size_t)dim * sizeof *t->angles);
            if (weight_of(b, at + 1) == 0)
                continue;
            t->learned[learned] = n;
            t->target[learned] = b->ids[at + 1];
            t->weight[learned++] = weight_of(b, at + 1);
        }
    return (struct batch){.n = n,
                          .n_seqs = b->n_docs,
                          .n_slots = t->seq[0].n_slots,
                          .head_dim = dim,
                          .token = t->token,
                          .pos = t->pos,
                          .seq = t->doc,
                          .angles = t->angles,
                          .n_logits = learned,
                          .logit_rows = t->learned,
                          .floor = t->floor,
                          .tables = {t->tables[KV_FULL], t->tables[KV_SLIDING]}};
}

static void member_step(const struct member *member, void *t_)
{
    struct trainer *t = t_;
    struct hand hand = forward_hand(&t->forward, member);
    backward_step(&hand, &t->backward);
}

static void member_loss(const struct member *member, void *t_)
{
    struct trainer *t = t_;
    struct hand hand = forward_hand(&t->forward, member);
    backward_loss(&hand, &t->backward);
}

static enum osso_status run_batch(struct trainer *t, const struct trainer_batch *b, bool back, struct osso_error *err)
{
    enum osso_status status = take_pages(t, b, err);
    if (status)
        return status;
    t->forward.batch = fill_rows(t, b);
    t->forward.top_k = b->top_k ? b->top_k : t->options.top_k;
    t->backward.slots = t->slots;
    t->backward.target = t->target;
    t->backward.weight = t->weight;
    status = forward_begin(&t->forward, err);
    if (status)
        return status;
    team_run(t->team, back ? member_step : member_loss, t);
    return forward_end(&t->forward, err);
}

static enum osso_status run_batches(struct trainer *t, const struct trainer_batch *batches, int n, bool back,
                                    struct trainer_result *result, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    struct trainer_result r = {0};
    *result = r;
    memset(t->slots, 0, (size_t)t->config.n_layers * (size_t)t->config.n_experts * sizeof *t->slots);
    for (int k = 0; k < n && !status; k++)
        status = check_batch(t, &batches[k], err);
    t->backward.divisor = sum_weights(batches, n, &r.targets);
    if (!status && !(t->backward.divisor > 0))
        status = error_set(err, OSSO_USAGE, "a step has no target that weighs anything");
    trainer_weights(t);
    for (int k = 0; k < n && !status; k++) {
        status = run_batch(t, &batches[k], back, err);
        r.loss += t->backward.loss;
        r.balance_loss += t->backward.router.balance / n;
        r.z_loss += t->backward.router.z / n;
        r.rows += t->forward.batch.n;
    }
    r.loss /= t->backward.divisor;
    *result = status ? (struct trainer_result){0} : r;
    return status;
}

enum osso_status trainer_gradients(struct trainer *t, const struct trainer_batch *batches, int n, double balance_coef,
                                   double z_coef, struct trainer_result *result, struct osso_error *err)
{
    t->backward.balance_coef = balance_coef / n;
    t->backward.z_coef = z_coef / n;
    return run_batches(t, batches, n, true, result, err);
}

enum osso_status trainer_loss(struct trainer *t, const struct trainer_batch *batches, int n,
                              struct trainer_result *result, struct osso_error *err)
{
    return run_batches(t, batches, n, false, result, err);
}

struct update {
    struct trainer *trainer;
    const struct adamw *rule;
    struct trainer_result *result;
};

static void member_update(const struct member *member, void *update_)
{
    const struct update *u = update_;
    struct hand hand = forward_hand(&u->trainer->forward, member);
    double norm = optimizer_norm(member, &u->trainer->optimizer);
    bool good = optimizer_update(&hand, &u->trainer->optimizer, u->rule, norm);
    if (member->id == 0) {
        u->result->norm = norm;
        u->result->skipped = !good;
    }
}

/* A loss that is not finite is no step either, whatever the gradients are. */
void trainer_update(struct trainer *t, const struct adamw *rule, struct trainer_result *result)
{
    struct update u = {t, rule, result};
    if (!isfinite(result->loss))
        t->gradients[0] = NAN;
    team_run(t->team, member_update, &u);
    t->quant.stale = true;
}
