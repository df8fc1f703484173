/* run_step.c: steps, validations and checkpoints of a run, one at a time. */
#include "train/run.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "base/rng.h"
#include "base/sized.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- faults for tests ----------------------------------------------------------------------------------- */

/* "nan_grad@3,nan_grad@7+" */
static bool fault_at(const char *fault, int64_t step)
{
    static const char word[] = "nan_grad@";
    for (const char *at = fault; at && (at = strstr(at, word));) {
        char *end;
        int64_t n = strtoll(at += sizeof word - 1, &end, 10);
        if (n == step || (*end == '+' && n < step))
            return true;
    }
    return false;
}

/* ---- a step --------------------------------------------------------------------------------------------- */

/* Which number of experts a micro-batch gets: by nothing but seed, step and its place. */
static int draw_top_k(const struct osso_train *t, int64_t step, int k)
{
    uint64_t state = t->shape.options.seed ^ (uint64_t)step << 20 ^ (uint64_t)k;
    return (int)t->shape.top_k[rng_splitmix(&state) % (uint64_t)t->shape.n_top_k];
}

static enum osso_status gather(struct osso_train *t, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    for (int k = 0; k < t->shape.grad_accum && !status; k++) {
        status = source_fill(&t->data, &t->shape.options, t->shape.batch_size, -1, &t->micros[k], err);
        t->batches[k] = t->micros[k].batch;
        t->batches[k].top_k = draw_top_k(t, t->step + 1, k);
    }
    return status;
}

/* The largest share of a layer's slots, times the experts, and those who had none. */
static void count_loads(const struct trainer *t, struct osso_train_report *r)
{
    int n = t->config.n_experts;
    for (int l = 0; l < t->config.n_layers; l++) {
        const int64_t *slots = t->slots + (int64_t)l * n;
        int64_t all = 0, most = 0;
        for (int e = 0; e < n; e++) {
            all += slots[e];
            most = slots[e] > most ? slots[e] : most;
            r->dead_experts += slots[e] == 0;
        }
        double load = all ? (double)most * n / (double)all : 0;
        r->max_load = load > r->max_load ? load : r->max_load;
    }
}

/* What computes: for step `step`, or after it. */
static void choose_experts(struct osso_train *t, int64_t step)
{
    trainer_quantize(&t->trainer, step >= t->qat_from);
}

static enum osso_status finish_step(struct osso_train *t, struct osso_train_report *r, struct osso_error *err)
{
    t->step++;
    t->state.taken = t->data.taken;
    t->state.tokens += r->tokens;
    t->state.skipped = r->skipped ? t->state.skipped + 1 : 0;
    enum osso_status status = run_log_step(&t->log, r, err);
    if (status || t->state.skipped < MAX_SKIPPED)
        return status;
    return error_set(
        err, OSSO_NUMERIC,
        "step %lld: the fifth in a row whose loss or gradients are no numbers; the last checkpoint is as it "
        "was: go on from it with a lower lr, or look at the data",
        (long long)t->step);
}

enum osso_status osso_train_step(struct osso_train *t, struct osso_train_report *out, struct osso_error *err)
{
    struct osso_train_report r = {.step = t->step + 1, .steps = t->steps};
    struct trainer_result result = {0};
    double begin = clock_seconds();
    enum osso_status status = sized_check(out, "osso_train_report", err);
    choose_experts(t, r.step);
    if (!status)
        status = gather(t, err);
    if (!status)
        status = trainer_gradients(&t->trainer, t->batches, t->shape.grad_accum,
                                   settings_real(t->config, TRAIN_balance_coef), settings_real(t->config, TRAIN_z_coef),
                                   &result, err);
    if (status)
        return status;
    if (fault_at(t->fault, r.step))
        t->trainer.gradients[0] = NAN;
    t->rule.lr = schedule_lr(&t->schedule, r.step);
    trainer_update(&t->trainer, &t->rule, &result);
    r.loss = result.loss;
    r.balance_loss = result.balance_loss;
    r.z_loss = result.z_loss;
    r.grad_norm = result.norm;
    r.lr = t->rule.lr;
    r.tokens = result.rows;
    r.targets = result.targets;
    r.skipped = result.skipped;
    r.last = r.step >= t->steps;
    count_loads(&t->trainer, &r);
    r.seconds = clock_seconds() - begin;
    status = finish_step(t, &r, err);
    if (out)
        sized_out(out, &r, sizeof r);
    return status;
}

/* ---- validation ----------------------------------------------------------------------------------------- */

/* Weights of a micro-batch's targets, and the bytes that these are. */
static void add_targets(const struct osso_train *t, const struct trainer_batch *b, double *weight, double *bytes)
{
    for (int d = 0; d < b->n_docs; d++)
        for (int32_t i = b->start[d] + 1; i < b->start[d + 1]; i++) {
            const char *text;
            size_t len = 0;
            if (t->shape.tokenizer && b->weight[i] != 0 && !osso_tokenizer_is_special(t->shape.tokenizer, b->ids[i]))
                osso_tokenizer_piece(t->shape.tokenizer, b->ids[i], &text, &len);
            *weight += (double)b->weight[i];
            *bytes += (double)b->weight[i] * (double)len;
        }
}

/* Of `docs` documents `most`, in stretches that lie as far from each other as there are too many. */
static enum osso_status sum_losses(struct osso_train *t, int64_t docs, int64_t most, double *loss, double *weight,
                                   double *bytes, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    choose_experts(t, t->step);
    for (int64_t done = 0; done < most && !status; done += t->held.batch.n_docs) {
        struct trainer_result r = {0};
        double w = 0;
        if (t->watch && t->watch(t->watcher, done, most) != 0)
            return error_set(err, OSSO_CANCELLED, "the validation was ended");
        status = source_seek(&t->validation, (uint64_t)(done * docs / most), err);
        if (!status)
            status = source_fill(&t->validation, &t->shape.options, t->shape.batch_size, most - done, &t->held, err);
        if (status)
            break;
        add_targets(t, &t->held.batch, &w, bytes);
        if (w > 0)
            status = trainer_loss(&t->trainer, &t->held.batch, 1, &r, err);
        *loss += w * r.loss;
        *weight += w;
    }
    return status;
}

enum osso_status osso_train_evaluate(struct osso_train *t, struct osso_train_validation *out, struct osso_error *err)
{
    double loss = 0, weight = 0, bytes = 0;
    struct osso_train_validation v = {.step = t->step};
    enum osso_status status = sized_check(out, "osso_train_validation", err);
    if (!status && !t->validates)
        status = error_set(err, OSSO_NOTFOUND, "there is nothing to validate on; say val_data or val_ids");
    int64_t docs = source_docs(&t->validation), most = settings_int(t->config, TRAIN_eval_docs);
    if (!status)
        status = sum_losses(t, docs, most > 0 && most < docs ? most : docs, &loss, &weight, &bytes, err);
    if (!status && !(weight > 0))
        status = error_set(err, OSSO_FORMAT, "the validation data have no target");
    if (status)
        return status;
    v.loss = loss / weight;
    v.bits_per_byte = bytes > 0 ? loss / log(2) / bytes : NAN;
    if (t->step >= t->qat_from && t->state.best_step < t->qat_from)
        t->state.best_loss = INFINITY; /* of experts that no export has */
    v.best = v.loss <
             t->state.best_loss - (isfinite(t->state.best_loss) ? settings_real(t->config, TRAIN_min_delta) : 0);
    if (v.best) {
        t->state.best_loss = v.loss;
        t->state.best_step = v.step;
    }
    t->state.worse = v.best ? 0 : t->state.worse + 1;
    if (out)
        sized_out(out, &v, sizeof v);
    return run_log_validation(&t->log, &v, err);
}

/* ---- what it leaves ------------------------------------------------------------------------------------- */

enum osso_status osso_train_save(struct osso_train *t, struct osso_error *err)
{
    if (!t->out)
        return error_set(err, OSSO_USAGE, "a checkpoint needs a place; say out");
    if (t->saved == t->step)
        return OSSO_OK;
    if (t->fault && strstr(t->fault, "enospc@save"))
        save_fill_disk((uint64_t)t->trainer.optimizer.count * sizeof(float) / 2);
    enum osso_status status = run_log_sync(&t->log, err);
    if (!status)
        status = run_files_save(&t->trainer, t->out, t->shape.tokenizer_folder, t->step, &t->state, err);
    save_fill_disk(UINT64_MAX);
    if (status)
        return status;
    t->saved = t->step;
    run_files_prune(t->out, t->step, settings_int(t->config, TRAIN_keep));
    return OSSO_OK;
}

const struct osso_model *osso_train_model(struct osso_train *t)
{
    const struct config *c = &t->view->config;
    choose_experts(t, t->step);
    memcpy(t->view->weights.layers, trainer_weights(&t->trainer)->layers,
           (size_t)c->n_layers * sizeof *t->view->weights.layers);
    return t->view;
}

int64_t osso_train_done(const struct osso_train *t)
{
    return t->step;
}

const char *osso_train_note(const struct osso_train *t, int i)
{
    return i >= 0 && i < t->notes.n ? t->notes.text[i] : NULL;
}

enum osso_status osso_train_dump_gradients(struct osso_train *t, const char *path, struct osso_error *err)
{
    struct trainer_result r = {0};
    char metadata[64];
    choose_experts(t, t->step + 1);
    enum osso_status status = gather(t, err);
    if (!status)
        status = trainer_gradients(&t->trainer, t->batches, t->shape.grad_accum,
                                   settings_real(t->config, TRAIN_balance_coef), settings_real(t->config, TRAIN_z_coef),
                                   &r, err);
    snprintf(metadata, sizeof metadata, "{\"format\":\"pt\",\"loss\":\"%.9g\"}", r.loss);
    return status ? status : snapshot_write_with(&t->trainer, t->trainer.gradients, metadata, path, err);
}
