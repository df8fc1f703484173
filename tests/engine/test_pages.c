/* test_pages.c: random sync, append, rewind, fork, free and steps over a pool that is too small for all, with page
 * memory that says what it holds: each position carries a hash of salt and tokens up to it, written where and when
 * kernels would write. After every operation references, free lists, the tree and every page a next row can see are
 * checked against a recount. Sliding layers are played exactly: how many of them are right at a position follows from
 * the window before it, so a replay that starts too late is noticed. */
#include "model_test.h"

#include "engine/engine_parts.h"

enum { CONTEXT = 3000, SESSIONS = 6, BASES = 3, MAX_ROWS = 200, VOCAB = 16 };

struct actor {
    struct osso_session *s;
    uint64_t hash[CONTEXT]; /* of salt and tokens [0, i] */
    size_t n, guessed;      /* guesses stand behind the tokens */
    int32_t tokens[CONTEXT];
};

static struct play {
    struct osso_engine *engine;
    struct osso_error err;
    struct rng rng;
    struct actor actors[SESSIONS];
    struct osso_session *witness; /* one token in every step: its logits let the script see the step before it ends */
    int32_t base[BASES][CONTEXT];
    uint64_t written; /* the step whose rows were written */
    int layers;       /* sliding layers that are played */
    size_t window;
    int op, limits, replays, right; /* right: guesses that were run and came */
} p;

/* What the memory of a page holds for one position. */
struct cell {
    uint64_t hash : 56, right : 8; /* right: K of so many sliding layers is right (in full pages: 1) */
};

static struct cell *place_of(int32_t page, size_t pos)
{
    return (struct cell *)(void *)kv_page_at(&p.engine->kv, page) + pos % KV_PAGE;
}

static const struct cell *cell_of(int32_t page, size_t pos)
{
    return p.engine->backend->host(p.engine->backend, place_of(page, pos), sizeof(struct cell));
}

static void set_cell(int32_t page, size_t pos, struct cell cell)
{
    p.engine->backend->put(p.engine->backend, place_of(page, pos), &cell, sizeof cell);
}

static uint64_t cut(uint64_t hash)
{
    return hash & ((1ull << 56) - 1);
}

static struct cell make_cell(uint64_t hash, int right)
{
    return (struct cell){hash & ((1ull << 56) - 1), (uint64_t)right & 255};
}

static struct actor *actor_of(const struct osso_session *s)
{
    for (int i = 0; i < SESSIONS; i++)
        if (p.actors[i].s == s)
            return &p.actors[i];
    fail_msg("operation %d: a session nobody has", p.op);
    return NULL;
}

static void rehash(struct actor *a, size_t from)
{
    for (size_t i = from; i < a->n + a->guessed; i++) {
        uint64_t state = (i > 0 ? a->hash[i - 1] : a->s->salt + 1) ^ (uint64_t)(a->tokens[i] + 1) << 40;
        a->hash[i] = rng_splitmix(&state);
    }
}

/* Sliding layers that are right over the whole window before pos; positions below the session's floor are missing. */
static int right_before(const struct actor *a, size_t pos)
{
    const struct osso_session *s = a->s;
    size_t from = pos >= p.window ? pos - p.window + 1 : 0;
    int least = p.layers;
    if ((size_t)s->floor > from) {
        from = (size_t)s->floor;
        least = 0;
    }
    for (size_t q = from; q < pos; q++) {
        int32_t page = s->kv.page[KV_SLIDING][q / KV_PAGE];
        if (page < 0)
            fail_msg("operation %d: position %zu sees %zu, whose sliding page is gone", p.op, pos, q);
        const struct cell *c = cell_of(page, q);
        if (c->hash != cut(a->hash[q]))
            fail_msg("operation %d: position %zu sees another sequence's K at %zu", p.op, pos, q);
        least = c->right < least ? c->right : least;
    }
    return least;
}

static void check_full(const struct actor *a, size_t pos)
{
    int32_t page = a->s->kv.page[KV_FULL][pos / KV_PAGE];
    if (page < 0 || cell_of(page, pos)->hash != cut(a->hash[pos]))
        fail_msg("operation %d: the full page of position %zu is %s", p.op, pos, page < 0 ? "missing" : "another's");
}

/* Does nobody else look at this position of the page? One that began the step by taking over what was before may. */
static bool free_to_write(const struct osso_session *s, enum kv_group_id g, int32_t page, size_t pos)
{
    const struct kv_page *held = &p.engine->kv.pages[page];
    int others = 0;
    for (const struct osso_session *t = p.engine->sessions; t; t = t->older)
        others += t != s && t->computed <= pos && t->kv.page[g][pos / KV_PAGE] == page;
    return held->node < 0 && held->refs == 1 + others;
}

/* The rows of the step in progress, as kernels would store them. */
static void write_rows(void)
{
    struct osso_engine *e = p.engine;
    const struct batch *b = &e->forward.batch;
    int before = 0;
    if (p.written == e->step_count)
        return;
    p.written = e->step_count;
    for (int r = 0; r < b->n; r++) {
        if (e->in_step[b->seq[r]] == p.witness)
            continue;
        const struct actor *a = actor_of(e->in_step[b->seq[r]]);
        size_t pos = (size_t)b->pos[r];
        bool goes_on = r > 0 && b->seq[r - 1] == b->seq[r] && b->pos[r - 1] + 1 == b->pos[r] && before == p.layers;
        if (!goes_on)
            before = right_before(a, pos);
        if (b->token[r] != a->tokens[pos])
            fail_msg("operation %d: a wrong token at %zu", p.op, pos);
        if (!b->keep[r] && before < p.layers)
            fail_msg("operation %d: position %zu is computed on %d right sliding layers of %d", p.op, pos, before,
                     p.layers);
        int32_t full = a->s->kv.page[KV_FULL][pos / KV_PAGE], slide = a->s->kv.page[KV_SLIDING][pos / KV_PAGE];
        if (b->keep[r])
            check_full(a, pos);
        else if (full < 0 || !free_to_write(a->s, KV_FULL, full, pos))
            fail_msg("operation %d: a write to a full page that is not the session's own", p.op);
        else
            set_cell(full, pos, make_cell(a->hash[pos], 1));
        if (slide < 0 || !free_to_write(a->s, KV_SLIDING, slide, pos))
            fail_msg("operation %d: a write to a sliding page that is not the session's own", p.op);
        set_cell(slide, pos, make_cell(a->hash[pos], before < p.layers ? before + 1 : p.layers));
        p.replays += b->keep[r];
    }
}

static void script(void *user, const int32_t *tokens, size_t n, float *logits)
{
    (void)user, (void)tokens, (void)n;
    write_rows();
    for (int i = 0; i < VOCAB; i++)
        logits[i] = 0;
}

/* ---- what must hold at any time ------------------------------------------------------------------------- */

/* References and the tree's hold on a page, as they should be. */
struct count {
    int refs, node, group;
};

static void count_page(struct count *counts, int32_t page, int group, int node)
{
    if (page < 0)
        return;
    struct count *c = &counts[page];
    if (c->refs++ > 0 && c->group != group)
        fail_msg("operation %d: page %d is in both groups", p.op, page);
    if (node >= 0 && c->node >= 0)
        fail_msg("operation %d: page %d has two nodes", p.op, page);
    c->group = group;
    c->node = node >= 0 ? node : c->node;
}

static void check_lists(const struct count *counts)
{
    const struct kv_pool *kv = &p.engine->kv;
    int listed[KV_GROUPS] = {0}, idle[KV_GROUPS] = {0}, held[KV_GROUPS] = {0}, n_free = 0;
    for (int rank = 0; rank < KV_RANKS; rank++) {
        int32_t before = -1;
        for (int32_t i = kv->idle[rank].oldest; i >= 0; before = i, i = kv->pages[i].newer) {
            if (counts[i].refs != 1 || counts[i].node < 0 || kv->pages[i].rank != rank || kv->pages[i].older != before)
                fail_msg("operation %d: page %d does not belong where it stands in list %d", p.op, i, rank);
            assert_int_equal(counts[i].group == KV_FULL, rank == KV_RANK_FULL);
            listed[counts[i].group]++;
        }
        assert_int_equal(before, kv->idle[rank].newest);
    }
    for (int32_t i = kv->first_free; i >= 0; i = kv->pages[i].newer, n_free++)
        if (counts[i].refs > 0)
            fail_msg("operation %d: page %d is free and in use", p.op, i);
    assert_int_equal(n_free, kv->n_free);
    for (int i = 0; i < kv->n_pages; i++) {
        n_free += counts[i].refs > 0;
        held[counts[i].group] += counts[i].refs > 0;
        idle[counts[i].group] += counts[i].refs == 1 && counts[i].node >= 0;
    }
    assert_int_equal(n_free, kv->n_pages);
    for (int g = 0; g < KV_GROUPS; g++) {
        assert_int_equal(listed[g], idle[g]);
        assert_int_equal(kv->group[g].cached, idle[g]);
        assert_int_equal(kv->group[g].held, held[g]);
    }
}

static void check_pool(void)
{
    struct osso_engine *e = p.engine;
    static struct count counts[4096];
    for (int i = 0; i < e->kv.n_pages; i++)
        counts[i] = (struct count){.node = -1};
    for (const struct osso_session *s = e->sessions; s; s = s->older)
        for (int g = 0; g < KV_GROUPS; g++)
            for (int slot = 0; slot < s->kv.n_slots; slot++)
                count_page(counts, s->kv.page[g][slot], g, -1);
    for (int i = 0; i < e->tree.n_nodes; i++)
        if (e->tree.nodes[i].full >= 0) {
            count_page(counts, e->tree.nodes[i].full, KV_FULL, i);
            count_page(counts, e->tree.nodes[i].sliding, KV_SLIDING, i);
        }
    for (int i = 0; i < e->kv.n_pages; i++) {
        const struct kv_page *page = &e->kv.pages[i];
        if (counts[i].refs != page->refs || counts[i].node != page->node)
            fail_msg("operation %d: page %d has %d references and node %d, counted %d and %d", p.op, i, page->refs,
                     page->node, counts[i].refs, counts[i].node);
    }
    check_lists(counts);
}

static bool begins_with(const struct prefix_node *a, const struct prefix_node *b)
{
    return a->salt == b->salt && a->parent == b->parent && a->n >= b->n &&
           memcmp(a->tokens, b->tokens, (size_t)b->n * sizeof *b->tokens) == 0;
}

/* Nodes of the order's tree; in order each is found where it stands. */
static int check_order(const struct prefix *tree, int32_t i)
{
    if (i < 0)
        return 0;
    const struct prefix_node *node = &tree->nodes[i];
    assert_int_equal(prefix_find(tree, node->parent, node->salt, node->tokens, node->n).node, i);
    return check_order(tree, node->left) + 1 + check_order(tree, node->right);
}

static void check_tree(void)
{
    const struct prefix *tree = &p.engine->tree;
    static int32_t children[4096];
    int used = 0, free_nodes = 0;
    memset(children, 0, sizeof children);
    for (int i = 0; i < tree->n_nodes; i++) {
        const struct prefix_node *node = &tree->nodes[i];
        used += node->full >= 0;
        if (node->full < 0)
            continue;
        for (int j = 0; j < tree->n_nodes; j++)
            if (j != i && tree->nodes[j].full >= 0 && begins_with(&tree->nodes[j], node))
                fail_msg("operation %d: node %d is the beginning of node %d", p.op, i, j);
        if (node->parent < 0)
            continue;
        const struct prefix_node *parent = &tree->nodes[node->parent];
        children[node->parent]++;
        if (parent->full < 0 || parent->salt != node->salt || parent->n != KV_PAGE)
            fail_msg("operation %d: a node without its parent", p.op);
    }
    for (int i = 0; i < tree->n_nodes; i++)
        assert_int_equal(tree->nodes[i].full < 0 ? 0 : tree->nodes[i].children, children[i]);
    for (int32_t i = tree->free_node; i >= 0; i = tree->nodes[i].right)
        free_nodes++;
    assert_int_equal(used + free_nodes, tree->n_nodes);
    assert_int_equal(check_order(tree, tree->root), used);
}

/* One session; `all` looks at each cell too. */
static void check_session(const struct actor *a, bool all)
{
    const struct osso_session *s = a->s;
    size_t n;
    const int32_t *tokens = osso_session_tokens(s, &n);
    if (n != a->n || memcmp(tokens, a->tokens, n * sizeof *tokens) != 0)
        fail_msg("operation %d: other tokens than stated", p.op);
    if (s->computed > n + a->guessed || s->next > s->computed || s->guessed != a->guessed ||
        memcmp(s->tokens + n, a->tokens + n, a->guessed * sizeof *a->tokens) != 0)
        fail_msg("operation %d: computed %zu, next %zu of %zu", p.op, s->computed, s->next, n);
    int complete = (int)(s->computed / KV_PAGE);
    for (size_t slot = 0; slot * KV_PAGE < s->computed; slot++)
        if (s->kv.page[KV_FULL][slot] < 0)
            fail_msg("operation %d: full page %zu is missing", p.op, slot);
    for (int slot = 0; slot < s->kv.n_slots; slot++) {
        int32_t i = s->nodes[slot];
        if (s->spoiled ? i >= 0 && slot >= complete : (i >= 0) != (slot < complete))
            fail_msg("operation %d: page %d of %d complete ones has node %d", p.op, slot, complete, i);
        if (i < 0)
            continue;
        const struct prefix_node *node = &p.engine->tree.nodes[i];
        if (node->full != s->kv.page[KV_FULL][slot] || node->salt != s->salt ||
            node->parent != (slot > 0 ? s->nodes[slot - 1] : -1))
            fail_msg("operation %d: the node of page %d is another's", p.op, slot);
        if (all && node->sliding >= 0)
            for (size_t q = (size_t)slot * KV_PAGE; q < (size_t)(slot + 1) * KV_PAGE; q++)
                if (cell_of(node->sliding, q)->hash != cut(a->hash[q]) || cell_of(node->sliding, q)->right != p.layers)
                    fail_msg("operation %d: a shared sliding page is wrong at %zu", p.op, q);
    }
    for (size_t pos = 0; all && pos < s->computed; pos++)
        check_full(a, pos);
    if (all && s->next < n && right_before(a, s->next) < p.layers && s->next >= s->computed)
        fail_msg("operation %d: the next row %zu would see wrong sliding layers", p.op, s->next);
}

static void check_all(const struct actor *touched)
{
    check_pool();
    if (p.op % 8 == 0)
        check_tree();
    for (int i = 0; i < SESSIONS; i++)
        if (p.actors[i].s)
            check_session(&p.actors[i], &p.actors[i] == touched || p.op % 64 == 0);
}

/* ---- operations ----------------------------------------------------------------------------------------- */

static uint64_t below(uint64_t n)
{
    return rng_below(&p.rng, n);
}

static void want_all(struct actor *a)
{
    a->s->logits_from = 0; /* every new row calls the script, which writes the rows */
}

static void do_sync(struct actor *a)
{
    int32_t ids[CONTEXT];
    size_t n = below(4) == 0 ? below(CONTEXT + 1) : below(700), same;
    const int32_t *base = p.base[below(BASES)];
    if (below(3) == 0 && a->n > 0) { /* goes on from what it has */
        memcpy(ids, a->tokens, sizeof ids);
        same = below(a->n + 1);
        n = same + below(300) > CONTEXT ? CONTEXT : same + below(300);
        n = n > CONTEXT ? CONTEXT : n;
    } else {
        memcpy(ids, base, sizeof ids);
        same = below(3) == 0 ? below(n + 1) : n;
    }
    for (size_t i = same; i < n; i++)
        ids[i] = (int32_t)below(VOCAB);
    check_ok(osso_session_sync(a->s, ids, n, &p.err), p.err);
    memcpy(a->tokens, ids, n * sizeof *ids);
    a->n = n;
    a->guessed = 0;
    rehash(a, 0);
    want_all(a);
    assert_true(n == 0 || osso_session_computed(a->s) < n);
}

/* Returns how many rows beside the witness's were computed. */
static uint64_t step(struct osso_session **list, int n, int max_rows)
{
    struct osso_engine_stats before = p.engine->stats, *after = &p.engine->stats;
    check_ok(osso_session_rewind(p.witness, 2, &p.err), p.err); /* its second token again, on the page it has */
    list[n] = p.witness;
    check_ok(osso_step(p.engine, list, n + 1, max_rows + 1, &p.err), p.err);
    assert_int_equal(p.written, p.engine->step_count);
    return after->tokens_computed + after->tokens_replayed - before.tokens_computed - before.tokens_replayed - 1;
}

static void do_step(void)
{
    struct osso_session *list[SESSIONS + 2];
    int n = 0, most = below(3) == 0 ? 1 + (int)below(8) : 1 + (int)below(MAX_ROWS - 1);
    bool pending = false;
    for (int i = 0; i < SESSIONS; i++)
        if (p.actors[i].s && below(3) > 0)
            list[n++] = p.actors[i].s;
    if (n > 0 && below(16) == 0)
        list[n] = list[0], n++; /* twice: as good as once */
    for (int i = 0; i < n; i++)
        pending |= list[i]->next < list[i]->n;
    p.limits += step(list, n, most) == 0 && pending;
}

/* Whatever happened before, one session alone always gets to its end. */
static void do_alone(struct actor *a)
{
    for (int i = 0; i < SESSIONS; i++)
        if (&p.actors[i] != a && p.actors[i].s) {
            osso_session_free(p.actors[i].s);
            p.actors[i].s = NULL;
        }
    struct osso_session *list[2] = {a->s};
    for (int turn = 0; turn < 3; turn++) {
        if (turn == 1) { /* as long as can be, then back: a long replay */
            memcpy(a->tokens, p.base[0], sizeof a->tokens);
            a->n = CONTEXT;
            a->guessed = 0;
            rehash(a, 0);
            check_ok(osso_session_sync(a->s, a->tokens, a->n, &p.err), p.err);
        } else if (turn == 2) {
            a->n = CONTEXT / 2 + below(CONTEXT / 2);
            a->guessed = 0;
            check_ok(osso_session_rewind(a->s, a->n, &p.err), p.err);
        }
        want_all(a);
        while (a->n > 0 && !osso_session_ready(a->s))
            if (step(list, 1, 1 + (int)below(MAX_ROWS - 1)) == 0)
                fail_msg("operation %d: alone, and yet no page for position %zu of %zu", p.op, a->s->next, a->n);
    }
}

static void do_append(struct actor *a)
{
    for (uint64_t i = 1 + below(4); i > 0 && a->n < CONTEXT; i--) {
        int32_t id = (int32_t)below(VOCAB);
        if (a->guessed > 0 && (below(3) > 0 || id == a->tokens[a->n])) { /* as it was guessed */
            id = a->tokens[a->n];
            a->guessed--;
            p.right += a->s->next > a->n;
        } else {
            a->guessed = 0;
        }
        check_ok(osso_session_append(a->s, id, &p.err), p.err);
        a->tokens[a->n++] = id;
        rehash(a, a->n - 1);
    }
}

static void do_guess(struct actor *a)
{
    int32_t ids[40];
    size_t n = below(below(4) == 0 ? 41 : 9), room = CONTEXT - a->n;
    for (size_t i = 0; i < n; i++)
        ids[i] = (int32_t)below(VOCAB);
    check_ok(osso_session_guess(a->s, ids, n, &p.err), p.err);
    a->guessed = n < room ? n : room;
    memcpy(a->tokens + a->n, ids, a->guessed * sizeof *ids);
    rehash(a, a->n);
}

static void operate(struct actor *a)
{
    uint64_t what = below(100);
    if (!a->s) {
        check_ok(osso_session_create(p.engine, below(3) ? 0 : below(64), &a->s, &p.err), p.err);
        a->n = a->guessed = 0;
    } else if (what < 12) {
        do_sync(a);
    } else if (what < 30) {
        do_append(a);
    } else if (what < 36) {
        a->n = below(2) && a->n > 20 ? a->n - below(20) : below(a->n + 1);
        a->guessed = 0;
        check_ok(osso_session_rewind(a->s, a->n, &p.err), p.err);
    } else if (what < 40) {
        for (int i = 0; i < SESSIONS; i++)
            if (!p.actors[i].s) {
                struct osso_session *t;
                check_ok(osso_session_fork(a->s, &t, &p.err), p.err);
                p.actors[i] = *a;
                p.actors[i].s = t;
                p.actors[i].guessed = 0;
                break;
            }
    } else if (what < 42) {
        osso_session_free(a->s);
        a->s = NULL;
    } else if (what < 43) {
        osso_session_want_logits(a->s, below(a->n + 1));
        want_all(a);
    } else if (what == 44) {
        osso_session_release(a->s);
        a->guessed = 0;
        want_all(a);
        assert_int_equal(osso_session_computed(a->s), 0);
    } else if (what >= 46 && what < 58) {
        do_guess(a);
    } else if (what == 45 && below(4) == 0) {
        session_spoil(a->s);
    } else if (what == 43 && below(40) == 0) {
        do_alone(a);
    } else {
        do_step();
    }
}

static void torture(int layers, int window, uint64_t seed, int operations)
{
    struct osso_engine_options o = {.size = sizeof o,
                                    .backend = test_backend(),
                                    .threads = 1,
                                    .context = CONTEXT,
                                    .max_sessions = 1,
                                    .max_rows = MAX_ROWS,
                                    .max_logit_rows = MAX_ROWS};
    struct osso_engine_stats stats = {.size = sizeof stats};
    memset(&p, 0, sizeof p);
    rng_seed(&p.rng, seed);
    o.kv_bytes = (25 + 13 + 2) * 1024; /* pages of one session, and two for the witness */
    check_ok(osso_engine_create_scripted(VOCAB, script, NULL, &o, &p.engine, &p.err), p.err);
    p.engine->n_sliding = p.layers = layers; /* replays as long as those of a deeper model */
    p.engine->config.window = (int64_t)(p.window = (size_t)window);
    check_ok(osso_session_create(p.engine, 99, &p.witness, &p.err), p.err);
    check_ok(osso_session_sync(p.witness, (int32_t[]){0, 0}, 2, &p.err), p.err);
    check_ok(osso_step(p.engine, &p.witness, 1, 0, &p.err), p.err);
    for (int i = 0; i < BASES; i++)
        for (int j = 0; j < CONTEXT; j++)
            p.base[i][j] = i > 0 && j < 1000 ? p.base[0][j] : (int32_t)below(VOCAB);
    for (p.op = 0; p.op < operations; p.op++) {
        struct actor *a = &p.actors[below(SESSIONS)];
        operate(a);
        check_all(a->s ? a : NULL);
    }
    osso_engine_stats(p.engine, &stats);
    print_message(
        "%d layers, window %d: %llu computed, %llu reused, %d replayed, %d guesses right, %d steps found no page\n",
        layers, window, (unsigned long long)stats.tokens_computed, (unsigned long long)stats.tokens_reused, p.replays,
        p.right, p.limits);
    assert_true(p.right > 0);
    assert_true(stats.tokens_reused > 0 && stats.tokens_computed > 0 && p.limits > 0 && p.replays > 0);
    assert_int_equal(stats.tokens_replayed, p.replays);
    osso_session_free(p.witness);
    for (int i = 0; i < SESSIONS; i++)
        osso_session_free(p.actors[i].s);
    osso_engine_stats(p.engine, &stats);
    assert_int_equal(stats.pages_used, 0);
    osso_engine_free(p.engine);
}

static void test_torture(void **state)
{
    (void)state;
    int operations = test_quick() ? 3000 : 50000;
    static const struct {
        int layers, window;
    } models[] = {{1, 128}, {3, 16}, {18, 128}, {12, 100}};
    for (int i = 0; i < 4; i++)
        torture(models[i].layers, models[i].window, 100 + (uint64_t)i, operations);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_torture)};
    return cmocka_run_group_tests_name("pages", tests, NULL, NULL);
}
