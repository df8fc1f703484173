/* score.c: sessions over one engine, each with a text; after every step the rows that have logits are read by the
 * engine's team, then added up in the order of their positions. */
#include "eval/score.h"

#include "base/error.h"
#include "base/mem.h"
#include "engine/engine_parts.h"

#include <math.h>
#include <string.h>

struct slot {
    struct osso_session *session;
    struct score_request *request; /* NULL: free; those behind it by `same` are fed the same ids */
    size_t pos;                    /* the next position whose logits are read */
    struct osso_sampler *sampler;  /* of a generation whose tokens are drawn */
};

struct scoring {
    struct osso_engine *engine;
    const struct score_source *source;
    struct slot *slots;
    struct osso_session **active; /* sessions of the slots in work, in their order */
    struct slot **owners;         /* [rows] whose row it is */
    struct score_row *rows;       /* [rows] those of one step */
    struct score_request *held;   /* asked for and not yet in a slot */
    int n_slots, n_active, n_rows, room;
    bool at_end;
};

/* ---- rows ----------------------------------------------------------------------------------------------- */

static void read_member(const struct member *member, void *arg)
{
    struct scoring *s = arg;
    struct deal deal = member_deal(member);
    for (int64_t i; (i = member_claim(member, &deal, s->n_rows)) >= 0;)
        score_row_read(s->engine->backend, s->engine->config.vocab, &s->rows[i]);
}

/* Lists the rows that the step gave, in the order of slots and positions, and reads them. */
static enum osso_status read_rows(struct scoring *s, struct osso_error *err)
{
    s->n_rows = 0;
    for (int i = 0; i < s->n_slots; i++) {
        struct slot *slot = &s->slots[i];
        if (!slot->request)
            continue;
        size_t ready = osso_session_computed(slot->session);
        if (slot->pos >= ready && osso_session_ready(slot->session)) /* it would be asked for ever */
            return error_set(err, OSSO_USAGE, "a text of %zu tokens has none to score from token %zu on",
                             slot->request->ids.len, slot->request->from);
        for (size_t pos = slot->pos; pos < ready; pos++) {
            const float *logits = osso_session_logits(slot->session, pos);
            if (!logits || s->n_rows == s->room)
                return error_set(err, OSSO_LIMIT, "the engine has no logits of position %zu", pos);
            s->owners[s->n_rows] = slot;
            s->rows[s->n_rows++] = (struct score_row){.logits = logits};
        }
    }
    if (s->n_rows > 0)
        team_run(s->engine->team, read_member, s);
    return OSSO_OK;
}

/* ---- a text's way through a slot ---------------------------------------------------------------------------- */

static enum osso_status ask(struct scoring *s, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    if (!s->held && !s->at_end) {
        status = s->source->next(s->source->user, &s->held, err);
        s->at_end = !status && !s->held;
    }
    return status;
}

/* Are both fed the same ids, and read from the same position on? */
static bool fed_the_same(const struct score_request *a, const struct score_request *b)
{
    return a->max_new == 0 && b->max_new == 0 && !a->counts && !b->counts && a->from == b->from &&
           a->ids.len == b->ids.len && memcmp(a->ids.data, b->ids.data, (a->ids.len - 1) * sizeof *a->ids.data) == 0;
}

/* What draws a generation's tokens: of its own seed, so that company changes nothing. */
static enum osso_status make_sampler(const struct scoring *s, struct slot *slot, struct osso_error *err)
{
    const struct score_request *r = slot->request;
    struct osso_sampling sampling = {.size = sizeof sampling};
    if (r->max_new == 0 || !r->sampling)
        return OSSO_OK;
    sampling = *r->sampling;
    sampling.seed = r->seed;
    return osso_sampler_create(&sampling, s->engine->config.vocab, &slot->sampler, err);
}

static enum osso_status load(struct scoring *s, struct slot *slot, struct osso_error *err)
{
    struct score_request *last = slot->request = s->held, *r = slot->request;
    s->held = NULL;
    for (enum osso_status status; r->max_new == 0;) {
        if ((status = ask(s, err)))
            return status;
        if (!s->held || !fed_the_same(r, s->held))
            break;
        last = last->same = s->held;
        s->held = NULL;
    }
    for (struct score_request *each = r; each; each = each->same) {
        each->ll = 0;
        each->greedy = true;
        each->status = OSSO_OK;
    }
    size_t n = r->max_new > 0 ? r->ids.len : r->ids.len - 1;
    slot->pos = r->max_new > 0 ? n - 1 : r->from - 1;
    enum osso_status status = osso_session_sync(slot->session, r->ids.data, n, err);
    if (!status)
        osso_session_want_logits(slot->session, slot->pos);
    return status ? status : make_sampler(s, slot, err);
}

static enum osso_status fill(struct scoring *s, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    s->n_active = 0;
    for (int i = 0; i < s->n_slots && !status; i++) {
        struct slot *slot = &s->slots[i];
        if (!slot->request && !(status = ask(s, err)) && s->held)
            status = load(s, slot, err);
        if (slot->request)
            s->active[s->n_active++] = slot->session;
    }
    return status;
}

/* All requests of a slot go back to where they came from. */
static enum osso_status finish(struct scoring *s, struct slot *slot, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    osso_sampler_free(slot->sampler);
    slot->sampler = NULL;
    while (slot->request && !status) {
        struct score_request *r = slot->request;
        slot->request = r->same;
        r->same = NULL;
        status = s->source->done(s->source->user, r, err);
    }
    return status;
}

/* Logits that are no numbers end this text and no other. */
static enum osso_status no_number(struct scoring *s, struct slot *slot, struct osso_error *err)
{
    struct osso_error why = {""};
    enum osso_status status = osso_session_check_logits(slot->session, slot->pos, &why);
    for (struct score_request *r = slot->request; r; r = r->same) {
        r->status = OSSO_NUMERIC;
        r->why = why;
        if (!status)
            error_set(&r->why, OSSO_NUMERIC, "the logits of position %zu are no numbers", slot->pos);
    }
    return finish(s, slot, err);
}

static enum osso_status generated(struct scoring *s, struct slot *slot, const struct score_row *row,
                                  struct osso_error *err)
{
    struct score_request *r = slot->request;
    struct osso_choice choice = {.id = row->best};
    enum osso_status status = OSSO_OK;
    if (slot->sampler)
        status = osso_sample(slot->sampler, slot->session, &choice, NULL, 0, err);
    if (!status)
        status = osso_ids_push(&r->ids, choice.id, err);
    r->max_new--;
    if (status)
        return status;
    if (r->max_new == 0 || s->source->ends(s->source->user, r) || (int64_t)r->ids.len > osso_engine_context(s->engine))
        return finish(s, slot, err);
    slot->pos++;
    return osso_session_append(slot->session, choice.id, err);
}

/* What the step's rows say, in order. */
static enum osso_status add_rows(struct scoring *s, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    for (int i = 0; i < s->n_rows && !status; i++) {
        const struct score_row *row = &s->rows[i];
        struct slot *slot = s->owners[i];
        struct score_request *r = slot->request;
        if (!r) /* ended by a row before */
            continue;
        if (!isfinite(row->log_sum))
            status = no_number(s, slot, err);
        else if (r->max_new > 0)
            status = generated(s, slot, row, err);
        else {
            for (; r; r = r->same) {
                int32_t id = r->ids.data[slot->pos + 1];
                if (r->counts && !r->counts[slot->pos + 1])
                    continue;
                r->ll += (double)row->logits[id] - (double)row->max - row->log_sum;
                r->greedy = r->greedy && id == row->best;
            }
            if (++slot->pos + 1 == slot->request->ids.len)
                status = finish(s, slot, err);
        }
    }
    return status;
}

/* ---- a run ---------------------------------------------------------------------------------------------- */

static enum osso_status begin(struct scoring *s, struct osso_error *err)
{
    s->room = s->engine->max_logits;
    s->slots = mem_array((size_t)s->n_slots, sizeof *s->slots);
    s->active = mem_array((size_t)s->n_slots, sizeof(*s->active));
    s->owners = mem_array((size_t)s->room, sizeof(*s->owners));
    s->rows = mem_array((size_t)s->room, sizeof *s->rows);
    if (!s->slots || !s->active || !s->owners || !s->rows)
        return error_nomem(err, (unsigned long long)s->room * sizeof *s->rows, "scoring");
    enum osso_status status = OSSO_OK;
    for (int i = 0; i < s->n_slots && !status; i++)
        status = osso_session_create(s->engine, 0, &s->slots[i].session, err);
    return status;
}

static void end(struct scoring *s)
{
    for (int i = 0; i < s->n_slots && s->slots; i++) {
        while (s->slots[i].request) {
            struct score_request *r = s->slots[i].request;
            s->slots[i].request = r->same;
            s->source->drop(s->source->user, r);
        }
        osso_sampler_free(s->slots[i].sampler);
        osso_session_free(s->slots[i].session);
    }
    if (s->held)
        s->source->drop(s->source->user, s->held);
    mem_free(s->slots);
    mem_free(s->active);
    mem_free(s->owners);
    mem_free(s->rows);
}

enum osso_status score_run(struct osso_engine *engine, int n_sessions, const struct score_source *source,
                           struct osso_error *err)
{
    struct scoring s = {.engine = engine, .source = source, .n_slots = n_sessions};
    enum osso_status status = begin(&s, err);
    if (!status)
        status = fill(&s, err);
    while (!status && s.n_active > 0) {
        status = osso_step(engine, s.active, s.n_active, 0, err);
        if (!status)
            status = read_rows(&s, err);
        if (!status)
            status = add_rows(&s, err);
        if (!status)
            status = fill(&s, err);
    }
    end(&s);
    return status;
}
