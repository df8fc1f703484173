/* verb_inspect_experts.c: which experts a text's tokens go to, and what they are worth to it. */
#include "cli/experts_report.h"
#include "cli/inspect_head.h"
#include "cli/out.h"
#include "cli/progress.h"
#include "cli/token_class.h"

#include "base/error.h"
#include "base/mem.h"

enum { RUNS_AT_ONCE = 16, ROWS = 512, LOGIT_ROWS = 128 };

struct experts_args {
    struct texts texts;
    struct number_list positions, experts;
    struct osso_layers layers;
};

static int class_of(void *user, int32_t id)
{
    const struct runner *r = user;
    return (int)token_class(r->tokenizer, id);
}

static int say_plan(void *user, const struct osso_experts_plan *plan)
{
    char a[32], b[32];
    (void)user;
    progress_end();
    say("%s runs of %s tokens in all, about %.0f s", human_count(a, plan->runs), human_count(b, plan->tokens),
        plan->seconds);
    progress_begin_of("token", plan->tokens);
    return interrupted();
}

static enum osso_status read_args(const struct options *o, struct runner *r, struct experts_args *a,
                                  struct osso_error *err)
{
    struct osso_error none;
    enum osso_status status = inspect_check_seed(o, err);
    if (!status && o->v[OPT_inspect_positions].set)
        status = number_list_parse(o->v[OPT_inspect_positions].s, "--positions", true, &a->positions, err);
    if (!status && o->v[OPT_inspect_experts_off].set)
        status = number_list_parse(o->v[OPT_inspect_experts_off].s, "--experts", false, &a->experts, err);
    if (!status)
        status = runner_open(o, r, err);
    if (!status && !r->model)
        status = error_set(err, OSSO_USAGE, "a script has no experts: give a model");
    if (!status && o->v[OPT_inspect_layers].set)
        status = layers_parse(o->v[OPT_inspect_layers].s, "--layers", &r->dims, &a->layers, err);
    if (!status)
        status = texts_args(o, r, &a->texts, err);
    if (!status && !r->tokenizer && osso_model_tokenizer(r->model, &r->tokenizer, &none))
        r->tokenizer = NULL; /* ids need none; tokens then have no kinds */
    return status;
}

static enum osso_status start(const struct options *o, struct runner *r, const struct experts_args *a,
                              struct osso_error *err)
{
    struct osso_engine_options e = engine_args(o, r);
    if (!e.context)
        e.context = (int64_t)a->texts.longest < r->dims.context ? (int64_t)a->texts.longest : r->dims.context;
    e.max_sessions = o->v[OPT_effect].set ? RUNS_AT_ONCE + 2 : 2;
    e.max_rows = ROWS; /* of all runs together, whatever the context is */
    e.max_logit_rows = o->v[OPT_effect].set ? LOGIT_ROWS : 2;
    enum osso_status status = runner_start(r, &e, err);
    if (!status)
        osso_engine_set_interrupt(r->engine, interrupt_flag());
    return status;
}

static enum osso_status run(const struct options *o, struct runner *r, struct experts_args *a, struct osso_error *err)
{
    struct osso_experts_result result = {.size = sizeof result};
    enum osso_status status = inspect_page_check(o, err);
    if (!status)
        status = read_args(o, r, a, err);
    if (!status)
        status = start(o, r, a, err);
    if (status)
        return status;
    struct osso_experts_options x = {.size = sizeof x,
                                     .texts = a->texts.ids,
                                     .lengths = a->texts.lengths,
                                     .n_texts = a->texts.n,
                                     .layers = o->v[OPT_inspect_layers].set ? &a->layers : NULL,
                                     .positions = a->positions.n,
                                     .n_positions = a->positions.len,
                                     .n_classes = r->tokenizer ? TOKEN_CLASSES : 0,
                                     .class_of = class_of,
                                     .effect = o->v[OPT_effect].set,
                                     .experts = a->experts.n,
                                     .n_experts = a->experts.len,
                                     .sessions = RUNS_AT_ONCE,
                                     .max_bytes = inspect_max_bytes(o),
                                     .planned = say_plan,
                                     .progress = progress_call,
                                     .user = r};
    progress_begin_of("token", a->texts.total);
    status = osso_experts(r->engine, &x, &result, err);
    progress_end();
    struct experts_report report = {o, r, &a->texts, x.layers, &result};
    if (!status)
        status = inspect_show(o, experts_report_json, experts_report_text, figures_experts, &report, err);
    osso_experts_free(&result);
    return status;
}

int verb_inspect_experts(const struct options *o)
{
    struct runner r = {0};
    struct experts_args a = {0};
    struct osso_error err = {0};
    interrupt_catch(INTERRUPT_WORK);
    enum osso_status status = run(o, &r, &a, &err);
    bool stopped = interrupted();
    interrupt_release();
    texts_free(&a.texts);
    mem_free(a.positions.n);
    mem_free(a.experts.n);
    runner_close(&r);
    return stopped && status ? 130 : exit_code(status, &err);
}
