/* verb_inspect_patch.c: which place of a run carries the difference between two texts, or what a text's run needs. */
#include "cli/out.h"
#include "cli/patch_args.h"
#include "cli/progress.h"

#include "base/error.h"

enum { RUNS_AT_ONCE = 32, ROWS = 512 };

static int say_plan(void *user, const struct osso_patch_plan *plan)
{
    char a[32], b[32], c[32];
    (void)user;
    say("%s runs of %s tokens in all, up to %d side by side, about %.0f s; %s of values are kept",
        human_count(a, plan->runs), human_count(b, plan->tokens), RUNS_AT_ONCE, plan->seconds,
        human_bytes(c, plan->bytes));
    progress_begin_of("run", plan->runs);
    return interrupted();
}

static enum osso_status run(const struct options *o, struct runner *r, struct patch_args *a, struct osso_error *err)
{
    struct osso_patch_result result = {.size = sizeof result};
    enum osso_status status = inspect_page_check(o, err);
    if (!status)
        status = runner_open(o, r, err);
    if (!status)
        status = runner_tokenizer(r, err);
    if (!status)
        status = patch_args(o, r, a, err);
    if (status)
        return status;
    struct osso_engine_options e = engine_args(o, r);
    size_t longest = a->clean.len > a->corrupted.len ? a->clean.len : a->corrupted.len;
    longest = a->texts.longest > longest ? a->texts.longest : longest;
    if (!e.context)
        e.context = (int64_t)longest < r->dims.context ? (int64_t)longest : r->dims.context;
    e.max_sessions = RUNS_AT_ONCE + 2;
    e.max_rows = ROWS; /* of all runs together, whatever the context is */
    status = runner_start(r, &e, err);
    if (status)
        return status;
    osso_engine_set_interrupt(r->engine, interrupt_flag());
    a->options.sessions = RUNS_AT_ONCE;
    a->options.max_bytes = inspect_max_bytes(o);
    a->options.planned = say_plan;
    a->options.progress = progress_call;
    status = osso_patch(r->engine, a->clean.data, a->corrupted.len ? a->corrupted.data : NULL, a->clean.len,
                        &a->options, &result, err);
    progress_end();
    struct patch_found found = {o, r, a, &result};
    if (!status)
        status = inspect_show(o, patch_report_json, patch_report_text, figures_patch, &found, err);
    osso_patch_free(&result);
    return status;
}

/* What is missing, or NULL. */
static const char *missing(const struct options *o)
{
    bool away = o->v[OPT_ablate].set || o->v[OPT_knock_out].set;
    if (!o->v[OPT_clean].set || (!o->v[OPT_component].set && !o->v[OPT_knock_out].set) ||
        (!away && (!o->v[OPT_corrupted].set || !o->v[OPT_answer].set)))
        return "--clean, --corrupted, --answer, --wrong and --component";
    return o->v[OPT_answer].set != o->v[OPT_wrong].set ? "both --answer and --wrong" : NULL;
}

int verb_inspect_patch(const struct options *o)
{
    struct runner r = {0};
    struct patch_args a = {.options.size = 0};
    struct osso_error err = {0};
    if (missing(o)) {
        say("inspect patch needs %s; see osso inspect patch --help", missing(o));
        return 2;
    }
    interrupt_catch(INTERRUPT_WORK);
    enum osso_status status = run(o, &r, &a, &err);
    bool stopped = interrupted();
    interrupt_release();
    patch_args_free(&a);
    runner_close(&r);
    return stopped && status ? 130 : exit_code(status, &err);
}
