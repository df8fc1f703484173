/* run_open.c: a run from its settings, from its beginning or from its last checkpoint. */
#include "train/run.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/sized.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

static enum osso_status make_rule(struct osso_train *t, struct osso_error *err)
{
    static const char *const names[] = {"constant", "cosine", "linear", "wsd"}; /* as enum schedule_kind */
    const struct osso_train_config *c = t->config;
    t->rule = (struct adamw){.beta1 = settings_real(c, TRAIN_beta1),
                             .beta2 = settings_real(c, TRAIN_beta2),
                             .eps = settings_real(c, TRAIN_eps),
                             .weight_decay = settings_real(c, TRAIN_weight_decay),
                             .grad_clip = settings_real(c, TRAIN_grad_clip),
                             .momentum = settings_real(c, TRAIN_momentum)};
    t->schedule = (struct schedule){.lr = settings_real(c, TRAIN_lr),
                                    .min_lr = settings_real(c, TRAIN_min_lr),
                                    .steps = t->steps,
                                    .warmup_steps = settings_int(c, TRAIN_warmup_steps),
                                    .decay_steps = settings_int(c, TRAIN_decay_steps)};
    for (int i = 0; i < 4; i++)
        if (settings_is(c, TRAIN_schedule, names[i]))
            t->schedule.kind = (enum schedule_kind)i;
    if (!settings_has(c, TRAIN_decay_steps))
        t->schedule.decay_steps = (t->steps + 9) / 10;
    if (t->schedule.decay_steps > t->steps)
        return error_set(err, OSSO_USAGE, "decay_steps: %lld of a run of %lld steps",
                         (long long)t->schedule.decay_steps, (long long)t->steps);
    if (t->schedule.min_lr > t->schedule.lr)
        return error_set(err, OSSO_USAGE, "min_lr: %g is more than lr, %g", t->schedule.min_lr, t->schedule.lr);
    if (t->schedule.warmup_steps > t->steps)
        notes_add(&t->notes, "warmup_steps: %lld are more than the run's %lld steps, so its rate is never reached",
                  (long long)t->schedule.warmup_steps, (long long)t->steps);
    return OSSO_OK;
}

/* A configuration in circulation that only says that it quantizes means the last fifth of the steps. */
static void choose_quantized(struct osso_train *t)
{
    const struct osso_train_config *c = t->config;
    t->qat_from = INT64_MAX;
    if (settings_has(c, TRAIN_qat_from_step))
        t->qat_from = settings_int(c, TRAIN_qat_from_step);
    else if (settings_quantizes(c))
        t->qat_from = t->steps - (t->steps + 4) / 5 + 1;
    if (settings_quantizes(c) && t->qat_from > t->steps)
        notes_add(&t->notes, "qat_from_step: %lld is more than the run's %lld steps, so nothing is quantized",
                  (long long)t->qat_from, (long long)t->steps);
    if (c->quantize && !settings_quantizes(c))
        notes_add(&t->notes, "enable_quantization: quantize_moe_weights is false, so nothing is quantized");
}

static enum osso_status open_data(struct osso_train *t, struct osso_error *err)
{
    const struct osso_train_config *c = t->config;
    if (!source_wanted(c, false))
        return error_set(err, OSSO_USAGE, "what to learn from? Say data (text, with a tokenizer) or data_ids");
    enum osso_status status = source_open(c, t->shape.tokenizer, false, &t->data, err);
    if (!status)
        status = budget_steps(c, &t->shape, &t->data, &t->steps, err);
    if (status || !source_wanted(c, true))
        return status;
    struct osso_error why = {""};
    status = source_open(c, t->shape.tokenizer, true, &t->validation, &why);
    t->validates = !status;
    if (status == OSSO_NOTFOUND) { /* too little text for a part to be held out */
        notes_add(&t->notes, "no validation: %s", why.text);
        return OSSO_OK;
    }
    if (!status && !t->validation.docs && t->validation.ids.columns - 1 > t->shape.options.seq_len)
        return error_set(err, OSSO_USAGE, "val_ids: rows of %lld ids, where seq_len is %lld",
                         (long long)t->validation.ids.columns, (long long)t->shape.options.seq_len);
    return status ? error_set(err, status, "%s", why.text) : OSSO_OK;
}

static enum osso_status make_batches(struct osso_train *t, struct osso_error *err)
{
    int n = t->shape.grad_accum;
    struct trainer_options *o = &t->shape.options;
    trainer_settle(&t->shape.config, o);
    t->micros = mem_array((size_t)n, sizeof *t->micros);
    t->batches = mem_array((size_t)n, sizeof *t->batches);
    if (!t->micros || !t->batches)
        return error_nomem(err, (uint64_t)n * sizeof *t->micros, "the micro-batches");
    enum osso_status status = micro_create(o, &t->held, err);
    for (int k = 0; k < n && !status; k++)
        status = micro_create(o, &t->micros[k], err);
    return status;
}

/* A model over the run's own values. */
static enum osso_status make_view(struct osso_train *t, struct osso_error *err)
{
    const char *folder = t->shape.tokenizer_folder; /* where its tokenizer is found */
    enum osso_status status = model_create(folder ? folder : "the model in training", &t->view, err);
    if (status)
        return status;
    t->view->config = t->shape.config;
    return params_bind(&t->view->config, t->trainer.values, &t->view->weights, err);
}

/* ---- the folder ----------------------------------------------------------------------------------------- */

static enum osso_status open_log(struct osso_train *t, struct osso_error *err)
{
    const char *path = settings_text(t->config, TRAIN_log);
    char *own = !path && t->out ? file_join(t->out, "log.jsonl") : NULL;
    enum osso_status status = OSSO_OK;
    if (path || own)
        status = run_log_open(path ? path : own, t->step, &t->log, err);
    mem_free(own);
    return status;
}

static enum osso_status write_config(struct osso_train *t, struct osso_error *err)
{
    char *text = NULL, *path = file_join(t->out, "config.yaml");
    enum osso_status status = path ? osso_train_config_print(t->config, &text, err) : error_nomem(err, 0, "a path");
    if (!status)
        status = save_atomic(path, text, strlen(text), err);
    osso_free(text);
    mem_free(path);
    return status;
}

/* What a killed run left, or an empty folder. *from_out: the checkpoint to go on from; NULL: none. */
static enum osso_status find_checkpoint(struct osso_train *t, bool resume, char **from_out, struct osso_error *err)
{
    enum osso_status status = t->out ? run_files_named(t->out, "latest", from_out, &t->saved, err) : OSSO_OK;
    if (status || !*from_out || resume)
        return status;
    return error_set(err, OSSO_USAGE, "%s holds a run already; go on with --resume, or name another folder with out",
                     t->out);
}

static enum osso_status resume(struct osso_train *t, const char *from, struct osso_error *err)
{
    enum osso_status status = snapshot_resume(&t->trainer, from, &t->step, err);
    if (!status)
        status = run_files_read(from, &t->state, err);
    if (!status)
        status = source_seek(&t->data, t->state.taken, err);
    if (!status)
        run_files_prune(t->out, t->step, settings_int(t->config, TRAIN_keep));
    return status;
}

/* What this CPU has no kernels for. */
static void note_cpu(struct osso_train *t)
{
    const char *isa = t->trainer.forward.backend->name;
    if (strcmp(isa, "scalar") == 0)
        notes_add(&t->notes, "this CPU runs the plain definition of every operation, which is slow");
    else if (t->shape.options.bf16 && strcmp(isa, "avx512bf16") != 0 && strcmp(isa, "amx") != 0)
        notes_add(&t->notes, "dtype: bf16 is slower than f32 on this CPU (%s): it has no instruction for it", isa);
}

/* ---- all of it ------------------------------------------------------------------------------------------ */

static enum osso_status begin(struct osso_train *t, const struct osso_train_options *o, const char *from,
                              struct osso_error *err)
{
    enum osso_status status = shape_make(t->config, from, o->threads, o->isa, &t->shape, err);
    if (!status)
        status = budget_check(&t->shape, mem_available(), err);
    if (!status)
        status = open_data(t, err);
    if (!status)
        status = make_rule(t, err);
    if (!status)
        status = make_batches(t, err);
    choose_quantized(t);
    if (!status)
        status = trainer_create(&t->shape.config, t->shape.model ? &t->shape.model->weights : NULL, &t->shape.options,
                                &t->trainer, err);
    if (!status)
        note_cpu(t);
    osso_model_free(t->shape.model); /* its files, too */
    t->shape.model = NULL;
    if (!status)
        status = make_view(t, err);
    if (!status && from)
        status = resume(t, from, err);
    if (!status && t->out)
        status = file_make_dirs(t->out, err);
    if (!status && t->out && t->lock < 0)
        status = run_files_lock(t->out, &t->lock, err);
    if (!status)
        status = open_log(t, err);
    if (!status && t->out)
        status = write_config(t, err);
    return status;
}

enum osso_status osso_train_open(const struct osso_train_config *config, const struct osso_train_options *options,
                                 struct osso_train **train_out, struct osso_error *err)
{
    struct osso_train_options o = {.size = sizeof o};
    char *from = NULL;
    *train_out = NULL;
    enum osso_status status = sized_check(options, "osso_train_options", err);
    sized_in(&o, sizeof o, options);
    struct osso_train *t = status ? NULL : mem_alloc(sizeof *t);
    if (!t)
        return status ? status : error_nomem(err, sizeof *t, "a run");
    t->config = config;
    t->out = settings_text(config, TRAIN_out);
    t->fault = o.fault;
    t->saved = -1;
    t->log.fd = t->lock = -1;
    t->state.best_loss = INFINITY;
    status = t->out ? run_files_lock(t->out, &t->lock, err) : OSSO_OK;
    if (!status)
        status = find_checkpoint(t, o.resume, &from, err);
    if (!status)
        status = begin(t, &o, from, err);
    mem_free(from);
    if (status)
        osso_train_free(t);
    else
        *train_out = t;
    return status;
}

void osso_train_free(struct osso_train *t)
{
    if (!t)
        return;
    osso_model_free(t->view);
    if (t->trainer.values)
        trainer_free(&t->trainer);
    for (int k = 0; t->micros && k < t->shape.grad_accum; k++)
        micro_free(&t->micros[k]);
    micro_free(&t->held);
    mem_free(t->micros);
    mem_free(t->batches);
    source_close(&t->data);
    source_close(&t->validation);
    run_log_close(&t->log);
    if (t->lock >= 0)
        close(t->lock);
    shape_free(&t->shape);
    mem_free(t);
}
