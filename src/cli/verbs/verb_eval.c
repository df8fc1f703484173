/* verb_eval.c: how good a model is, in the field's own measures; and what the difference of two is worth. */
#include "cli/eval_report.h"
#include "cli/model_args.h"
#include "cli/out.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "osso/eval.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int show(void *user, uint64_t done, uint64_t total)
{
    (void)user;
    char a[32], b[32];
    if (err_is_terminal())
        fprintf(stderr, "\r%s of %s items\033[K", human_count(a, done), human_count(b, total));
    return interrupted();
}

/* What else a score depends on: into the report, and a run with others is another run. */
static char *settings(const struct options *o)
{
    struct buf b = {0};
    const struct option_value *v = o->v;
    buf_printf(&b, "\"exact\":%s,\"kv_type\":\"%s\",\"experts_per_token\":%lld", v[OPT_exact].set ? "true" : "false",
               v[OPT_kv_type].set ? v[OPT_kv_type].s
               : v[OPT_exact].set ? "f32"
                                  : "f16",
               (long long)(v[OPT_experts_per_token].set ? v[OPT_experts_per_token].i : 0));
    return buf_take(&b);
}

static enum osso_status run(const struct options *o, struct runner *r, char **report, bool *complete,
                            struct osso_error *err)
{
    const struct option_value *v = o->v;
    int32_t prefix = v[OPT_prefix_id].set ? (int32_t)v[OPT_prefix_id].i : -1;
    enum osso_status status = runner_open(o, r, err);
    if (!status)
        status = runner_tokenizer(r, err);
    if (status)
        return status;
    struct osso_engine_options e = engine_args(o, r);
    osso_eval_engine(r->model, &e);
    e.max_sessions++; /* runner_start has one of its own */
    status = runner_start(r, &e, err);
    if (status)
        return status;
    char *more = settings(o);
    struct osso_eval_options with = {.size = sizeof with,
                                     .tasks = o->operand[0],
                                     .data = v[OPT_eval_data].s,
                                     .num_fewshot = v[OPT_num_fewshot].set ? (int)v[OPT_num_fewshot].i : 0,
                                     .max_new = v[OPT_eval_n_predict].set ? (int)v[OPT_eval_n_predict].i : 0,
                                     .limit = v[OPT_limit].set ? v[OPT_limit].i : 0,
                                     .prefix = v[OPT_prefix_id].set ? &prefix : NULL,
                                     .samples = v[OPT_samples].set ? v[OPT_samples].s : NULL,
                                     .settings = more,
                                     .chat = v[OPT_eval_chat].set,
                                     .progress = show};
    osso_engine_set_interrupt(r->engine, interrupt_flag());
    status = more ? osso_eval_run(r->engine, r->tokenizer, &with, report, complete, err)
                  : error_nomem(err, 0, "settings");
    if (err_is_terminal())
        fputs("\r\033[K", stderr);
    mem_free(more);
    return status;
}

/* The report as it is asked for: on standard output and into --report's file. */
static enum osso_status publish(const struct options *o, const char *report, bool compared, struct osso_error *err)
{
    const struct option_value *v = o->v;
    struct buf text = {0};
    enum osso_status status = eval_report_table(report, compared, &text, err);
    if (!status && v[OPT_report].set) {
        const char *dot = strrchr(v[OPT_report].s, '.');
        status = dot && strcmp(dot, ".md") == 0 ? save_atomic(v[OPT_report].s, text.data, text.len, err)
                                                : save_atomic(v[OPT_report].s, report, strlen(report), err);
    }
    if (!status && v[OPT_json].set)
        out_puts(report), out_puts("\n");
    else if (!status)
        out_puts(text.data);
    buf_free(&text);
    return status;
}

/* What the words ask for; USAGE for what they cannot mean. */
static enum osso_status check(const struct options *o, bool compare, struct osso_error *err)
{
    const char *dot = o->v[OPT_report].set ? strrchr(o->v[OPT_report].s, '.') : NULL;
    if (o->v[OPT_report].set && (!dot || (strcmp(dot, ".md") != 0 && strcmp(dot, ".json") != 0)))
        return error_set(err, OSSO_USAGE, "--report %s: the file's name ends in .json or .md", o->v[OPT_report].s);
    if (compare && o->n_operands != 3)
        return error_set(err, OSSO_USAGE, "eval compare needs two files of samples (made with --samples)");
    if (!compare && o->v[OPT_max_drop].typed)
        return error_set(err, OSSO_USAGE, "--max-drop has no effect without compare; leave it out");
    if (!compare && o->n_operands > 1)
        return error_set(err, OSSO_USAGE, "'%s': tasks are one word, with commas between them", o->operand[1]);
    return OSSO_OK;
}

int verb_eval(const struct options *o)
{
    struct runner r = {0};
    struct osso_error err = {0};
    char *report = NULL;
    bool complete = true, compare = strcmp(o->operand[0], "compare") == 0;
    enum osso_status status = check(o, compare, &err);
    interrupt_catch(INTERRUPT_TIDY);
    if (!status && compare)
        status = osso_eval_compare(o->operand[1], o->operand[2], &report, &err);
    else if (!status)
        status = run(o, &r, &report, &complete, &err);
    if (!status)
        status = publish(o, report, compare, &err);
    char task[64] = "";
    bool dropped = !status && compare && o->v[OPT_max_drop].set &&
                   eval_report_dropped(report, o->v[OPT_max_drop].f, task, sizeof task);
    bool stopped = interrupted();
    interrupt_release();
    osso_free(report);
    runner_close(&r);
    if (status == OSSO_CANCELLED && stopped)
        return 130;
    if (!status && !complete)
        say("a task has failed: the report says why, and it has no score");
    if (dropped)
        say("%s: acc is lower by more than --max-drop %g", task, o->v[OPT_max_drop].f);
    return out_end(dropped ? 1 : status || complete ? exit_code(status, &err) : 1);
}
