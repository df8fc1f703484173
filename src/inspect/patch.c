/* patch.c: the texts as they are, and for each place a fork of the one of them that is changed there,
 * which begins at that position and in that layer. */
#include "osso/patch.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/sized.h"
#include "inspect/patch_parts.h"
#include "model/layers.h"

#include <math.h>
#include <string.h>

enum { SESSIONS = 32 };

/* The forks in work. */
struct forks {
    struct patch_run *runs;
    struct osso_session **active;
    int n_runs, n_active;
    size_t next; /* record */
    uint64_t done;
};

/* ---- the two texts ------------------------------------------------------------------------------------------------
 */

/* logit(answer) - logit(wrong) and the divergence from the clean text, behind the last token of a session that is
 * ready. */
static enum osso_status read_end(const struct patching *p, const struct osso_session *s, size_t n, double *difference,
                                 double *kl, struct osso_error *err)
{
    struct score_row row = {.logits = osso_session_logits(s, n - 1)};
    enum osso_status status = osso_session_check_logits(s, n - 1, err);
    if (status)
        return status;
    *difference = p->o.answer < 0 ? NAN : (double)row.logits[p->o.answer] - (double)row.logits[p->o.wrong];
    if (kl) {
        score_row_read(p->engine->backend, p->engine->config.vocab, &row);
        *kl = score_row_divergence(p->engine->backend, p->engine->config.vocab, &p->plain_row, &row);
    }
    return OSSO_OK;
}

static enum osso_status run_text(struct patching *p, const int32_t *ids, size_t n, struct osso_session **session,
                                 struct osso_error *err)
{
    double start = clock_seconds();
    enum osso_status status = osso_session_create(p->engine, 0, session, err);
    if (!status)
        status = osso_session_sync(*session, ids, n, err);
    while (!status && !osso_session_ready(*session))
        status = osso_step(p->engine, session, 1, 0, err);
    size_t computed = status ? 0 : n - osso_session_reused(*session);
    p->seconds = (clock_seconds() - start) / (double)(computed ? computed : 1);
    return status;
}

static enum osso_status keep_plain(struct patching *p, const struct osso_session *s, struct osso_error *err)
{
    size_t vocab = (size_t)p->engine->config.vocab;
    enum osso_status status = read_end(p, s, p->n_clean, &p->r.clean, NULL, err);
    p->plain = status ? NULL : mem_array(vocab, sizeof *p->plain);
    if (!status && !p->plain)
        status = error_nomem(err, vocab * sizeof *p->plain, "a row of logits");
    if (status)
        return status;
    memcpy(p->plain, osso_session_logits(s, p->n_clean - 1), vocab * sizeof *p->plain);
    p->plain_row.logits = p->plain;
    score_row_read(p->engine->backend, p->engine->config.vocab, &p->plain_row);
    return OSSO_OK;
}

/* The one that is changed runs last, and stays. */
static enum osso_status run_texts(struct patching *p, struct osso_error *err)
{
    struct osso_session *clean = NULL, *corrupted = NULL;
    double seconds = 0;
    p->r.corrupted = p->r.kl = NAN;
    enum osso_status status = run_text(p, p->clean, p->n_clean, &clean, err);
    if (!status)
        status = keep_plain(p, clean, err);
    if (!status && p->corrupted) {
        seconds = p->seconds;
        status = run_text(p, p->corrupted, p->n_corrupted, &corrupted, err);
        if (!status)
            status = read_end(p, corrupted, p->n_corrupted, &p->r.corrupted, &p->r.kl, err);
        if (!status && p->r.clean == p->r.corrupted)
            status = error_set(err, OSSO_USAGE, "both texts give a logit difference of %g: there is nothing to restore",
                               p->r.clean);
        p->seconds = p->mode == PATCH ? p->seconds : seconds;
    }
    p->run = p->mode == PATCH ? corrupted : clean;
    osso_session_free(p->mode == PATCH ? clean : corrupted);
    return status;
}

/* ---- places -------------------------------------------------------------------------------------------------------
 */

static enum osso_status begin_run(struct patching *p, struct forks *f, struct patch_run *run, struct osso_error *err)
{
    const struct osso_patch_record *rec = &p->r.records[f->next];
    struct osso_layers layer = {{0}};
    uint64_t tap = (uint64_t)1 << (p->component->by == BY_EXPERT ? OSSO_TAP_MLP_OUT : p->component->tap);
    int32_t head = rec->head;
    struct osso_tap_options o = {.size = sizeof o,
                                 .taps = tap,
                                 .replaces = tap,
                                 .layers = &layer,
                                 .heads = rec->head >= 0 ? &head : NULL,
                                 .n_heads = rec->head >= 0,
                                 .first = rec->position >= 0 ? rec->position : (int64_t)p->first,
                                 .end = (rec->position >= 0 ? rec->position : (int64_t)p->last) + 1,
                                 .fn = patch_put,
                                 .user = run};
    if (p->component->by == BY_KV_HEAD) { /* heads are those of queries there, of attention's taps */
        o.heads = NULL;
        o.n_heads = 0;
    }
    layers_add(&layer, rec->layer);
    run->of = p;
    run->record = f->next++;
    enum osso_status status = osso_session_fork(p->run, &run->session, err);
    if (!status)
        status = osso_session_set_tap(run->session, &o, err);
    if (!status)
        session_enter(run->session, p->run, &p->stream);
    return status;
}

static bool needs_run(const struct patching *p, const struct osso_patch_record *rec)
{
    size_t first = rec->position < 0 ? p->first : (size_t)rec->position;
    return first >= p->from && p->last >= p->from;
}

/* Free forks get the next places that have to be run. */
static enum osso_status fill(struct patching *p, struct forks *f, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    f->n_active = 0;
    for (int i = 0; i < f->n_runs && !status; i++) {
        while (f->next < p->r.n && !needs_run(p, &p->r.records[f->next]))
            f->next++;
        if (!f->runs[i].session && f->next < p->r.n)
            status = begin_run(p, f, &f->runs[i], err);
        if (f->runs[i].session)
            f->active[f->n_active++] = f->runs[i].session;
    }
    return status;
}

static enum osso_status collect(struct patching *p, struct forks *f, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    for (int i = 0; i < f->n_runs && !status; i++) {
        struct patch_run *run = &f->runs[i];
        if (!run->session || !osso_session_ready(run->session))
            continue;
        struct osso_patch_record *rec = &p->r.records[run->record];
        status = read_end(p, run->session, p->n, &rec->difference, &rec->kl, err);
        if (status == OSSO_NUMERIC) { /* what was put in was too large: a finding, not an end */
            rec->difference = rec->kl = NAN;
            p->r.not_finite++;
            status = OSSO_OK;
        }
        double gap = p->r.clean - p->r.corrupted;
        rec->share = (p->mode == PATCH ? rec->difference - p->r.corrupted : p->r.clean - rec->difference) / gap;
        osso_session_free(run->session);
        run->session = NULL;
        f->done++;
    }
    if (!status && p->o.progress && p->o.progress(p->o.user, f->done, p->r.runs))
        status = error_set(err, OSSO_CANCELLED, "ended after %llu of %llu runs", (unsigned long long)f->done,
                           (unsigned long long)p->r.runs);
    return status;
}

static enum osso_status run_places(struct patching *p, struct osso_error *err)
{
    struct forks f = {.n_runs = p->o.sessions > 0 ? p->o.sessions : SESSIONS};
    f.runs = mem_array((size_t)f.n_runs, sizeof *f.runs);
    f.active = mem_array((size_t)f.n_runs, sizeof(*f.active));
    enum osso_status status = f.runs && f.active ? OSSO_OK
                                                 : error_nomem(err, (size_t)f.n_runs * sizeof *f.runs, "the runs");
    if (!status)
        status = fill(p, &f, err);
    while (!status && f.n_active > 0) {
        status = osso_step(p->engine, f.active, f.n_active, 0, err);
        if (!status)
            status = collect(p, &f, err);
        if (!status)
            status = fill(p, &f, err);
    }
    for (int i = 0; f.runs && i < f.n_runs; i++)
        osso_session_free(f.runs[i].session);
    mem_free(f.runs);
    mem_free(f.active);
    return status;
}

/* ---- all ----------------------------------------------------------------------------------------------------------
 */

static void let_go(struct patching *p)
{
    osso_session_free(p->run);
    patch_values_free(p);
    mem_free(p->plain);
    mem_free(p->pair);
    mem_free(p->at);
    mem_free(p->hidden);
}

enum osso_status osso_patch_measure(struct osso_engine *engine, const int32_t *clean, const int32_t *corrupted,
                                    size_t n, const struct osso_patch_options *options, uint64_t *runs_out,
                                    uint64_t *tokens_out, struct osso_error *err)
{
    struct patching p = {.engine = engine, .clean = clean, .corrupted = corrupted, .n_clean = n};
    enum osso_status status = patch_check(&p, options, err);
    if (!status)
        patch_places(&p, NULL);
    *runs_out = status ? 0 : p.r.runs;
    *tokens_out = status ? 0 : p.r.tokens;
    let_go(&p);
    return status;
}

static enum osso_status plan(struct patching *p, struct osso_error *err)
{
    struct osso_patch_plan plan = {.size = sizeof plan, .bytes = patch_values_bytes(p)};
    patch_places(p, NULL);
    p->r.records = mem_array(p->r.n ? p->r.n : 1, sizeof *p->r.records);
    if (!p->r.records)
        return error_nomem(err, p->r.n * sizeof *p->r.records, "the places");
    patch_places(p, p->r.records);
    plan.runs = p->r.runs;
    plan.tokens = p->r.tokens;
    plan.seconds = p->seconds * (double)p->layer_tokens / p->engine->config.n_layers;
    if (p->o.planned && p->o.planned(p->o.user, &plan))
        return error_set(err, OSSO_CANCELLED, "ended before %llu runs", (unsigned long long)p->r.runs);
    return OSSO_OK;
}

enum osso_status osso_patch(struct osso_engine *engine, const int32_t *clean, const int32_t *corrupted, size_t n,
                            const struct osso_patch_options *options, struct osso_patch_result *result,
                            struct osso_error *err)
{
    struct patching p = {.engine = engine, .clean = clean, .corrupted = corrupted, .n_clean = n, .r.size = sizeof p.r};
    enum osso_status status = sized_check(result, "osso_patch_result", err);
    if (!status)
        status = patch_check(&p, options, err);
    if (!status)
        status = run_texts(&p, err);
    if (!status)
        status = patch_values(&p, err);
    if (!status)
        status = plan(&p, err);
    if (!status)
        status = run_places(&p, err);
    let_go(&p);
    if (status)
        mem_free(p.r.records);
    else
        sized_out(result, &p.r, sizeof p.r);
    return status;
}

void osso_patch_free(struct osso_patch_result *result)
{
    mem_free(result->records);
    result->records = NULL;
    result->n = 0;
}
