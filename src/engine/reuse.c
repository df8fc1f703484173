/* reuse.c: what sessions take over from each other: from the tree of prefixes whatever somebody with their salt has
 * computed before, to the token; from a session that still computes what it has by now; and what they leave to others
 * when they drop tokens. Nothing here computes or allocates. */
#include "engine/engine_parts.h"

#include "base/must.h"

#include <string.h>

/* Where a prefix ended another is likely to: the sliding pages of so many tokens before are kept longest. */
enum { NEAR = 256 };

size_t session_shared(const struct osso_session *s)
{
    size_t tapped = s->tap ? (size_t)s->tap->first : SIZE_MAX;
    if (s->spoiled || s->engine->tree.n_nodes == 0)
        return 0;
    return s->made_from < tapped ? s->made_from : tapped;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Is what a session has in this slot of sliding layers right from the page's beginning to as far as it has computed? */
static bool slides(const struct osso_session *s, int slot)
{
    return s->next >= s->computed && s->slide_from <= (int64_t)slot * KV_PAGE && s->kv.page[KV_SLIDING][slot] >= 0;
}

bool session_would_replay(const struct osso_session *s, size_t computed)
{
    int64_t need = (int64_t)computed - s->engine->config.window + 1;
    return s->engine->n_sliding > 0 && computed > 0 && (s->next < s->computed || s->slide_from > (need > 0 ? need : 0));
}

/* ---- taking --------------------------------------------------------------------------------------------- */

static int same(const int32_t *a, const int32_t *b, int most)
{
    int n = 0;
    while (n < most && a[n] == b[n])
        n++;
    return n;
}

/* Do both have the pages before this slot in common, by their nodes? */
static bool same_path(const struct osso_session *t, uint64_t salt, int slot, int32_t node)
{
    return t->salt == salt && session_shared(t) > (size_t)slot * KV_PAGE && (slot == 0 || t->nodes[slot - 1] == node);
}

/* The longest beginning of tokens [128 slot, limit) that a node behind r->node has, or a session in the page that it is
 * filling. */
static void find_part(const struct osso_session *s, struct reach *r, size_t limit)
{
    const struct prefix *tree = &s->engine->tree;
    size_t from = (size_t)r->slots * KV_PAGE;
    const int32_t *tokens = s->tokens + from;
    int most = limit - from < KV_PAGE ? (int)(limit - from) : KV_PAGE;
    struct prefix_hit hit = prefix_find(tree, r->node, s->salt, tokens, most);
    if (hit.n > 0) {
        r->n = hit.n;
        r->full = tree->nodes[hit.node].full;
        r->sliding = tree->nodes[hit.node].sliding;
    }
    for (const struct osso_session *t = s->engine->sessions; t; t = t->older) {
        if (t == s || t->computed <= from || !same_path(t, s->salt, r->slots, r->node))
            continue;
        int n = (int)least(least(t->computed, session_shared(t)) - from, (size_t)most);
        n = same(tokens, t->tokens + from, n);
        if (n == 0 || n < r->n || (n == r->n && (r->sliding >= 0 || !slides(t, r->slots))))
            continue;
        r->n = n;
        r->full = t->kv.page[KV_FULL][r->slots];
        r->sliding = slides(t, r->slots) ? t->kv.page[KV_SLIDING][r->slots] : -1;
    }
}

struct reach session_reach(const struct osso_session *s, size_t have, size_t limit)
{
    struct reach r = {.node = -1, .full = -1, .sliding = -1};
    if (s->engine->tree.n_nodes == 0)
        return r;
    limit = least(limit, s->tap ? (size_t)s->tap->first : SIZE_MAX);
    have = least(least(have, limit), s->spoiled ? 0 : s->made_from); /* nothing goes on top of what is made up */
    r.first = r.slots = (int)(have / KV_PAGE);
    if (r.first > 0)
        r.node = s->nodes[r.first - 1];
    must(r.first == 0 || r.node >= 0);
    while ((size_t)(r.slots + 1) * KV_PAGE <= limit) {
        const int32_t *tokens = s->tokens + (size_t)r.slots * KV_PAGE;
        struct prefix_hit hit = prefix_find(&s->engine->tree, r.node, s->salt, tokens, KV_PAGE);
        if (hit.n < KV_PAGE)
            break;
        r.node = hit.node;
        r.slots++;
    }
    if ((size_t)r.slots * KV_PAGE < limit)
        find_part(s, &r, limit);
    return r;
}

/* Puts a page that others hold into a session's table. */
static void put(struct osso_session *s, enum kv_group_id g, int slot, int32_t page)
{
    kv_page_ref(&s->engine->kv, page);
    kv_seq_set(&s->engine->kv, &s->kv, g, slot, page);
}

void session_take(struct osso_session *s, const struct reach *r, bool part)
{
    struct osso_engine *e = s->engine;
    int n = r->slots + (part && r->n > 0);
    size_t to = (size_t)r->slots * KV_PAGE + (part ? (size_t)r->n : 0);
    int64_t behind = (int64_t)to - e->config.window - KV_KEEP;
    int low = behind > 0 ? (int)(behind / KV_PAGE) : 0, sliding_from = n;
    int32_t node = r->node;
    kv_seq_drop(&e->kv, &s->kv, KV_FULL, r->first, s->kv.n_slots);
    for (int i = n - 1; i >= r->first || i >= low; i--) { /* sliding pages as far back as the next step keeps them */
        const struct prefix_node *p = i < r->slots ? &e->tree.nodes[node] : NULL;
        int32_t sliding = p ? p->sliding : r->sliding;
        if (sliding < 0 && i < r->first && slides(s, i))
            sliding = s->kv.page[KV_SLIDING][i];
        if (i >= low && sliding >= 0 && sliding_from == i + 1) {
            put(s, KV_SLIDING, i, sliding);
            sliding_from = i;
        }
        if (i >= r->first) {
            put(s, KV_FULL, i, p ? p->full : r->full);
            if (p)
                s->nodes[i] = node;
        }
        node = p ? p->parent : node;
    }
    kv_seq_drop(&e->kv, &s->kv, KV_SLIDING, 0, sliding_from);
    s->slide_from = (int64_t)sliding_from * KV_PAGE;
    s->slide_slot = sliding_from;
    s->floor = (int32_t)s->slide_from;
    if (s->own_from >= (size_t)r->first * KV_PAGE) /* nothing that it keeps is its own */
        s->own_from = to;
    if (s->made_from >= (size_t)r->first * KV_PAGE)
        s->made_from = SIZE_MAX;
    if (r->first == 0)
        s->spoiled = false;
    s->computed = s->next = to;
    session_set_computed(s, to);
}

/* Does a session of this step compute what this one lacks behind its reach? It then waits, and takes it over. One that
 * decodes is not waited for: it goes a token at a time, and a text that is known is read faster. */
static bool in_work(const struct osso_engine *e, const struct osso_session *s, const struct reach *r, int n_in_step)
{
    size_t from = (size_t)r->slots * KV_PAGE, pos = from + (size_t)r->n;
    for (int i = 0; i < n_in_step; i++) {
        const struct osso_session *t = e->in_step[i];
        size_t end = least(t->next + (size_t)e->take[i], session_shared(t));
        if (pos < t->next || pos < t->computed || pos >= end || session_decodes(t) ||
            !same_path(t, s->salt, r->slots, r->node))
            continue;
        if (memcmp(t->tokens + from, s->tokens + from, ((size_t)r->n + 1) * sizeof *t->tokens) == 0)
            return true;
    }
    return false;
}

bool session_meet(struct osso_session *s, int n_in_step)
{
    struct osso_engine *e = s->engine;
    size_t limit = least(least(s->n - 1, s->logits_from), session_shared(s)), before = s->computed;
    /* A tap that looks wants to see rows, one that writes makes them nobody else's; what replays has its pages. */
    if (e->tap || s->next < before || before >= limit)
        return false;
    struct reach r = session_reach(s, before, limit);
    bool waits = (size_t)r.slots * KV_PAGE + (size_t)r.n < limit && in_work(e, s, &r, n_in_step);
    /* Who waits takes no page that somebody is still filling: that one would have to copy it at every step. */
    if ((size_t)r.slots * KV_PAGE + (waits ? 0 : (size_t)r.n) > before)
        session_take(s, &r, !waits);
    size_t known = before > s->had ? before : s->had;
    s->reused += s->computed > known ? s->computed - known : 0;
    e->stats.tokens_reused += s->computed - before;
    return waits;
}

/* ---- leaving -------------------------------------------------------------------------------------------- */

static bool shortly_before(size_t end, int slot)
{
    return (size_t)slot * KV_PAGE < end && (size_t)(slot + 1) * KV_PAGE + NEAR > end;
}

/* Sliding pages before a point where this prefix ended, or its prompt did, are kept longest; an earlier end that this
 * session went on from is none any more, unless something branches off there. */
static void rank_path(struct osso_session *s, int32_t node, int slot, size_t end)
{
    struct prefix *tree = &s->engine->tree;
    for (; node >= 0; node = tree->nodes[node].parent, slot--) {
        int32_t parent = tree->nodes[node].parent;
        bool branches = tree->nodes[node].children > 1 || (parent >= 0 && tree->nodes[parent].children > 1);
        if (shortly_before(end, slot) || (s->synced <= end && shortly_before(s->synced, slot)))
            prefix_set_near(tree, node, true);
        else if (!branches)
            prefix_set_near(tree, node, false);
    }
}

void session_hit(struct osso_session *s)
{
    struct prefix *tree = &s->engine->tree;
    int slot = (int)(s->computed / KV_PAGE) - 1;
    for (; slot >= 0 && s->nodes[slot] >= 0 && shortly_before(s->computed, slot); slot--)
        prefix_set_near(tree, s->nodes[slot], true);
}

void session_leave(struct osso_session *s)
{
    struct osso_engine *e = s->engine;
    size_t end = least(s->computed, session_shared(s));
    int slot = (int)(end / KV_PAGE), part = (int)(end % KV_PAGE);
    if (end == 0)
        return;
    int32_t node = slot > 0 ? s->nodes[slot - 1] : -1;
    for (int i = s->slide_slot; i < slot; i++)
        if (slides(s, i))
            prefix_give_sliding(&e->tree, s->nodes[i], s->kv.page[KV_SLIDING][i]);
    if (part > 0)
        node = prefix_add(&e->tree, node, s->salt, s->tokens + (size_t)slot * KV_PAGE, part, s->kv.page[KV_FULL][slot],
                          slides(s, slot) ? s->kv.page[KV_SLIDING][slot] : -1);
    rank_path(s, node, part > 0 ? slot : slot - 1, end);
}

/* ---- what turned out to be no number -------------------------------------------------------------------- */

/* Whoever has a page of s from this slot on has it no longer for others. */
static void spoil(struct osso_session *t, const struct osso_session *s, int from)
{
    const struct prefix *tree = &s->engine->tree;
    bool has = t == s;
    for (int i = from; i < t->kv.n_slots && !has; i++)
        has = (t->nodes[i] >= 0 && tree->nodes[t->nodes[i]].full < 0) ||
              (t->kv.page[KV_FULL][i] >= 0 && t->kv.page[KV_FULL][i] == s->kv.page[KV_FULL][i]);
    if (!has)
        return;
    t->spoiled = true;
    for (int i = from; i < t->kv.n_slots; i++)
        t->nodes[i] = -1;
    if (t->own_from > (size_t)from * KV_PAGE) /* what others had begun in that page may be what was wrong */
        t->own_from = (size_t)from * KV_PAGE;
}

void session_spoil(const struct osso_session *s)
{
    struct osso_engine *e = s->engine;
    int from = (int)(s->own_from / KV_PAGE);
    if (session_shared(s) < s->computed) /* what is its own may be what was wrong: a tap may write anything */
        return;
    if (from < s->kv.n_slots && s->nodes[from] >= 0)
        prefix_prune(&e->tree, s->nodes[from]);
    for (struct osso_session *t = e->sessions; t; t = t->older)
        spoil(t, s, from);
}
