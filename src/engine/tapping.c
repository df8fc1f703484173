/* tapping.c: taps of sessions, and of the engine: who has one, what must be kept for them, who looks at which rows of a
 * step. */
#include "engine/engine_parts.h"

#include "base/error.h"

/* ---- room ------------------------------------------------------------------------------------------------------- */

/* What all taps need together, once session s had this one. */
static struct keep_room room_with(const struct osso_engine *e, const struct osso_session *s, const struct tap_spec *tap)
{
    struct keep_room room = {0};
    size_t most = (size_t)e->max_rows * (size_t)e->config.n_heads * (size_t)e->context;
    for (const struct osso_session *t = e->n_taps ? e->sessions : NULL; t; t = t->older)
        if (t != s && t->tap)
            tap_room_add(&room, &t->tap->room);
    if (tap)
        tap_room_add(&room, &tap->room);
    room.attention = room.attention < most ? room.attention : most;
    return room;
}

static bool fits(const struct keep_room *have, const struct keep_room *need)
{
    return !(need->keep & ~have->keep) && need->wanted <= have->wanted && need->attention <= have->attention;
}

/* Memory is given back when nobody has a tap any more, and not before: forks come and go. */
static enum osso_status make_room(struct osso_engine *e, const struct keep_room *need, bool last,
                                  struct osso_error *err)
{
    if (fits(&e->kept_room, need) && !last)
        return OSSO_OK;
    enum osso_status status = activations_keep(&e->forward.acts, &e->config, need, err);
    if (status)
        return status;
    e->kept_room = *need;
    e->forward.taps.wanted = e->forward.acts.wanted;
    return OSSO_OK;
}

static void let_go(struct osso_session *s)
{
    if (s->tap && s->tap->hold)
        s->tap->hold(s->tap->user, -1);
    tap_spec_free(s->tap);
    s->tap = NULL;
}

static void take_away(struct osso_session *s)
{
    struct osso_error ignored;
    struct keep_room none = {0};
    if (!s->tap)
        return;
    let_go(s);
    if (--s->engine->n_taps == 0)
        make_room(s->engine, &none, true, &ignored); /* nothing is allocated for nothing */
}

static enum osso_status give(struct osso_session *s, struct tap_spec *tap, struct osso_error *err)
{
    struct keep_room need = room_with(s->engine, s, tap);
    enum osso_status status = make_room(s->engine, &need, false, err);
    if (status) {
        tap_spec_free(tap);
        return status;
    }
    if (tap->hold) /* before the old one goes: it may have the same user */
        tap->hold(tap->user, 1);
    s->engine->n_taps += !s->tap;
    let_go(s);
    s->tap = tap;
    tap->session = s;
    return OSSO_OK;
}

/* ---- setting ---------------------------------------------------------------------------------------------------- */

static enum osso_status spec_of(const struct osso_engine *e, const struct osso_tap_options *o, struct tap_spec **spec,
                                struct osso_error *err)
{
    *spec = NULL;
    if (!o)
        return OSSO_OK;
    if (!e->model)
        return error_set(err, OSSO_USAGE, "a tap on a scripted engine: it computes no values that could be shown");
    return tap_spec_create(&e->config, o, e->max_rows, e->context, spec, err);
}

enum osso_status osso_session_set_tap(struct osso_session *s, const struct osso_tap_options *options,
                                      struct osso_error *err)
{
    struct tap_spec *tap;
    struct osso_engine *e = s->engine;
    if (e->in_run)
        return error_set(err, OSSO_USAGE, "a tap cannot be set from within a tap");
    if (e->tap && options)
        return error_set(err, OSSO_USAGE, "the engine has a tap: osso_engine_set_tap with taps 0 takes it away");
    enum osso_status status = spec_of(e, options, &tap, err);
    if (status)
        return status;
    s->stream = NULL;
    size_t from = tap && (size_t)tap->first < s->made_from ? (size_t)tap->first : s->made_from;
    if (from < s->computed) {
        session_leave(s);
        session_set_computed(s, from);
    }
    if (tap)
        return give(s, tap, err);
    take_away(s);
    return OSSO_OK;
}

enum osso_status osso_session_tap_bytes(const struct osso_session *s, const struct osso_tap_options *options,
                                        uint64_t *bytes_out, struct osso_error *err)
{
    struct tap_spec *tap;
    const struct osso_engine *e = s->engine;
    *bytes_out = 0;
    enum osso_status status = spec_of(e, options, &tap, err);
    if (tap)
        *bytes_out = activations_keep_bytes(&e->forward.acts, &e->config, &tap->room);
    tap_spec_free(tap);
    return status;
}

enum osso_status tapping_fork(struct osso_session *fork, const struct osso_session *from, struct osso_error *err)
{
    if (!from->tap)
        return OSSO_OK;
    struct tap_spec *tap = tap_spec_copy(from->tap, &from->engine->config);
    return tap ? give(fork, tap, err) : error_nomem(err, sizeof *tap, "a fork's tap");
}

void tapping_leave(struct osso_session *s)
{
    take_away(s);
}

/* Everything that it is shown it may replace, but for what would have to be computed again. */
static uint64_t writable(uint64_t taps)
{
    uint64_t set = 0;
    for (int i = 0; i < OSSO_TAP_COUNT; i++)
        if ((taps >> i & 1) && tap_table[i].access == WRITABLE && tap_table[i].keep != KEEP_PATTERN &&
            tap_table[i].keep != KEEP_SCORES)
            set |= (uint64_t)1 << i;
    return set;
}

enum osso_status osso_engine_set_tap(struct osso_engine *e, uint64_t taps, const struct osso_layers *layers,
                                     osso_tap_fn *fn, void *user, struct osso_error *err)
{
    struct osso_tap_options o = {
        .size = sizeof o, .taps = taps, .replaces = writable(taps), .layers = layers, .fn = fn, .user = user};
    struct tap_spec *tap;
    if (e->in_run)
        return error_set(err, OSSO_USAGE, "a tap cannot be set from within a tap");
    if (e->n_taps && taps)
        return error_set(err, OSSO_USAGE, "%d sessions have taps of their own: take them away first", e->n_taps);
    enum osso_status status = tap_spec_create(&e->config, &o, e->max_rows, e->context, &tap, err);
    struct keep_room need = {0};
    if (tap)
        need = tap->room;
    if (!status && e->n_taps == 0)
        status = make_room(e, &need, true, err);
    if (status) {
        tap_spec_free(tap);
        return status;
    }
    tap_spec_free(e->tap);
    e->tap = tap;
    return OSSO_OK;
}

/* ---- a step ----------------------------------------------------------------------------------------------------- */

/* Of `n` rows from position pos on, those that a tap sees: [*first, *end). */
static void seen(const struct tap_spec *tap, int64_t pos, int n, int *first, int *end)
{
    int64_t lo = tap->first > pos ? tap->first - pos : 0, hi = tap->end - pos;
    *end = hi < 0 ? 0 : hi < n ? (int)hi : n;
    *first = lo < *end ? (int)lo : *end;
}

/* What one session's tap sees of its rows, which begin with row `row`. *at: where attention's values begin. */
static void look_at(struct osso_engine *e, int seq, int row, struct tap_look *look, int64_t *at)
{
    const struct osso_session *s = e->in_step[seq];
    *look = (struct tap_look){.spec = s->tap, .seq = seq};
    seen(s->tap, e->pos[row], e->take[seq], &look->first, &look->end);
    if (s->logits_n > 0)
        seen(s->tap, (int64_t)s->logits_pos, (int)s->logits_n, &look->first_logits, &look->end_logits);
    look->first += row;
    look->end += row;
    look->first_logits += s->logits_row;
    look->end_logits += s->logits_row;
    if (look->end == look->first || !tap_spec_attends(s->tap))
        return;
    struct attend_want *w = &e->wants[seq];
    *w = (struct attend_want){.first = look->first,
                              .end = look->end,
                              .n_slots = s->tap->n_heads,
                              .slot = s->tap->slot,
                              .n_keys = (int64_t)e->pos[look->end - 1] + 1,
                              .at = *at};
    *at += (w->end - w->first) * w->n_slots * w->n_keys;
}

void tapping_begin(struct osso_engine *e, int n_seqs)
{
    struct taps *t = &e->forward.taps;
    int n = 0, row = 0;
    int64_t at = 0;
    if (e->tap)
        e->looks[n++] = (struct tap_look){.spec = e->tap, .end = t->rows.n, .end_logits = t->rows.n_logits, .seq = -1};
    for (int i = 0; i < n_seqs && e->n_taps; row += e->take[i++]) {
        e->wants[i] = (struct attend_want){0};
        if (e->in_step[i]->tap)
            look_at(e, i, row, &e->looks[n++], &at);
    }
    taps_set(t, e->looks, n, e->n_taps ? e->wants : NULL /* of no rows, where a tap sees none of this step */,
             e->config.n_layers);
}
