/* verb_eval.c: how good a model is, in the field's own measures; and what the difference of two is worth. */
#include "cli/eval_history.h"
#include "cli/eval_models.h"
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

/* What the words ask for. */
enum work { WORK_TASKS, WORK_SAMPLES, WORK_MODELS, WORK_EXPERTS, WORK_HISTORY };

/* What a report calls the model: a folder's or a file's own name, or what it was called by at -m. */
static const char *name_of(const struct options *o, const struct runner *r)
{
    const char *given = o->v[OPT_model].set ? o->v[OPT_model].s : r->path ? r->path : "script";
    const char *last = strrchr(given, '/');
    return last && last[1] && file_exists(given) ? last + 1 : given;
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
    char *more = eval_models_settings(o, v[OPT_experts_per_token].set ? v[OPT_experts_per_token].i : 0);
    struct osso_sampling sampling = {.size = sizeof sampling};
    sampling_args(o, r, &sampling);
    sampling.seed = v[OPT_eval_seed].set ? (uint64_t)v[OPT_eval_seed].i : 0;
    sampling.temperature = v[OPT_eval_temp].set ? v[OPT_eval_temp].f : sampling.temperature;
    struct osso_eval_options with = {.size = sizeof with,
                                     .sampling = v[OPT_eval_seed].set ? &sampling : NULL,
                                     .tasks = o->operand[0],
                                     .data = v[OPT_eval_data].s,
                                     .num_fewshot = v[OPT_num_fewshot].set ? (int)v[OPT_num_fewshot].i : 0,
                                     .max_new = v[OPT_eval_n_predict].set ? (int)v[OPT_eval_n_predict].i : 0,
                                     .limit = v[OPT_limit].set ? v[OPT_limit].i : 0,
                                     .prefix = v[OPT_prefix_id].set ? &prefix : NULL,
                                     .samples = v[OPT_samples].set ? v[OPT_samples].s : NULL,
                                     .settings = more,
                                     .chat = v[OPT_eval_chat].set,
                                     .window = v[OPT_window].set ? v[OPT_window].i : 0,
                                     .stride = v[OPT_stride].set ? v[OPT_stride].i : 0,
                                     .llama_rule = v[OPT_rule].set && strcmp(v[OPT_rule].s, "llama") == 0,
                                     .name = name_of(o, r),
                                     .progress = eval_models_progress};
    osso_engine_set_interrupt(r->engine, interrupt_flag());
    status = more ? osso_eval_run(r->engine, r->tokenizer, &with, report, complete, err)
                  : error_nomem(err, 0, "settings");
    if (err_is_terminal())
        fputs("\r\033[K", stderr);
    mem_free(more);
    return status;
}

/* The report as it is asked for: on standard output and into --report's file. */
static enum osso_status publish(const struct options *o, const char *report, enum work work, struct osso_error *err)
{
    const struct option_value *v = o->v;
    struct buf text = {0}, page = {0};
    enum osso_status status = work == WORK_HISTORY ? eval_history_table(report, &text, err)
                              : work == WORK_TASKS || work == WORK_SAMPLES
                                  ? eval_report_table(report, work == WORK_SAMPLES, &text, err)
                                  : eval_report_models(report, &text, err);
    if (!status && v[OPT_report].set) {
        const char *dot = strrchr(v[OPT_report].s, '.');
        bool html = dot && strcmp(dot, ".html") == 0, md = dot && strcmp(dot, ".md") == 0;
        if (html)
            status = eval_report_html(report, &page, err);
        const char *what = html ? page.data : md ? text.data : report;
        if (!status)
            status = save_atomic(v[OPT_report].s, what, strlen(what), err);
    }
    if (!status && v[OPT_json].set)
        out_puts(report), out_puts("\n");
    else if (!status)
        out_puts(text.data);
    buf_free(&text);
    buf_free(&page);
    return status;
}

static enum work work_of(const struct options *o)
{
    bool compare = strcmp(o->operand[0], "compare") == 0;
    if (compare)
        return o->v[OPT_eval_data].typed ? WORK_MODELS : WORK_SAMPLES;
    if (strcmp(o->operand[0], "history") == 0)
        return WORK_HISTORY;
    return o->v[OPT_experts].typed ? WORK_EXPERTS : WORK_TASKS;
}

/* Options that only one of the works looks at. */
static enum osso_status check_vain(const struct options *o, enum work work, struct osso_error *err)
{
    const struct {
        const struct option_value *value;
        const char *name, *with;
        unsigned works;
    } options[] = {
        {&o->v[OPT_max_drop], "--max-drop", "compare with two files of samples", 1u << WORK_SAMPLES},
        {&o->v[OPT_max_kld], "--max-kld", "compare with two models and --data TEXT", 1u << WORK_MODELS},
        {&o->v[OPT_samples], "--samples", "tasks alone", 1u << WORK_TASKS},
        {&o->v[OPT_eval_chat], "--chat", "tasks alone", 1u << WORK_TASKS},
        {&o->v[OPT_num_fewshot], "--num-fewshot", "tasks alone", 1u << WORK_TASKS},
        {&o->v[OPT_eval_n_predict], "-n", "tasks alone", 1u << WORK_TASKS},
        {&o->v[OPT_eval_seed], "--seed", "tasks alone", 1u << WORK_TASKS},
        {&o->v[OPT_experts], "--experts", "a text, or compare with two models", 1u << WORK_MODELS | 1u << WORK_EXPERTS},
        {&o->v[OPT_model], "-m", "tasks", 1u << WORK_TASKS | 1u << WORK_EXPERTS},
        {&o->v[OPT_limit], "--limit", "tasks", 1u << WORK_TASKS | 1u << WORK_EXPERTS},
        {&o->v[OPT_window], "--window", "ppl", 1u << WORK_TASKS},
        {&o->v[OPT_stride], "--stride", "ppl", 1u << WORK_TASKS},
        {&o->v[OPT_rule], "--rule", "ppl", 1u << WORK_TASKS},
        {&o->v[OPT_script], "--script", "tasks alone", 1u << WORK_TASKS},
        {&o->v[OPT_eval_data], "--data", "a run", ~(1u << WORK_HISTORY)},
        {&o->v[OPT_eval_history], "--history", "tasks, or history", 1u << WORK_TASKS | 1u << WORK_HISTORY},
        {&o->v[OPT_eval_no_history], "--no-history", "tasks alone", 1u << WORK_TASKS},
    };
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        if (options[i].value->typed && !(options[i].works >> work & 1))
            return error_set(err, OSSO_USAGE, "%s has no effect here (%s); leave it out", options[i].name,
                             options[i].with);
    return OSSO_OK;
}

/* What the words ask for; USAGE for what they cannot mean. */
static enum osso_status check(const struct options *o, enum work work, struct osso_error *err)
{
    bool compare = work == WORK_SAMPLES || work == WORK_MODELS;
    const char *dot = o->v[OPT_report].set ? strrchr(o->v[OPT_report].s, '.') : NULL;
    bool page = dot && strcmp(dot, ".html") == 0;
    if (o->v[OPT_report].set && (!dot || (!page && strcmp(dot, ".md") != 0 && strcmp(dot, ".json") != 0)))
        return error_set(err, OSSO_USAGE, "--report %s: the file's name ends in .json, .md or .html",
                         o->v[OPT_report].s);
    if (page && work != WORK_TASKS)
        return error_set(err, OSSO_USAGE, "--report %s: a page shows the scores of tasks; here .json or .md",
                         o->v[OPT_report].s);
    if (compare && o->n_operands != 3)
        return error_set(
            err, OSSO_USAGE,
            "eval compare needs two files of samples (made with --samples), or two models and --data TEXT");
    if (work == WORK_HISTORY && o->n_operands > 2)
        return error_set(err, OSSO_USAGE, "'%s': eval history shows all tasks, or one", o->operand[2]);
    if (!compare && work != WORK_HISTORY && o->n_operands > 1)
        return error_set(err, OSSO_USAGE, "'%s': tasks are one word, with commas between them", o->operand[1]);
    if (work == WORK_EXPERTS && (strcmp(o->operand[0], "bpb") != 0 && strcmp(o->operand[0], "wikitext") != 0))
        return error_set(err, OSSO_USAGE, "--experts: a table of bits per byte; the task is bpb or wikitext");
    if (work == WORK_EXPERTS && o->v[OPT_experts_per_token].typed)
        return error_set(err, OSSO_USAGE, "--experts says which numbers; leave --experts-per-token out");
    bool windows = o->v[OPT_window].typed || o->v[OPT_stride].typed || o->v[OPT_rule].typed;
    if (work == WORK_TASKS && windows && !strstr(o->operand[0], "ppl"))
        return error_set(err, OSSO_USAGE, "--window, --stride and --rule are for ppl; leave them out");
    return check_vain(o, work, err);
}

/* A history that nobody asked for is no reason to fail: it is said. */
static enum osso_status forgive(const struct options *o, enum osso_status status, struct osso_error *err)
{
    if (!status || o->v[OPT_eval_history].set)
        return status;
    say("this run is in no history: %s", err->text);
    *err = (struct osso_error){0};
    return OSSO_OK;
}

/* *history_out: the file that will have this run (mem_free it); NULL: none. */
static enum osso_status find_history(const struct options *o, enum work work, char **history_out,
                                     struct osso_error *err)
{
    *history_out = NULL;
    if (work != WORK_TASKS && work != WORK_HISTORY)
        return OSSO_OK;
    enum osso_status status = eval_history_path(o, work == WORK_HISTORY, history_out, err);
    if (!status && *history_out && work == WORK_TASKS && (status = eval_history_check(*history_out, err))) {
        mem_free(*history_out);
        *history_out = NULL;
        status = forgive(o, status, err);
    }
    return status;
}

static enum osso_status carry_out(const struct options *o, enum work work, struct runner *r, const char *history,
                                  char **report, bool *complete, struct osso_error *err)
{
    switch (work) {
    case WORK_HISTORY: return eval_history_read(history, o->n_operands > 1 ? o->operand[1] : NULL, report, err);
    case WORK_SAMPLES: return osso_eval_compare(o->operand[1], o->operand[2], report, err);
    case WORK_MODELS: return eval_models_compare(o, report, err);
    case WORK_EXPERTS: return eval_models_experts(o, report, err);
    default: return run(o, r, report, complete, err);
    }
}

/* A limit that a comparison does not keep is said, and the exit status is 1. */
static bool too_far(const struct options *o, enum work work, const char *report)
{
    char task[64] = "";
    double kld = work == WORK_MODELS && o->v[OPT_max_kld].set ? eval_report_kld(report) : 0;
    if (work == WORK_SAMPLES && o->v[OPT_max_drop].set &&
        eval_report_dropped(report, o->v[OPT_max_drop].f, task, sizeof task)) {
        say("%s: acc is lower by more than --max-drop %g", task, o->v[OPT_max_drop].f);
        return true;
    }
    if (work == WORK_MODELS && o->v[OPT_max_kld].set && !(kld <= o->v[OPT_max_kld].f)) {
        say("the mean divergence is %g, more than --max-kld %g", kld, o->v[OPT_max_kld].f);
        return true;
    }
    return false;
}

int verb_eval(const struct options *o)
{
    struct runner r = {0};
    struct osso_error err = {0};
    char *report = NULL, *history = NULL;
    bool complete = true;
    enum work work = work_of(o);
    enum osso_status status = check(o, work, &err);
    interrupt_catch(INTERRUPT_TIDY);
    if (!status)
        status = find_history(o, work, &history, &err);
    if (!status)
        status = carry_out(o, work, &r, history, &report, &complete, &err);
    if (!status)
        status = publish(o, report, work, &err);
    if (!status && work == WORK_TASKS && history)
        status = forgive(o, eval_history_add(history, report, &err), &err);
    bool far = !status && too_far(o, work, report), stopped = interrupted();
    interrupt_release();
    osso_free(report);
    mem_free(history);
    runner_close(&r);
    if (status == OSSO_CANCELLED && stopped)
        return 130;
    if (!status && !complete)
        say("a task has failed: the report says why, and it has no score");
    return out_end(far ? 1 : status || complete ? exit_code(status, &err) : 1);
}
