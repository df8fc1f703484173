/* eval.c: one evaluation from its options to its report. The way goes on in feed.c (items to requests), score.c
 * (requests to log-likelihoods) and report.c. */
#include "eval/eval_parts.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/sized.h"
#include "engine/engine_parts.h"

enum {
    SESSIONS = 32,
    CONTEXT = 4096,
    MAX_NEW = 256,
    LOGIT_BYTES = 64 << 20,
    MOST_ROWS = 512,
    FEWEST_ROWS = 64,
    LLAMA_WINDOW = 512
};

const char *osso_eval_task(int i, const char **file_out)
{
    if (i < 0 || i >= n_tasks)
        return NULL;
    if (file_out)
        *file_out = task_table[i].file;
    return task_table[i].name;
}

void osso_eval_engine(const struct osso_model *model, struct osso_engine_options *e)
{
    struct osso_model_dims d = {.size = sizeof d};
    osso_model_dims(model, &d);
    int64_t rows = LOGIT_BYTES / ((d.vocab > 0 ? d.vocab : 1) * (int64_t)sizeof(float));
    e->max_sessions = SESSIONS;
    e->max_rows = MOST_ROWS;
    e->max_logit_rows = (int)(rows > MOST_ROWS ? MOST_ROWS : rows < FEWEST_ROWS ? FEWEST_ROWS : rows);
    if (e->context == 0)
        e->context = d.context < CONTEXT ? d.context : CONTEXT;
}

/* What all tensors hold, in their order. */
uint64_t eval_hash_model(const struct osso_model *model)
{
    uint64_t h = 0;
    for (int64_t i = 0; model && i < model->tensors.n; i++) {
        const struct tensor *t = &model->tensors.list[i];
        h = hash_bytes(h, t->data, (size_t)t->bytes);
    }
    return h;
}

int32_t eval_prefix(const int32_t *wanted, const struct osso_tokenizer *tokenizer)
{
    int32_t id = wanted ? *wanted : osso_tokenizer_special(tokenizer, "<|startoftext|>");
    return id >= 0 ? id : osso_tokenizer_special(tokenizer, "<|return|>");
}

static enum osso_status check_windows(const struct osso_eval_options *o, const struct osso_engine *engine,
                                      struct osso_error *err)
{
    int64_t most = o->max_length > 0 ? o->max_length : engine->context;
    int64_t window = o->window ? o->window : o->llama_rule ? LLAMA_WINDOW : most;
    if (!o->window && !o->stride && !o->llama_rule)
        return OSSO_OK;
    if (window < 4 || window > most)
        return error_set(err, OSSO_USAGE, "a window of %lld tokens: 4 to %lld are possible", (long long)window,
                         (long long)most);
    if (o->stride < 0 || o->stride > window || (o->stride > 0 && o->llama_rule))
        return error_set(err, OSSO_USAGE, "a stride of %lld tokens: 1 to the window's %lld are possible%s",
                         (long long)o->stride, (long long)window, o->llama_rule ? ", and none by llama's rule" : "");
    return OSSO_OK;
}

static enum osso_status check(const struct osso_eval_options *o, const struct osso_engine *engine,
                              struct osso_error *err)
{
    enum osso_status status = o->sampling ? sized_check(o->sampling, "osso_sampling", err) : OSSO_OK;
    if (status)
        return status;
    if (!o->tasks || !o->tasks[0])
        return error_set(err, OSSO_USAGE, "an evaluation needs tasks");
    if (o->max_length > engine->context || o->max_length < 0)
        return error_set(err, OSSO_USAGE, "a length of %lld tokens: the engine's context is %lld",
                         (long long)o->max_length, (long long)engine->context);
    if (o->prefix && (*o->prefix < 0 || *o->prefix >= engine->config.vocab))
        return error_set(err, OSSO_USAGE, "the prefix %d is no id of the vocabulary (0 to %lld)", (int)*o->prefix,
                         (long long)engine->config.vocab - 1);
    return check_windows(o, engine, err);
}

enum osso_status osso_eval_run(struct osso_engine *engine, const struct osso_tokenizer *tokenizer,
                               const struct osso_eval_options *options, char **report_out, bool *complete_out,
                               struct osso_error *err)
{
    struct eval e = {.engine = engine};
    *report_out = NULL;
    *complete_out = false;
    enum osso_status status = sized_check(options, "osso_eval_options", err);
    if (status)
        return status;
    sized_in(&e.o, sizeof e.o, options);
    status = check(&e.o, engine, err);
    if (status)
        return status;
    if (e.o.sampling) {
        sized_in(&e.sampling, sizeof e.sampling, e.o.sampling);
        e.sampling.size = sizeof e.sampling;
        e.o.sampling = &e.sampling;
    }
    e.o.settings = e.o.settings ? e.o.settings : "";
    e.o.sessions = e.o.sessions > 0 ? e.o.sessions : SESSIONS;
    e.o.max_new = e.o.max_new > 0 ? e.o.max_new : MAX_NEW;
    e.rules = (struct pair_rules){tokenizer, eval_prefix(e.o.prefix, tokenizer),
                                  (size_t)(e.o.max_length > 0 ? e.o.max_length : engine->context)};
    e.window = (size_t)(e.o.window > 0 ? e.o.window : e.o.llama_rule ? LLAMA_WINDOW : (int64_t)e.rules.max_length);
    e.stride = e.o.stride > 0 ? (size_t)e.o.stride : e.window;
    double start = clock_seconds();
    e.model_hash = eval_hash_model(engine->model);
    status = data_load(&e, err);
    if (!status)
        status = keep_open(&e, err);
    e.started = clock_seconds();
    if (!status)
        status = feed_run(&e, err);
    e.run_seconds = clock_seconds() - e.started;
    for (int i = 0; i < e.n_runs && !status; i++)
        if (e.runs[i].task->kind == SPEED)
            status = perform_run(&e, &e.runs[i], err);
    if (!status && e.o.samples)
        status = samples_write(&e, err);
    if (!status)
        status = report_make(&e, clock_seconds() - start, report_out, complete_out, err);
    keep_close(&e, !status && *complete_out);
    doc_free(&e.doc);
    osso_ids_free(&e.page);
    data_free(&e);
    mem_free(e.runs);
    return status;
}
