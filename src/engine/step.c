/* step.c: one step: choose rows, make their pages writable, run the forward pass once, hand out logits.
 * Nothing here allocates. */
#include "engine/engine_parts.h"

#include "base/error.h"
#include "base/must.h"

/* Guesses go with a token that must be run. */
static size_t pending(const struct osso_session *s)
{
    return s->n > s->next ? s->n + s->guessed - s->next : 0;
}

static bool wants_logits(const struct osso_session *s, size_t pos)
{
    return pos >= s->computed && (pos >= s->logits_from || pos + 1 >= s->n);
}

bool session_own(struct osso_session *s, enum kv_group_id g, int slot)
{
    while (!kv_seq_own(&s->engine->kv, &s->kv, g, slot))
        if (!prefix_evict(&s->engine->tree))
            return false;
    return true;
}

/* A page for every position of rows [from, to), private to the session where it will be written. */
static bool reserve(struct osso_session *s, size_t from, size_t to)
{
    for (size_t slot = from / KV_PAGE; slot <= (to - 1) / KV_PAGE; slot++) {
        bool writes_full = (slot + 1) * KV_PAGE > s->computed; /* replayed rows write sliding layers only */
        if ((writes_full && !session_own(s, KV_FULL, (int)slot)) || !session_own(s, KV_SLIDING, (int)slot))
            return false;
    }
    return true;
}

/* Adds up to `room` rows of a session to the step; returns how many. */
static int add_rows(struct osso_engine *e, struct osso_session *s, int index, int room)
{
    struct batch *b = &e->forward.batch;
    int n = 0, first_logits = b->n_logits, logits = b->n_logits;
    size_t want = pending(s);
    while (n < room && (size_t)n < want) {
        bool wants = wants_logits(s, s->next + (size_t)n);
        if (wants && logits == e->max_logits)
            break;
        logits += wants;
        n++;
    }
    while (n > 0 && !reserve(s, s->next, s->next + (size_t)n)) /* fewer rows may do with the pages there are */
        n /= 2;
    s->logits_n = 0;
    must(b->n + n <= e->max_rows && logits <= e->max_logits);
    for (int i = 0; i < n; i++) {
        size_t pos = s->next + (size_t)i;
        int row = b->n++;
        e->token[row] = s->tokens[pos];
        e->pos[row] = (int32_t)pos;
        e->seq[row] = index;
        e->keep[row] = pos < s->computed;
        e->users[row] = s->user;
        rope_angles(&e->rope, (int32_t)pos, e->angles + (size_t)row * (size_t)e->config.head_dim);
        if (!wants_logits(s, pos))
            continue;
        if (s->logits_n++ == 0)
            s->logits_pos = pos;
        e->logit_pos[b->n_logits] = (int32_t)pos;
        e->logit_users[b->n_logits] = s->user;
        e->logit_token[b->n_logits] = s->tokens[pos];
        e->logit_rows[b->n_logits++] = row;
    }
    s->logits_row = first_logits;
    s->logits_step = e->step_count;
    return n;
}

/* Gives completed pages to the tree of shared prefixes. Where it has the same page already, that one is taken: the bits
 * are equal, and one copy is enough. */
static void share_pages(struct osso_session *s)
{
    struct osso_engine *e = s->engine;
    size_t shared = session_shared(s);
    int complete = (int)((s->computed < shared ? s->computed : shared) / KV_PAGE), i = complete;
    while (i > 0 && s->nodes[i - 1] < 0)
        i--;
    for (; i < complete; i++) {
        bool sliding_ok = s->slide_from <= (int64_t)i * KV_PAGE;
        int32_t node = prefix_add(&e->tree, i > 0 ? s->nodes[i - 1] : -1, s->salt, s->tokens + (size_t)i * KV_PAGE,
                                  KV_PAGE, s->kv.page[KV_FULL][i], sliding_ok ? s->kv.page[KV_SLIDING][i] : -1);
        s->nodes[i] = node;
        int32_t page = e->tree.nodes[node].full;
        if (page != s->kv.page[KV_FULL][i]) {
            kv_page_ref(&e->kv, page);
            kv_seq_set(&e->kv, &s->kv, KV_FULL, i, page);
        }
    }
}

/* Sliding pages far enough behind are given back. A replay keeps no more than its window: it may be longer than what
 * the pool has for a session (18 sliding layers look 2,286 tokens back). */
static void release_sliding(struct osso_session *s)
{
    struct osso_engine *e = s->engine;
    int64_t keep_from = (int64_t)s->next - e->config.window - (s->next < s->computed ? 0 : KV_KEEP);
    int slot = keep_from > 0 ? (int)(keep_from / KV_PAGE) : 0;
    if (slot <= s->slide_slot)
        return;
    kv_seq_drop(&e->kv, &s->kv, KV_SLIDING, s->slide_slot, slot);
    s->slide_slot = slot;
    if (s->slide_from < (int64_t)slot * KV_PAGE)
        s->slide_from = (int64_t)slot * KV_PAGE;
}

static void finish_rows(struct osso_session *s, int n)
{
    struct osso_engine *e = s->engine;
    size_t replayed = s->next < s->computed ? s->computed - s->next : 0;
    if (replayed > (size_t)n)
        replayed = (size_t)n;
    e->stats.tokens_replayed += replayed;
    e->stats.tokens_computed += (size_t)n - replayed;
    size_t first = s->next + replayed, end = s->next + (size_t)n; /* of those that were computed */
    if (first < s->synced)
        e->stats.tokens_prompt += (end < s->synced ? end : s->synced) - first;
    s->next = end;
    must(s->next <= s->n + s->guessed && s->n + s->guessed <= (size_t)e->context);
    if (s->next > s->computed) {
        if (e->tap && tap_spec_writes(e->tap) && s->computed < s->made_from)
            s->made_from = s->computed;
        s->computed = s->next;
        if (s->tap && (size_t)s->tap->first < s->computed && (size_t)s->tap->first < s->made_from)
            s->made_from = (size_t)s->tap->first;
        share_pages(s);
    }
    release_sliding(s);
}

void engine_run(struct osso_engine *e, void (*fn)(const struct member *member, void *engine))
{
    struct member alone = {.id = 0, .n = 1};
    if (e->backend->alone && e->weights.host_layers == 0) /* else experts are the host's, and all compute them */
        fn(&alone, e);
    else
        team_run(e->team, fn, e);
}

static void run_member(const struct member *member, void *arg)
{
    struct osso_engine *e = arg;
    struct hand hand = forward_hand(&e->forward, member);
    forward_step(&hand, &e->forward);
}

/* Rows with logits come in the order of rows. */
static void run_script(struct osso_engine *e)
{
    const struct batch *b = &e->forward.batch;
    size_t bytes = (size_t)e->config.vocab * sizeof *e->forward.acts.logits;
    int i = 0;
    e->forward.interrupted = false;
    for (int row = 0; row < b->n && !e->forward.interrupted; row++) {
        const struct osso_session *s = e->in_step[e->seq[row]];
        bool wants = i < b->n_logits && b->logit_rows[i] == row;
        float *there = wants ? e->forward.acts.logits + (size_t)i++ * (size_t)e->config.vocab : NULL;
        struct osso_script_row told = {.size = sizeof told,
                                       .session = s,
                                       .user = s->user,
                                       .tokens = s->tokens,
                                       .n_tokens = (size_t)e->pos[row] + 1,
                                       .logits = wants ? e->backend->host(e->backend, there, bytes) : NULL,
                                       .replayed = e->keep[row],
                                       .last = row == b->n - 1};
        e->rows_fn(e->rows_user, &told);
        if (wants)
            e->backend->put(e->backend, there, told.logits, bytes);
        e->forward.interrupted = engine_interrupted(e);
    }
}

enum osso_status engine_break(struct osso_engine *e, enum osso_status status, struct osso_error *err)
{
    e->broken = status;
    beside_leave(e); /* who comes gets a device of its own */
    e->step_count++; /* and its logits are nobody's */
    return error_set(err, status, "%s", e->broken_why.text);
}

enum osso_status engine_check(const struct osso_engine *e, struct osso_error *err)
{
    return e->broken ? error_set(err, e->broken, "%s", e->broken_why.text) : OSSO_OK;
}

bool engine_interrupted(const struct osso_engine *e)
{
    return e->forward.interrupt && __atomic_load_n(e->forward.interrupt, __ATOMIC_RELAXED);
}

void osso_engine_set_interrupt(struct osso_engine *e, const volatile sig_atomic_t *flag)
{
    e->forward.interrupt = flag;
}

static enum osso_status interrupted(struct osso_error *err)
{
    return error_set(err, OSSO_CANCELLED, "the step was interrupted; no row of it counts as computed");
}

static void run_model(struct osso_engine *e)
{
    const struct batch *b = &e->forward.batch;
    struct taps *t = &e->forward.taps;
    t->ended = 0;
    e->forward.interrupted = false;
    t->rows = (struct tap_rows){b->n,           b->n_logits, e->pos,         e->logit_pos, e->logit_rows, e->users,
                                e->logit_users, e->token,    e->logit_token, e->keep,      e->logit_keep};
    tapping_begin(e, b->n_seqs);
    enter_begin(e, b->n_seqs);
    e->in_run = true;
    engine_run(e, run_member);
    e->in_run = false;
}

/* What an ended step wrote into pages is written again by the next one. */
static enum osso_status ended(struct osso_engine *e, int n_sessions, struct osso_error *err)
{
    const struct taps *t = &e->forward.taps;
    for (int i = 0; i < n_sessions; i++)
        e->in_step[i]->logits_n = 0;
    if (e->forward.interrupted)
        return interrupted(err);
    return error_set(err, OSSO_CANCELLED, "a tap ended the step: %d at %s, layer %d; no row of it counts as computed",
                     t->ended, osso_tap_name(t->ended_by), t->ended_in);
}

/* The forward pass of the chosen rows, as far as taps and its caller let it go. Where the backend fails nobody knows
 * what its memory holds: the engine is over. */
static enum osso_status run(struct osso_engine *e, int n_sessions, struct osso_error *err)
{
    enum osso_status status = forward_begin(&e->forward, &e->broken_why);
    if (!status) {
        (e->rows_fn ? run_script : run_model)(e);
        status = forward_end(&e->forward, &e->broken_why);
    }
    if (status)
        return engine_break(e, status, err);
    return e->forward.taps.ended || e->forward.interrupted ? ended(e, n_sessions, err) : OSSO_OK;
}

/* Two rounds over the sessions: those that lack one token, then the others. Returns how many take part. */
static int choose_rows(struct osso_engine *e, struct osso_session *const *sessions, int n_sessions, int max_rows)
{
    struct batch *b = &e->forward.batch;
    int n = 0;
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < n_sessions && b->n < max_rows; i++) {
            /* The first round begins elsewhere in every step: more decoding sessions than rows all get on. */
            int turn = round == 0 ? (int)(e->step_count % (uint64_t)n_sessions) : 0;
            struct osso_session *s = sessions[(i + turn) % n_sessions];
            if (pending(s) == 0 || session_decodes(s) != (round == 0) || s->logits_step == e->step_count)
                continue; /* the last: it is in the list twice */
            if (round == 1 && session_meet(s, n))
                continue;
            int take = add_rows(e, s, n, max_rows - b->n);
            if (take == 0)
                continue;
            e->in_step[n] = s;
            e->take[n] = take;
            e->floor[n] = s->floor;
            for (int g = 0; g < KV_GROUPS; g++)
                e->tables[g][n] = s->kv.page[g];
            n++;
        }
    return n;
}

enum osso_status osso_step(struct osso_engine *e, struct osso_session *const *sessions, int n_sessions, int max_rows,
                           struct osso_error *err)
{
    int idle = 0;
    enum osso_status status = engine_check(e, err);
    if (status)
        return status;
    for (int i = 0; i < n_sessions; i++) {
        if (sessions[i]->engine != e)
            return error_set(err, OSSO_USAGE, "session %d of this step belongs to another engine", i);
        idle += pending(sessions[i]) == 0;
    }
    if (idle == n_sessions)
        return OSSO_OK;
    if (e->model && (status = model_check(e->model, err)))
        return status;
    if (engine_interrupted(e))
        return interrupted(err);
    e->step_count++;
    e->forward.batch = (struct batch){.n_slots = (int)((e->context + KV_PAGE - 1) / KV_PAGE),
                                      .head_dim = e->config.head_dim,
                                      .token = e->token,
                                      .pos = e->pos,
                                      .seq = e->seq,
                                      .keep = e->keep,
                                      .angles = e->angles,
                                      .logit_rows = e->logit_rows,
                                      .floor = e->floor,
                                      .tables = {e->tables[KV_FULL], e->tables[KV_SLIDING]}};
    if (max_rows <= 0 || max_rows > e->max_rows)
        max_rows = e->max_rows;
    int n = choose_rows(e, sessions, n_sessions, max_rows);
    if (n == 0)
        return error_set(err, OSSO_LIMIT, "the KV cache is full: %d sessions share %llu MiB; end one or raise its size",
                         e->n_sessions, (unsigned long long)(e->stats.kv_bytes >> 20));
    e->forward.batch.n_seqs = n;
    status = run(e, n, err);
    if (status)
        return status;
    e->stats.steps++;
    for (int i = 0; i < n; i++)
        finish_rows(e->in_step[i], e->take[i]);
    return OSSO_OK;
}
