/* session.c: a session is tokens, page tables and nothing else. Sync, rewind, release and fork are here, over replay.c
 * (forgetting) and reuse.c (sharing); none of it computes anything: osso_step does.
 *
 * The way of a token goes on in model/forward.c. */
#include "engine/engine_parts.h"

#include "base/error.h"
#include "base/mem.h"

#include <string.h>

uint64_t session_bytes(int64_t context)
{
    struct osso_session s;
    return sizeof s + (uint64_t)context * sizeof *s.tokens + kv_seq_bytes(context) +
           (uint64_t)((context + KV_PAGE - 1) / KV_PAGE) * sizeof *s.nodes;
}

enum osso_status osso_session_create(struct osso_engine *e, uint64_t salt, struct osso_session **session_out,
                                     struct osso_error *err)
{
    *session_out = NULL;
    struct osso_session *s = mem_alloc(sizeof *s);
    if (!s)
        return error_nomem(err, sizeof *s, "a session");
    s->engine = e;
    s->salt = salt;
    s->user = s;
    s->logits_from = s->made_from = SIZE_MAX;
    e->n_sessions++;
    s->older = e->sessions;
    if (s->older)
        s->older->newer = s;
    e->sessions = s;
    enum osso_status status = kv_seq_create(e->context, &s->kv, err);
    s->tokens = mem_array((size_t)e->context, sizeof *s->tokens);
    s->nodes = mem_array((size_t)s->kv.n_slots, sizeof *s->nodes);
    if (!status && (!s->tokens || !s->nodes))
        status = error_nomem(err, (uint64_t)e->context * sizeof *s->tokens, "a session's tokens");
    if (status) {
        osso_session_free(s);
        return status;
    }
    for (int i = 0; i < s->kv.n_slots; i++)
        s->nodes[i] = -1;
    *session_out = s;
    return OSSO_OK;
}

void osso_session_free(struct osso_session *s)
{
    if (!s)
        return;
    session_leave(s);
    tapping_leave(s);
    s->engine->n_sessions--;
    *(s->newer ? &s->newer->older : &s->engine->sessions) = s->older;
    if (s->older)
        s->older->newer = s->newer;
    kv_seq_free(&s->engine->kv, &s->kv);
    mem_free(s->tokens);
    mem_free(s->nodes);
    if (s->answer)
        s->answer_free(s->answer);
    mem_free(s);
}

static enum osso_status check_ids(const struct osso_session *s, const int32_t *ids, size_t n, struct osso_error *err)
{
    int64_t vocab = s->engine->config.vocab;
    for (size_t i = 0; i < n; i++)
        if (ids[i] < 0 || ids[i] >= vocab)
            return error_set(err, OSSO_USAGE, "token id %d at position %zu: this model has ids from 0 to %lld", ids[i],
                             i, (long long)vocab - 1);
    return OSSO_OK;
}

static enum osso_status too_long(const struct osso_session *s, size_t n, struct osso_error *err)
{
    return error_set(err, OSSO_LIMIT, "%zu tokens do not fit a context of %lld; shorten the text%s", n,
                     (long long)s->engine->context, n <= (size_t)s->engine->config.context ? " or raise -c" : "");
}

enum osso_status osso_session_sync(struct osso_session *s, const int32_t *ids, size_t n, struct osso_error *err)
{
    if (n > (size_t)s->engine->context)
        return too_long(s, n, err);
    enum osso_status status = check_ids(s, ids, n, err);
    if (status)
        return status;
    size_t common = 0;
    while (common < n && common < s->n && s->tokens[common] == ids[common])
        common++;
    if (common < s->computed)
        session_leave(s);
    if (s->spoiled)
        session_set_computed(s, s->computed);
    if (n)
        memmove(s->tokens, ids, n * sizeof *ids);
    s->n = s->synced = n;
    s->guessed = s->had = 0;
    s->logits_from = SIZE_MAX;
    size_t have = s->computed < common ? s->computed : common, last = n > 0 ? n - 1 : 0;
    have = have < last ? have : last; /* the last token is always computed */
    struct reach reach = session_reach(s, have, last);
    size_t reached = (size_t)reach.slots * KV_PAGE + (size_t)reach.n;
    if (reached > have || (reached == have && session_would_replay(s, have))) {
        session_take(s, &reach, true);
        session_hit(s);
    } else {
        session_set_computed(s, have);
    }
    s->reused = s->computed;
    s->engine->stats.tokens_reused += s->computed;
    return OSSO_OK;
}

/* Their K and V go with them: the pages they stand in still reach back far enough (KV_KEEP). */
static void forget_guesses(struct osso_session *s)
{
    if (s->computed > s->n)
        session_set_computed(s, s->n);
    s->guessed = 0;
}

enum osso_status osso_session_append(struct osso_session *s, int32_t id, struct osso_error *err)
{
    if (s->n >= (size_t)s->engine->context)
        return too_long(s, s->n + 1, err);
    enum osso_status status = check_ids(s, &id, 1, err);
    if (status)
        return status;
    bool right = s->guessed > 0 && s->tokens[s->n] == id;
    if (right)
        s->guessed--;
    else
        forget_guesses(s);
    s->tokens[s->n++] = id;
    return OSSO_OK;
}

enum osso_status osso_session_guess(struct osso_session *s, const int32_t *ids, size_t n, struct osso_error *err)
{
    enum osso_status status = check_ids(s, ids, n, err);
    if (status)
        return status;
    size_t room = (size_t)s->engine->context - s->n;
    forget_guesses(s);
    s->guessed = n < room ? n : room;
    if (s->guessed > 0)
        memcpy(s->tokens + s->n, ids, s->guessed * sizeof *ids);
    return OSSO_OK;
}

enum osso_status osso_session_rewind(struct osso_session *s, size_t n, struct osso_error *err)
{
    if (n > s->n)
        return error_set(err, OSSO_USAGE, "cannot rewind to %zu tokens: the session has %zu", n, s->n);
    if (n < s->computed)
        session_leave(s);
    s->n = n;
    s->guessed = 0;
    s->had = s->had < n ? s->had : n;
    size_t last = n > 0 ? n - 1 : 0;
    session_set_computed(s, s->computed < last ? s->computed : last);
    return OSSO_OK;
}

void osso_session_release(struct osso_session *s)
{
    session_leave(s);
    if (s->logits_from < s->computed) /* those rows have had their logits */
        s->logits_from = s->computed;
    s->had = s->had > s->computed ? s->had : s->computed;
    session_set_computed(s, 0);
    s->guessed = 0;
}

enum osso_status osso_session_fork(struct osso_session *s, struct osso_session **session_out, struct osso_error *err)
{
    enum osso_status status = osso_session_create(s->engine, s->salt, session_out, err);
    if (status)
        return status;
    struct osso_session *t = *session_out;
    status = tapping_fork(t, s, err);
    if (status) {
        osso_session_free(t);
        *session_out = NULL;
        return status;
    }
    memcpy(t->tokens, s->tokens, s->n * sizeof *s->tokens);
    memcpy(t->nodes, s->nodes, (size_t)s->kv.n_slots * sizeof *s->nodes);
    kv_seq_share(&s->engine->kv, &t->kv, &s->kv);
    t->n = s->n;
    t->computed = s->computed;
    t->next = s->next;
    t->slide_from = s->slide_from;
    t->slide_slot = s->slide_slot;
    t->floor = s->floor;
    t->own_from = s->own_from;
    t->synced = s->synced;
    t->reused = s->reused;
    t->had = s->had;
    t->spoiled = s->spoiled;
    t->made_from = s->made_from;
    t->logits_from = s->logits_from;
    if (t->n > 0 && t->computed >= t->n) /* its logits belong to the other session: compute the last token again */
        session_set_computed(t, t->n - 1);
    return OSSO_OK;
}

const int32_t *osso_session_tokens(const struct osso_session *s, size_t *n_out)
{
    *n_out = s->n;
    return s->tokens;
}

size_t osso_session_computed(const struct osso_session *s)
{
    return s->computed < s->n ? s->computed : s->n;
}

size_t osso_session_reused(const struct osso_session *s)
{
    return s->reused;
}

bool osso_session_ready(const struct osso_session *s)
{
    return s->n > 0 && s->next >= s->n;
}

void osso_session_set_user(struct osso_session *s, void *user)
{
    s->user = user;
}

void osso_session_want_logits(struct osso_session *s, size_t first)
{
    s->logits_from = first;
    if (first < s->computed)
        session_set_computed(s, first);
}

const float *osso_session_logits(const struct osso_session *s, size_t pos)
{
    struct osso_engine *e = s->engine;
    if (s->logits_step != e->step_count || pos < s->logits_pos || pos - s->logits_pos >= s->logits_n)
        return NULL;
    size_t row = (size_t)s->logits_row + (pos - s->logits_pos), vocab = (size_t)e->config.vocab;
    return e->backend->host(e->backend, e->forward.acts.logits + row * vocab, vocab * sizeof(float));
}
