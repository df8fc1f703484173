/* eval_models.c: `osso eval` with more than one engine. */
#include "cli/eval_models.h"

#include "cli/int_list.h"
#include "cli/model_name.h"
#include "cli/out.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "json/jget.h"
#include "json/jwrite.h"
#include "osso/eval.h"

#include <stdio.h>
#include <string.h>

int eval_models_progress(void *user, uint64_t done, uint64_t total)
{
    char a[32], b[32];
    if (err_is_terminal())
        fprintf(stderr, "\r%s of %s %s\033[K", human_count(a, done), human_count(b, total),
                user ? (const char *)user : "items");
    return interrupted();
}

static void progress_over(void)
{
    if (err_is_terminal())
        fputs("\r\033[K", stderr);
}

char *eval_models_settings(const struct options *o, int64_t experts)
{
    struct buf b = {0};
    const struct option_value *v = o->v;
    buf_printf(&b, "\"exact\":%s,\"kv_type\":\"%s\",\"experts_per_token\":%lld", v[OPT_exact].set ? "true" : "false",
               v[OPT_kv_type].set ? v[OPT_kv_type].s
               : v[OPT_exact].set ? "f32"
                                  : "f16",
               (long long)experts);
    return buf_take(&b);
}

/* ---- two models ------------------------------------------------------------------------------------------- */

/* A model by its name, and an engine for it; experts 0: as the options say. */
static enum osso_status open_named(const struct options *o, const char *name, int64_t experts, struct runner *r,
                                   struct osso_error *err)
{
    const struct osso_model_options with = {.size = sizeof with, .ignore_unused = o->v[OPT_ignore_unused].set};
    enum osso_status status = model_name_resolve(o, name, &r->path, err);
    if (!status)
        status = osso_model_open_with(r->path, &with, &r->model, err);
    if (status)
        return status;
    model_say_warnings(r->model);
    r->dims.size = sizeof r->dims;
    osso_model_dims(r->model, &r->dims);
    status = runner_tokenizer(r, err);
    struct osso_engine_options e = engine_args(o, r);
    osso_eval_engine(r->model, &e);
    e.max_sessions = 2; /* runner_start has one of its own */
    e.experts_per_token = experts > 0 ? (int)experts : e.experts_per_token;
    if (!status)
        status = runner_start(r, &e, err);
    if (!status)
        osso_engine_set_interrupt(r->engine, interrupt_flag());
    return status;
}

enum osso_status eval_models_compare(const struct options *o, char **report_out, struct osso_error *err)
{
    const struct option_value *v = o->v;
    struct runner a = {0}, b = {0};
    struct int_list experts = {.len = 0};
    int32_t prefix = v[OPT_prefix_id].set ? (int32_t)v[OPT_prefix_id].i : -1;
    enum osso_status status = OSSO_OK;
    *report_out = NULL;
    if (v[OPT_experts].set)
        status = int_list_parse(&v[OPT_experts], "", "--experts", &experts, err);
    if (!status && v[OPT_experts].set && experts.len != 2)
        status = error_set(err, OSSO_USAGE, "--experts: two numbers for two models, A's and B's (as 4,2)");
    if (!status)
        status = open_named(o, o->operand[1], experts.len ? experts.n[0] : 0, &a, err);
    if (!status)
        status = open_named(o, o->operand[2], experts.len ? experts.n[1] : 0, &b, err);
    const struct osso_eval_pair_options with = {.size = sizeof with,
                                                .data = v[OPT_eval_data].s,
                                                .prefix = v[OPT_prefix_id].set ? &prefix : NULL,
                                                .progress = eval_models_progress,
                                                .user = "tokens"};
    if (!status)
        status = osso_eval_diverge(a.engine, a.tokenizer, b.engine, b.tokenizer, &with, report_out, err);
    progress_over();
    runner_close(&b);
    runner_close(&a);
    return status;
}

/* ---- one model, by its experts per token ------------------------------------------------------------------ */

/* What the table has of a report. */
static enum osso_status add_row(const char *report, int64_t experts, struct buf *out, struct osso_error *err)
{
    struct jdoc *doc = NULL;
    enum osso_status status = jdoc_read(report, strlen(report), "the report", &doc, err);
    const struct jval *root = status ? NULL : jdoc_root(doc), *task = root ? jval_get(root, "results")->first : NULL;
    if (!status && jval_get(task, "error"))
        status = error_set(err, OSSO_NUMERIC, "with %lld experts a token: %s", (long long)experts,
                           jval_get(task, "error")->text.s);
    if (!status) {
        double tokens = jget_real(jval_get(task, "tokens")), seconds = jget_real(jval_get(root, "run_seconds"));
        buf_printf(out, "%s{\"experts_per_token\":%lld,\"bits_per_byte\":", out->data[out->len - 1] == '[' ? "" : ",",
                   (long long)experts);
        jwrite_number(out, jget_real(jval_get(task, "bits_per_byte,none")));
        buf_puts(out, ",\"token_perplexity\":");
        jwrite_number(out, jget_real(jval_get(task, "token_perplexity,none")));
        buf_puts(out, ",\"tokens_per_second\":");
        jwrite_number(out, tokens / seconds);
        buf_putc(out, '}');
    }
    jdoc_release(doc);
    return status;
}

static enum osso_status run_one(const struct options *o, struct runner *r, int64_t experts, struct buf *out,
                                struct osso_error *err)
{
    const struct option_value *v = o->v;
    int32_t prefix = v[OPT_prefix_id].set ? (int32_t)v[OPT_prefix_id].i : -1;
    char *report = NULL, *settings = eval_models_settings(o, experts);
    bool complete = false;
    struct osso_engine_options e = engine_args(o, r);
    struct osso_engine *engine = NULL;
    osso_eval_engine(r->model, &e);
    e.experts_per_token = (int)experts;
    const struct osso_eval_options with = {.size = sizeof with,
                                           .tasks = o->operand[0],
                                           .data = v[OPT_eval_data].s,
                                           .limit = v[OPT_limit].set ? v[OPT_limit].i : 0,
                                           .prefix = v[OPT_prefix_id].set ? &prefix : NULL,
                                           .settings = settings,
                                           .progress = eval_models_progress};
    enum osso_status status = settings ? osso_engine_create(r->model, &e, &engine, err)
                                       : error_nomem(err, 0, "settings");
    if (!status) {
        osso_engine_set_interrupt(engine, interrupt_flag());
        status = osso_eval_run(engine, r->tokenizer, &with, &report, &complete, err);
    }
    if (!status)
        status = add_row(report, experts, out, err);
    osso_engine_free(engine);
    osso_free(report);
    mem_free(settings);
    return status;
}

enum osso_status eval_models_experts(const struct options *o, char **report_out, struct osso_error *err)
{
    struct runner r = {0};
    struct int_list experts;
    struct buf out = {0};
    *report_out = NULL;
    enum osso_status status = int_list_parse(&o->v[OPT_experts], "", "--experts", &experts, err);
    for (int i = 0; i < experts.len && !status; i++)
        if (experts.n[i] < 1)
            status = error_set(err, OSSO_USAGE, "--experts: at least one expert works on a token");
    if (!status)
        status = runner_open(o, &r, err);
    if (!status && !r.model)
        status = error_set(err, OSSO_USAGE, "--experts: a script has none; give a model");
    if (!status)
        status = runner_tokenizer(&r, err);
    buf_puts(&out, "{\"experts\":[");
    for (int i = 0; i < experts.len && !status; i++)
        status = run_one(o, &r, experts.n[i], &out, err);
    buf_puts(&out, "]}");
    progress_over();
    if (!status && !(*report_out = buf_take(&out)))
        status = error_nomem(err, 0, "a report");
    buf_free(&out);
    runner_close(&r);
    return status;
}
