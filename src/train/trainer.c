/* trainer.c: batches of documents through model/backward.c, and the update. */
#include "train/trainer.h"

#include "base/error.h"
#include "base/mem.h"
#include "model/rope.h"
#include "train/init_random.h"

#include <math.h>
#include <string.h>

/* ---- making one ----------------------------------------------------------------------------------------- */

static int logits_at_a_time(const struct config *c)
{
    int64_t fit = (64 << 20) / (4 * c->vocab);
    return fit > 1024 ? 1024 : fit < 1 ? 1 : (int)fit;
}

static enum osso_status make_arenas(struct trainer *t, const struct weights *model, struct osso_error *err)
{
    size_t bytes = (size_t)params_count(&t->config) * sizeof(float);
    t->values = mem_pages(bytes);
    t->gradients = mem_pages(bytes);
    if (!t->values || !t->gradients)
        return error_nomem(err, 2 * bytes, "values and gradients; take a smaller model");
    enum osso_status status = params_bind(&t->config, t->values, &t->weights, err);
    if (status)
        return status;
    if (model)
        params_fill(&t->config, model, &t->weights);
    else
        init_random(&t->config, &t->weights, t->options.seed);
    if (t->options.fake_quant)
        status = fake_quant_create(&t->config, &t->weights, &t->quant, err);
    if (status)
        return status;
    return optimizer_create(&t->config, &t->weights, t->values, t->gradients, &t->options.optimizer, t->options.threads,
                            &t->optimizer, err);
}

/* What a batch of max_docs documents can fill: of each, the last page of either group partly. */
static enum osso_status plan_pages(const struct trainer *t, size_t layer_bytes, struct kv_plan *plan,
                                   struct osso_error *err)
{
    const struct trainer_options *o = &t->options;
    uint64_t pages = KV_GROUPS * ((uint64_t)o->max_rows / KV_PAGE + (uint64_t)o->max_docs + 2);
    enum osso_status status = kv_plan(&t->config, layer_bytes, o->seq_len, 1, o->max_rows, 0, plan, err);
    return status ? status
                  : kv_plan(&t->config, layer_bytes, o->seq_len, 1, o->max_rows, plan->bytes + pages * plan->page_bytes,
                            plan, err);
}

static enum osso_status make_pages(struct trainer *t, const struct backend *be, struct osso_error *err)
{
    struct kv_layout layout = {KV_F32, t->config.n_kv_heads, t->config.head_dim};
    struct kv_plan plan;
    int max_docs = t->options.max_docs;
    enum osso_status status = plan_pages(t, be->kv_layer_bytes(&layout), &plan, err);
    if (!status)
        status = kv_pool_create(&t->config, &layout, be, &plan, &t->kv, err);
    t->seq = mem_array((size_t)max_docs, sizeof *t->seq);
    for (int g = 0; g < KV_GROUPS; g++)
        t->tables[g] = mem_array((size_t)max_docs, sizeof *t->tables[g]);
    if (!status && (!t->seq || !t->tables[0] || !t->tables[1]))
        status = error_nomem(err, (uint64_t)max_docs * sizeof *t->seq, "the page tables of a batch");
    for (int d = 0; d < max_docs && !status; d++) {
        status = kv_seq_create(t->options.seq_len, &t->seq[d], err);
        for (int g = 0; g < KV_GROUPS && !status; g++)
            t->tables[g][d] = t->seq[d].page[g];
    }
    return status;
}

static enum osso_status make_rows(struct trainer *t, struct osso_error *err)
{
    size_t n = (size_t)t->options.max_rows, dim = (size_t)t->config.head_dim, len = (size_t)t->options.seq_len;
    int32_t **ints[] = {&t->token, &t->pos, &t->doc, &t->floor, &t->learned, &t->target};
    bool failed = false;
    for (size_t i = 0; i < sizeof ints / sizeof *ints; i++)
        failed = !(*ints[i] = mem_array(n, sizeof **ints[i])) || failed;
    t->weight = mem_array(n, sizeof *t->weight);
    t->slots = mem_array((size_t)t->config.n_layers * (size_t)t->config.n_experts, sizeof *t->slots);
    t->angles = mem_array(n, dim * sizeof *t->angles);
    t->position_angles = mem_array(len, dim * sizeof *t->position_angles);
    if (failed || !t->slots || !t->weight || !t->angles || !t->position_angles)
        return error_nomem(err, (n + len) * dim * sizeof(float), "the rows of a batch; ask for fewer");
    struct rope rope;
    rope_init(&t->config, &rope);
    for (size_t p = 0; p < len; p++)
        rope_angles(&rope, (int32_t)p, t->position_angles + p * dim);
    return OSSO_OK;
}

static enum osso_status make_passes(struct trainer *t, const struct backend *be, struct osso_error *err)
{
    const struct trainer_options *o = &t->options;
    struct activation_options options = {.exact = true,
                                         .bf16 = o->bf16,
                                         .top_k = o->top_k,
                                         .max_rows = o->max_rows,
                                         .max_logits = o->max_logits,
                                         .n_members = o->threads,
                                         .n_kept = o->n_kept};
    enum osso_status status = forward_create(&t->config, &t->weights, be, &t->kv, &options, &t->forward, err);
    return status ? status : backward_create(&t->forward, t->values, t->gradients, &t->backward, err);
}

void trainer_settle(const struct config *config, struct trainer_options *o)
{
    o->top_k = o->top_k ? o->top_k : config->experts_per_token;
    o->n_kept = o->n_kept && o->n_kept < config->n_layers ? o->n_kept : config->n_layers;
    o->max_logits = o->max_logits ? o->max_logits : logits_at_a_time(config);
    o->max_logits = o->max_logits < o->max_rows ? o->max_logits : o->max_rows;
    o->max_docs = o->max_docs ? o->max_docs : o->max_rows / 8 + 1;
}

enum osso_status trainer_create(const struct config *config, const struct weights *model,
                                const struct trainer_options *options, struct trainer *t, struct osso_error *err)
{
    const struct backend *be = backend_cpu(options->isa);
    *t = (struct trainer){.config = *config, .options = *options};
    if (!be)
        return error_set(err, OSSO_UNSUPPORTED, "instruction set \"%s\" is unknown or not available on this CPU",
                         options->isa);
    struct trainer_options *o = &t->options;
    trainer_settle(config, o);
    if (o->seq_len < 1 || o->seq_len > config->context || o->max_rows < o->seq_len)
        return error_set(err, OSSO_USAGE,
                         "documents of %lld tokens do not fit a context of %lld and batches of %d rows",
                         (long long)o->seq_len, (long long)config->context, o->max_rows);
    enum osso_status status = make_arenas(t, model, err);
    if (!status)
        status = make_pages(t, be, err);
    if (!status)
        status = make_rows(t, err);
    if (!status)
        status = make_passes(t, be, err);
    if (!status)
        status = team_create(o->threads, &t->team, err);
    if (status)
        trainer_free(t);
    return status;
}

void trainer_free(struct trainer *t)
{
    size_t bytes = (size_t)params_count(&t->config) * sizeof(float);
    team_free(t->team);
    backward_free(&t->backward);
    forward_free(&t->forward);
    for (int d = 0; t->seq && d < t->options.max_docs; d++)
        kv_seq_free(&t->kv, &t->seq[d]);
    kv_pool_free(&t->kv);
    optimizer_free(&t->optimizer);
    fake_quant_free(&t->quant);
    weights_free(&t->weights);
    if (t->values)
        mem_pages_free(t->values, bytes);
    if (t->gradients)
        mem_pages_free(t->gradients, bytes);
    void *rest[] = {t->seq,    t->tables[0], t->tables[1], t->token,           t->pos,  t->doc, t->floor, t->learned,
                    t->target, t->weight,    t->angles,    t->position_angles, t->slots};
    for (size_t i = 0; i < sizeof rest / sizeof *rest; i++)
        mem_free(rest[i]);
    memset(t, 0, sizeof *t);
}
