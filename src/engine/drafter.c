/* drafter.c: guesses for a session, of its own text or of a smaller model. The model's session states the same text by
 * osso_session_sync before it is asked, so whatever became of the other (a rewind, a fork, another prompt, pages that
 * were given back) it reads what it lacks and no more. It chooses as the other will, by a copy of that one's sampler
 * with the same random numbers: models that agree draw the same tokens. */
#include "engine/drafts.h"
#include "engine/engine_parts.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/sized.h"

#include <math.h>

struct osso_drafter {
    struct drafts d;
    struct osso_engine *engine;   /* of the smaller model; NULL: there is none */
    struct osso_session *session; /* of that engine; NULL: not yet */
    bool over;                    /* it failed */
    struct osso_error why;
};

enum osso_status osso_drafter_create(int most, struct osso_engine *model, struct osso_drafter **drafter_out,
                                     struct osso_error *err)
{
    *drafter_out = NULL;
    if (most < 1 || most > DRAFTS_MOST)
        return error_set(err, OSSO_USAGE, "%d guesses a step: give a number from 1 to %d", most, DRAFTS_MOST);
    struct osso_drafter *d = mem_alloc(sizeof *d);
    if (!d)
        return error_nomem(err, sizeof *d, "a drafter");
    d->d.most = most;
    d->engine = model;
    *drafter_out = d;
    return OSSO_OK;
}

void osso_drafter_free(struct osso_drafter *d)
{
    if (!d)
        return;
    osso_session_free(d->session);
    mem_free(d);
}

/* ---- the smaller model ---------------------------------------------------------------------------------- */

/* The first tokens of the text that its session has, too. */
static size_t common(const struct osso_drafter *d, const struct osso_session *s)
{
    const struct osso_session *own = d->session;
    size_t n = 0, most = own && own->salt == s->salt ? own->n : 0;
    most = most < s->n ? most : s->n;
    while (n < most && own->tokens[n] == s->tokens[n])
        n++;
    return n;
}

/* Tokens of the text that it would have to compute: the last one always. */
static size_t missing(const struct osso_drafter *d, const struct osso_session *s)
{
    size_t have = common(d, s);
    if (d->session && d->session->computed < have)
        have = d->session->computed;
    return s->n - (have < s->n ? have : s->n - 1);
}

/* The text that has only grown is appended: sync would plan a replay anew that is going on. */
static enum osso_status state(struct osso_drafter *d, const struct osso_session *s, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    if (d->session->n == s->n || common(d, s) < d->session->n)
        return osso_session_sync(d->session, s->tokens, s->n, err);
    for (size_t i = d->session->n; i < s->n && !status; i++)
        status = osso_session_append(d->session, s->tokens[i], err);
    return status;
}

/* Its session has the text of the other and has read it, or a piece of what it lacks. What shares prefixes there shares
 * them here. */
static enum osso_status follow(struct osso_drafter *d, const struct osso_session *s, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    if (d->session && d->session->salt != s->salt) {
        osso_session_free(d->session);
        d->session = NULL;
    }
    if (!d->session)
        status = osso_session_create(d->engine, s->salt, &d->session, err);
    if (!status)
        status = state(d, s, err);
    return status ? status : osso_step(d->engine, &d->session, 1, drafts_piece(&d->d), err);
}

static enum osso_status say(struct osso_drafter *d, struct osso_sampler *sampler, size_t room, bool *more,
                            struct osso_error *err)
{
    struct osso_choice choice;
    enum osso_status status = osso_sample(sampler, d->session, &choice, NULL, 0, err);
    if (status)
        return status;
    *more = drafts_said(&d->d, choice.id, exp(choice.logprob), room) && d->session->n < (size_t)d->engine->context;
    if (!*more)
        return OSSO_OK;
    status = osso_session_append(d->session, choice.id, err);
    return status ? status : osso_step(d->engine, &d->session, 1, 0, err);
}

/* A mask is the answer's own matter: it may know where that stands. */
static int ask(struct osso_drafter *d, const struct osso_session *s, const struct osso_sampler *sampler, size_t room)
{
    if (s->n > (size_t)d->engine->context || !drafts_ask(&d->d, missing(d, s), room))
        return 0;
    struct osso_sampler own = *sampler;
    own.mask_fn = NULL;
    own.drawing = false;
    size_t lacked = missing(d, s);
    double start = clock_seconds() * 1e3;
    enum osso_status status = follow(d, s, &d->why);
    double read = clock_seconds() * 1e3;
    bool more = !status && osso_session_ready(d->session);
    if (!status && !more) {
        drafts_reads(&d->d, lacked - missing(d, s), read - start);
        return 0;
    }
    while (more && !status)
        status = say(d, &own, room, &more, &d->why);
    if (!status)
        return drafts_asked(&d->d, lacked, read - start, clock_seconds() * 1e3 - read);
    d->over = status != OSSO_CANCELLED; /* that is for the other's step to say */
    d->d.model.g.n = 0;
    return 0;
}

/* ---- guesses -------------------------------------------------------------------------------------------- */

/* A tap sees what is run, and only what is asked for. */
int osso_drafter_guess(struct osso_drafter *d, struct osso_session *s, const struct osso_sampler *sampler, size_t room)
{
    const struct osso_engine *e = s->engine;
    int rows = e->max_rows < e->max_logits ? e->max_rows : e->max_logits;
    room = room < (size_t)rows - 1 ? room : (size_t)rows - 1;
    if (e->tap || s->tap || !session_decodes(s))
        room = 0;
    const int32_t *next = d->d.lookup.next;
    int n = drafts_make(&d->d, s->tokens, s->n, room);
    if (n == 0 && room > 0 && d->engine && !d->over && sampler) {
        n = ask(d, s, sampler, room);
        next = d->d.model.g.next;
    }
    struct osso_error none;
    return osso_session_guess(s, next, (size_t)n, &none) ? 0 : n;
}

void osso_drafter_took(struct osso_drafter *d, double ms)
{
    drafts_took(&d->d, ms);
}

void osso_drafter_came(struct osso_drafter *d, int32_t id)
{
    drafts_came(&d->d, id);
}

void osso_drafter_counts(const struct osso_drafter *d, struct osso_drafter_counts *out)
{
    const struct guesses *lookup = &d->d.lookup, *model = &d->d.model.g;
    struct osso_drafter_counts c = {.n_made = lookup->n_made + model->n_made,
                                    .n_came = lookup->n_came + model->n_came,
                                    .n_model = model->n_made,
                                    .n_model_came = model->n_came,
                                    .n_model_read = d->engine ? d->engine->stats.tokens_computed : 0,
                                    .why_none = d->over ? d->why.text : NULL};
    sized_out(out, &c, sizeof c);
}
