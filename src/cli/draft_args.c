/* draft_args.c: --draft: what runs tokens ahead, and the smaller model that it may name. */
#include "cli/draft_args.h"

#include "base/error.h"
#include "base/mem.h"
#include "cli/model_name.h"
#include "cli/out.h"
#include "cli/progress.h"

#include <string.h>

struct drafting {
    int most;
    struct osso_model *model; /* the smaller one; NULL: none */
    struct osso_engine *engine;
    struct osso_drafter *drafter;
    bool said; /* that it guesses no more */
};

static bool says(const struct options *o, const char *word)
{
    return o->v[OPT_draft].set && strcmp(o->v[OPT_draft].s, word) == 0;
}

/* ---- the model ------------------------------------------------------------------------------------------ */

static bool same_id(const struct osso_tokenizer *a, const struct osso_tokenizer *b, int32_t id)
{
    const char *s = NULL, *t = NULL;
    size_t n = 0, m = 0;
    bool there = osso_tokenizer_piece(a, id, &s, &n);
    if (there != osso_tokenizer_piece(b, id, &t, &m))
        return false;
    return !there ||
           (n == m && memcmp(s, t, n) == 0 && osso_tokenizer_is_special(a, id) == osso_tokenizer_is_special(b, id));
}

static const char *text_of(const struct osso_tokenizer *t, int32_t id, int *len)
{
    const char *text = "";
    size_t n = 0;
    osso_tokenizer_piece(t, id, &text, &n);
    *len = (int)n;
    return text;
}

/* A guess is an id, which must mean the same to both. */
static enum osso_status compare_ids(const struct drafting *d, struct osso_model *model, const char *path,
                                    const char *draft_path, struct osso_error *err)
{
    const struct osso_tokenizer *own = NULL, *its = NULL;
    struct osso_model_dims a = {.size = sizeof a}, b = {.size = sizeof b};
    osso_model_dims(model, &a);
    osso_model_dims(d->model, &b);
    if (a.vocab != b.vocab)
        return error_set(err, OSSO_USAGE,
                         "--draft %s: a model with the same vocabulary is needed; it has %lld ids, %s has %lld",
                         draft_path, (long long)b.vocab, path, (long long)a.vocab);
    enum osso_status status = osso_model_tokenizer(model, &own, err);
    if (!status)
        status = osso_model_tokenizer(d->model, &its, err);
    for (int32_t id = 0; id < a.vocab && !status; id++)
        if (!same_id(own, its, id)) {
            int n, m;
            const char *here = text_of(own, id, &n), *there = text_of(its, id, &m);
            status = error_set(
                err, OSSO_USAGE,
                "--draft %s: a model with the same vocabulary is needed; id %d is '%.*s' there and '%.*s' in %s",
                draft_path, id, m, there, n, here, path);
        }
    return status;
}

static void warn_of_memory(const struct drafting *d, const struct osso_model *model)
{
    char its[32], own[32], left[32];
    struct osso_model_dims a = {.size = sizeof a}, b = {.size = sizeof b};
    uint64_t available = mem_available();
    osso_model_dims(model, &a);
    osso_model_dims(d->model, &b);
    if (a.file_bytes <= available && a.file_bytes + b.file_bytes > available)
        say("warning: the weights of both models are %s and %s, but only %s of memory is free: they will be read from disk again "
            "and again, which is slow; without --draft they are not",
            human_bytes(own, a.file_bytes), human_bytes(its, b.file_bytes), human_bytes(left, available));
}

static enum osso_status open_model(const struct options *o, struct drafting *d, struct osso_model *model,
                                   const char *path, struct osso_error *err)
{
    char *draft_path = NULL;
    if (!model)
        return error_set(err, OSSO_USAGE, "--draft %s: a script has no vocabulary that a model could share",
                         o->v[OPT_draft].s);
    enum osso_status status = model_name_resolve(o, o->v[OPT_draft].s, &draft_path, err);
    const struct osso_model_options with = {.size = sizeof with, .ignore_unused = o->v[OPT_ignore_unused].set};
    if (!status) {
        progress_begin(PROGRESS_OPEN);
        status = osso_model_open_with(draft_path, &with, &d->model, err);
        progress_end();
        status = status == OSSO_USAGE ? OSSO_FORMAT : status; /* the file is wrong, not the command line */
    }
    for (int i = 0; !status && osso_model_warning(d->model, i); i++)
        say("warning: %s", osso_model_warning(d->model, i));
    if (!status)
        status = compare_ids(d, model, path, draft_path, err);
    if (!status)
        warn_of_memory(d, model);
    mem_free(draft_path);
    return status;
}

enum osso_status draft_open(const struct options *o, struct osso_model *model, const char *path,
                            struct drafting **drafting_out, struct osso_error *err)
{
    *drafting_out = NULL;
    if (says(o, "off"))
        return OSSO_OK;
    struct drafting *d = mem_alloc(sizeof *d);
    if (!d)
        return error_nomem(err, sizeof *d, "drafts");
    d->most = o->v[OPT_draft_max].set ? (int)o->v[OPT_draft_max].i : 8;
    bool named = o->v[OPT_draft].set && !says(o, "lookup");
    enum osso_status status = named ? open_model(o, d, model, path, err) : OSSO_OK;
    if (status)
        draft_free(d);
    else
        *drafting_out = d;
    return status;
}

/* ---- the engine ----------------------------------------------------------------------------------------- */

static void stop(struct drafting *d)
{
    osso_drafter_free(d->drafter);
    osso_engine_free(d->engine);
    d->drafter = NULL;
    d->engine = NULL;
}

void draft_free(struct drafting *d)
{
    if (!d)
        return;
    stop(d);
    osso_model_free(d->model);
    mem_free(d);
}

/* As the other's, for one session. A context that is shorter ends its guesses there. */
static enum osso_status start_engine(struct drafting *d, int64_t context, struct osso_engine_options e,
                                     struct osso_error *err)
{
    struct osso_model_dims dims = {.size = sizeof dims};
    osso_model_dims(d->model, &dims);
    e.context = context < dims.context ? context : dims.context;
    e.max_sessions = e.max_logit_rows = e.experts_per_token = e.host_layers = 0;
    e.kv_bytes = e.device_bytes = 0;
    return osso_engine_create(d->model, &e, &d->engine, err);
}

enum osso_status draft_start(struct drafting *d, const struct osso_engine *engine, const struct osso_engine_options *e,
                             const volatile sig_atomic_t *flag, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    if (!d)
        return OSSO_OK;
    stop(d);
    if (d->model)
        status = start_engine(d, osso_engine_context(engine), *e, err);
    if (!status && d->engine)
        osso_engine_set_interrupt(d->engine, flag);
    return status ? status : osso_drafter_create(d->most, d->engine, &d->drafter, err);
}

enum osso_status draft_anew(struct drafting *d, struct osso_error *err)
{
    osso_drafter_free(d->drafter);
    d->drafter = NULL;
    return osso_drafter_create(d->most, d->engine, &d->drafter, err);
}

struct osso_drafter *draft_drafter(const struct drafting *d)
{
    return d ? d->drafter : NULL;
}

/* ---- what came of it ------------------------------------------------------------------------------------ */

void draft_json(const struct drafting *d, struct buf *out)
{
    struct osso_drafter_counts c = {.size = sizeof c};
    if (!d || !d->engine)
        return;
    osso_drafter_counts(d->drafter, &c);
    buf_printf(out, ",\"draft_model_n\":%zu,\"draft_model_n_accepted\":%zu,\"draft_model_n_computed\":%zu", c.n_model,
               c.n_model_came, c.n_model_read);
}

void draft_say(struct drafting *d)
{
    struct osso_drafter_counts c = {.size = sizeof c};
    if (d && d->drafter)
        osso_drafter_counts(d->drafter, &c);
    if (!c.why_none || d->said)
        return;
    say("note: the model of --draft guesses no more: %s", c.why_none);
    d->said = true;
}
