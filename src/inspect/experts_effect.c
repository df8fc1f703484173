/* experts_effect.c: what a text's distributions are without one expert: forks of the plain run, each with the weight of
 * one expert at 0 from the first token on that chose it. */
#include "inspect/experts_parts.h"

#include "base/error.h"
#include "base/mem.h"
#include "engine/score_row.h"
#include "inspect/one_text.h"
#include "inspect/stream.h"
#include "model/layers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SESSIONS = 16 };

/* One expert off. */
struct off_run {
    struct experts *of;
    struct osso_session *session; /* NULL: free */
    struct osso_expert_effect *effect;
    size_t pos; /* the next position whose logits are read */
    bool lost;  /* some were not finite */
};

/* A row of a step: what the plain run said there, and what this one says. */
struct off_row {
    struct off_run *run;
    size_t row;
    struct score_row plain, now;
    double kl;
};

struct effects {
    struct experts *x;
    struct osso_expert_effect *table; /* [layers][experts]; layer -1: nobody chose it, or it is not wanted */
    float *logits;                    /* [rows of the longest text][vocab] of the plain run */
    struct score_row *plain;          /* [rows of the longest text] */
    struct off_run *runs;
    struct osso_session **active, *base;
    struct stream stream; /* of the base, where forks begin */
    struct off_row *rows; /* [the engine's logit rows] */
    int n_runs, n_active, n_rows;
    size_t last, next; /* the last position that counts; the next place of the table */
    struct osso_experts_plan plan;
    uint64_t done;
};

/* ---- what is to be done --------------------------------------------------------------------------------------------
 */

static bool wanted(const struct experts *x, int expert)
{
    bool in = x->o.n_experts == 0;
    for (size_t i = 0; i < x->o.n_experts && !in; i++)
        in = x->o.experts[i] == expert;
    return in;
}

/* The position from which a text's run without this expert differs; -1: it does not, where it counts. */
static int64_t begins(const struct effects *f, size_t place)
{
    const struct experts *x = f->x;
    int64_t first = x->first[x->text * expert_place(x, x->r.n_layers, 0) + place];
    return first >= 0 && first <= (int64_t)f->last && f->table[place].layer >= 0 ? first : -1;
}

static void make_plan(struct effects *f)
{
    struct experts *x = f->x;
    size_t places = expert_place(x, x->r.n_layers, 0);
    double layer_tokens = 0; /* each token in each layer that it goes through */
    x->base = 0;
    for (size_t i = 0; i < places; i++) {
        int layer = (int)(i / (size_t)x->r.n_experts), expert = (int)(i % (size_t)x->r.n_experts);
        bool chosen = false;
        for (size_t t = 0; t < x->o.n_texts; t++)
            chosen = chosen || x->first[t * places + i] >= 0;
        f->table[i].layer = chosen && wanted(x, expert) ? layer : -1;
        f->table[i].expert = expert;
    }
    for (x->text = 0; x->text < x->o.n_texts; x->text++) {
        experts_rows(x, x->text, &f->last);
        for (size_t i = 0; i < places; i++)
            if (begins(f, i) >= 0) {
                uint64_t tokens = x->o.lengths[x->text] - (uint64_t)begins(f, i);
                f->plan.runs++;
                f->plan.tokens += tokens;
                layer_tokens += (double)tokens * (x->r.n_layers - f->table[i].layer);
            }
    }
    f->plan.seconds = x->seconds * layer_tokens / x->r.n_layers / (double)x->text_tokens;
}

/* Of one text: the plain run's logits and residual stream. */
static enum osso_status check_room(const struct experts *x, size_t rows, size_t longest, struct osso_error *err)
{
    struct stream stream = stream_of(x->engine, &x->layers, 0, longest);
    uint64_t most = one_text_most(x->o.max_bytes);
    uint64_t bytes = (uint64_t)rows * (uint64_t)x->engine->config.vocab * sizeof(float) + stream_bytes(&stream);
    if (bytes <= most)
        return OSSO_OK;
    return error_set(err, OSSO_LIMIT,
                     "%llu bytes of logits and of the residual stream would have to be kept, more than %llu bytes: ask "
                     "for fewer positions or layers, or a shorter text",
                     (unsigned long long)bytes, (unsigned long long)most);
}

static enum osso_status make_room(struct effects *f, struct osso_error *err)
{
    struct experts *x = f->x;
    size_t vocab = (size_t)x->engine->config.vocab, most = 0, longest = 0, last;
    for (size_t t = 0; t < x->o.n_texts; t++) {
        size_t n = experts_rows(x, t, &last);
        most = n > most ? n : most;
        longest = x->o.lengths[t] > longest ? x->o.lengths[t] : longest;
    }
    enum osso_status status = check_room(x, most, longest, err);
    if (status)
        return status;
    f->n_runs = x->o.sessions > 0 ? x->o.sessions : SESSIONS;
    f->table = mem_array(expert_place(x, x->r.n_layers, 0), sizeof *f->table);
    f->logits = mem_array(most, vocab * sizeof *f->logits);
    f->plain = mem_array(most, sizeof *f->plain);
    f->runs = mem_array((size_t)f->n_runs, sizeof *f->runs);
    f->active = mem_array((size_t)f->n_runs, sizeof(*f->active));
    f->rows = mem_array((size_t)x->engine->max_logits, sizeof *f->rows);
    if (!f->table || !f->logits || !f->plain || !f->runs || !f->active || !f->rows)
        return error_nomem(err, most * vocab * sizeof *f->logits, "a text's logits: --positions takes fewer of them");
    return OSSO_OK;
}

/* ---- the plain run --------------------------------------------------------------------------------------------------
 */

static enum osso_status run_plain(struct effects *f, size_t first, struct osso_error *err)
{
    struct experts *x = f->x;
    size_t vocab = (size_t)x->engine->config.vocab, pos = first;
    enum osso_status status = osso_session_create(x->engine, 0, &f->base, err);
    if (!status)
        status = osso_session_sync(f->base, x->o.texts[x->text], x->o.lengths[x->text], err);
    if (!status)
        osso_session_want_logits(f->base, first);
    while (!status && !osso_session_ready(f->base)) {
        status = osso_step(x->engine, &f->base, 1, 0, err);
        for (; !status && pos < osso_session_computed(f->base); pos++) {
            if (x->row_of[pos] < 0)
                continue;
            size_t row = (size_t)x->row_of[pos] - x->base;
            status = osso_session_check_logits(f->base, pos, err);
            if (status)
                break;
            memcpy(f->logits + row * vocab, osso_session_logits(f->base, pos), vocab * sizeof *f->logits);
            f->plain[row].logits = f->logits + row * vocab;
            score_row_read(x->engine->backend, (int64_t)vocab, &f->plain[row]);
        }
    }
    return status;
}

/* What enters the layers, from where the first fork of this text begins. */
static enum osso_status keep_stream(struct effects *f, struct osso_error *err)
{
    struct experts *x = f->x;
    size_t n = x->o.lengths[x->text], first = n;
    struct osso_layers layers = {{0}};
    for (size_t i = 0; i < expert_place(x, x->r.n_layers, 0); i++) {
        int64_t begin = begins(f, i);
        if (begin < 0)
            continue;
        layers_add(&layers, f->table[i].layer);
        first = (size_t)begin < first ? (size_t)begin : first;
    }
    f->stream = stream_of(x->engine, &layers, first, n);
    return stream_keep(x->engine, x->o.texts[x->text], &f->stream, err);
}

/* ---- one off --------------------------------------------------------------------------------------------------------
 */

static int switch_off(void *user, const struct osso_tap_value *v)
{
    const struct off_run *run = user;
    for (int64_t i = 0; i < v->n_rows * v->width; i++)
        if (v->experts[i] == run->effect->expert)
            v->values[i] = 0;
    return 0;
}

static enum osso_status begin_run(struct effects *f, struct off_run *run, size_t place, struct osso_error *err)
{
    struct osso_layers layer = {{0}};
    int64_t first = begins(f, place);
    struct osso_tap_options tap = {.size = sizeof tap,
                                   .taps = (uint64_t)1 << OSSO_TAP_EXPERT_WEIGHTS,
                                   .replaces = (uint64_t)1 << OSSO_TAP_EXPERT_WEIGHTS,
                                   .layers = &layer,
                                   .first = first,
                                   .fn = switch_off,
                                   .user = run};
    run->of = f->x;
    run->lost = false;
    run->effect = &f->table[place];
    layers_add(&layer, run->effect->layer);
    enum osso_status status = osso_session_fork(f->base, &run->session, err);
    if (!status)
        status = osso_session_set_tap(run->session, &tap, err);
    if (!status) { /* the plain run's first row that counts may come later */
        run->pos = (size_t)first;
        while (f->x->row_of[run->pos] < 0)
            run->pos++;
        osso_session_want_logits(run->session, run->pos);
        session_enter(run->session, f->base, &f->stream);
    }
    return status;
}

static enum osso_status fill(struct effects *f, struct osso_error *err)
{
    size_t places = expert_place(f->x, f->x->r.n_layers, 0);
    enum osso_status status = OSSO_OK;
    f->n_active = 0;
    for (int i = 0; i < f->n_runs && !status; i++) {
        while (f->next < places && begins(f, f->next) < 0)
            f->next++;
        if (!f->runs[i].session && f->next < places)
            status = begin_run(f, &f->runs[i], f->next++, err);
        if (f->runs[i].session)
            f->active[f->n_active++] = f->runs[i].session;
    }
    return status;
}

static void compare_member(const struct member *member, void *arg)
{
    struct effects *f = arg;
    const struct osso_engine *e = f->x->engine;
    struct deal deal = member_deal(member);
    for (int64_t i; (i = member_claim(member, &deal, f->n_rows)) >= 0;) {
        struct off_row *row = &f->rows[i];
        score_row_read(e->backend, e->config.vocab, &row->now);
        row->kl = score_row_divergence(e->backend, e->config.vocab, &row->plain, &row->now);
    }
}

/* The rows that this step gave, in the order of runs and positions. */
static void list_rows(struct effects *f)
{
    const struct experts *x = f->x;
    f->n_rows = 0;
    for (int i = 0; i < f->n_runs; i++) {
        struct off_run *run = &f->runs[i];
        for (; run->session && run->pos < osso_session_computed(run->session); run->pos++) {
            int64_t row = x->row_of[run->pos];
            if (row >= 0)
                f->rows[f->n_rows++] = (struct off_row){.run = run,
                                                        .row = (size_t)row,
                                                        .plain = f->plain[(size_t)row - x->base],
                                                        .now = {.logits = osso_session_logits(run->session, run->pos)}};
        }
    }
}

/* What is left without this expert was too large: a finding, not an end. */
static void note_lost(struct experts *x, struct off_run *run, size_t row)
{
    struct osso_expert_effect *e = run->effect;
    x->r.not_finite += !run->lost;
    run->lost = true;
    e->row = isnan(e->kl) ? e->row : row;
    e->kl = e->most = NAN;
}

static void note_row(struct experts *x, const struct off_row *row)
{
    struct osso_expert_effect *e = row->run->effect;
    if (!isfinite(row->now.log_sum)) {
        note_lost(x, row->run, row->row);
        return;
    }
    e->kl += row->kl / (double)x->r.rows; /* one that was lost stays so */
    e->changed += row->plain.best != row->now.best;
    if (row->kl > e->most)
        e->most = row->kl, e->row = row->row;
}

static enum osso_status collect(struct effects *f, struct osso_error *err)
{
    struct experts *x = f->x;
    list_rows(f);
    if (f->n_rows > 0)
        team_run(x->engine->team, compare_member, f);
    for (int i = 0; i < f->n_rows; i++)
        note_row(x, &f->rows[i]);
    for (int i = 0; i < f->n_runs; i++)
        if (f->runs[i].session && osso_session_ready(f->runs[i].session)) {
            f->done += x->o.lengths[x->text] - (uint64_t)begins(f, (size_t)(f->runs[i].effect - f->table));
            osso_session_free(f->runs[i].session);
            f->runs[i].session = NULL;
        }
    if (x->o.progress && x->o.progress(x->o.user, f->done, f->plan.tokens))
        return error_set(err, OSSO_CANCELLED, "ended after %llu of %llu tokens", (unsigned long long)f->done,
                         (unsigned long long)f->plan.tokens);
    return OSSO_OK;
}

static enum osso_status run_text(struct effects *f, struct osso_error *err)
{
    struct experts *x = f->x;
    size_t rows = experts_rows(x, x->text, &f->last), first = 0;
    while (x->row_of[first] < 0)
        first++;
    f->next = 0;
    enum osso_status status = run_plain(f, first, err);
    if (!status)
        status = keep_stream(f, err);
    if (!status)
        status = fill(f, err);
    while (!status && f->n_active > 0) {
        status = osso_step(x->engine, f->active, f->n_active, 0, err);
        if (!status)
            status = collect(f, err);
        if (!status)
            status = fill(f, err);
    }
    for (int i = 0; i < f->n_runs; i++) {
        osso_session_free(f->runs[i].session);
        f->runs[i].session = NULL;
    }
    osso_session_free(f->base);
    f->base = NULL;
    stream_free(&f->stream);
    x->base += rows;
    return status;
}

/* ---- all
 * -------------------------------------------------------------------------------------------------------------- */

/* Those without a number come last. */
static int by_kl(const void *a, const void *b)
{
    const struct osso_expert_effect *x = a, *y = b;
    double s = isnan(x->kl) ? -1 : x->kl, t = isnan(y->kl) ? -1 : y->kl;
    if (s != t)
        return s < t ? 1 : -1;
    return x->layer != y->layer ? x->layer - y->layer : x->expert - y->expert;
}

static void give(struct effects *f)
{
    struct osso_experts_result *r = &f->x->r;
    size_t places = expert_place(f->x, r->n_layers, 0);
    for (size_t i = 0; i < places; i++)
        if (f->table[i].layer >= 0)
            f->table[r->n_effects++] = f->table[i];
    qsort(f->table, r->n_effects, sizeof *f->table, by_kl);
    r->effects = f->table;
    f->table = NULL;
    r->runs = f->plan.runs;
    r->tokens = f->plan.tokens;
}

enum osso_status experts_effects(struct experts *x, struct osso_error *err)
{
    struct effects f = {.x = x, .plan.size = sizeof f.plan};
    enum osso_status status = make_room(&f, err);
    if (!status) {
        make_plan(&f);
        if (x->o.planned && x->o.planned(x->o.user, &f.plan))
            status = error_set(err, OSSO_CANCELLED, "ended before %llu runs", (unsigned long long)f.plan.runs);
    }
    x->base = 0;
    for (x->text = 0; x->text < x->o.n_texts && !status; x->text++)
        status = run_text(&f, err);
    if (!status)
        give(&f);
    mem_free(f.table);
    mem_free(f.logits);
    mem_free(f.plain);
    mem_free(f.runs);
    mem_free(f.active);
    mem_free(f.rows);
    return status;
}
