/* fill.c: K and V out of thin air, so that decoding at a depth can be measured without computing that depth first. */
#include "osso/bench.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/rng.h"
#include "engine/engine_parts.h"

/* One page of one group, written by the backend's own kv_append, whatever the layout and the KV type are. */
struct page_work {
    struct osso_engine *engine;
    enum kv_group_id group;
    struct kv_rows rows;
    const real *k, *v;
};

static void write_page(const struct member *member, void *arg)
{
    struct page_work *work = arg;
    struct osso_engine *e = work->engine;
    struct hand hand = forward_hand(&e->forward, member);
    struct kv_rows rows = work->rows;
    for (int l = 0; l < e->config.n_layers; l++)
        if (e->kv.layer_group[l] == work->group) {
            rows.layer_off = e->kv.layer_off[l];
            e->backend->kv_append(&hand, &rows, work->k, work->v);
        }
}

/* Random numbers of variance 1, about what a normed and rotated key has. */
static void noise(real *v, size_t n, uint64_t seed)
{
    struct rng rng;
    rng_seed(&rng, seed);
    for (size_t i = 0; i < n; i++)
        v[i] = (real)((rng_unit(&rng) - 0.5) * 3.4641016);
}

/* Noise in memory of the backend; NULL: there is none. */
static real *made_up(const struct osso_engine *e, size_t n, uint64_t seed)
{
    real *there = e->backend->alloc(e->backend, n * sizeof *there), *here = mem_array(n, sizeof *here);
    if (there && here) {
        noise(here, n, seed);
        e->backend->put(e->backend, there, here, n * sizeof *there);
    } else {
        e->backend->free(e->backend, there, n * sizeof *there);
        there = NULL;
    }
    mem_free(here);
    return there;
}

/* Slots [from, to) of a group: the first is written, the others are copies of it in memory of their own. */
static enum osso_status fill_group(struct osso_session *s, enum kv_group_id g, int from, int to, const real *k,
                                   const real *v, struct osso_error *err)
{
    struct osso_engine *e = s->engine;
    static const int32_t seq[KV_PAGE];
    int32_t pos[KV_PAGE];
    if (e->kv.group[g].n_layers == 0)
        return OSSO_OK;
    for (int slot = from; slot < to; slot++)
        if (!session_own(s, g, slot))
            return error_set(err, OSSO_LIMIT, "the KV cache has no page for position %lld", (long long)slot * KV_PAGE);
    const int32_t *pages = s->kv.page[g] + from, *tables[1] = {pages};
    for (int i = 0; i < KV_PAGE; i++)
        pos[i] = i;
    struct batch batch = {.n = KV_PAGE, .n_seqs = 1, .n_slots = 1, .pos = pos, .seq = seq, .tables = {tables, tables}},
                 staged;
    enum osso_status status = e->backend->begin(e->backend, &batch, &staged, &e->broken_why);
    if (status)
        return engine_break(e, status, err);
    struct page_work work = {e,
                             g,
                             {.layout = e->kv.layout,
                              .n = KV_PAGE,
                              .pos = staged.pos,
                              .seq = staged.seq,
                              .tables = staged.tables[g],
                              .pages = e->kv.memory,
                              .page_bytes = e->kv.page_bytes},
                             k,
                             v};
    team_run(e->team, write_page, &work);
    status = e->backend->end(e->backend, &e->broken_why);
    for (int slot = from + 1; slot < to && !status; slot++)
        e->backend->copy(e->backend, kv_page_at(&e->kv, s->kv.page[g][slot]), kv_page_at(&e->kv, pages[0]),
                         e->kv.page_bytes);
    return status ? engine_break(e, status, err) : OSSO_OK;
}

enum osso_status osso_bench_fill(struct osso_session *s, const int32_t *ids, size_t n, struct osso_error *err)
{
    struct osso_engine *e = s->engine;
    enum osso_status status = engine_check(e, err);
    if (!status)
        status = osso_session_sync(s, ids, n, err);
    if (status)
        return status;
    session_set_computed(s, 0);
    if (n == 0)
        return OSSO_OK;
    size_t values = (size_t)KV_PAGE * (size_t)e->config.n_kv_heads * (size_t)e->config.head_dim;
    real *k = made_up(e, 2 * values, 1 + s->salt);
    if (!k)
        return error_nomem(err, 2 * values * sizeof *k, "made-up keys and values");
    /* A session keeps sliding pages no further back than release_sliding leaves them. */
    int64_t behind = (int64_t)n - e->config.window - KV_KEEP;
    int last = (int)((n + KV_PAGE - 1) / KV_PAGE), first = behind > 0 ? (int)(behind / KV_PAGE) : 0;
    status = fill_group(s, KV_FULL, 0, last, k, k + values, err);
    if (!status)
        status = fill_group(s, KV_SLIDING, first, last, k, k + values, err);
    e->backend->free(e->backend, k, 2 * values * sizeof *k);
    if (status) {
        session_set_computed(s, 0);
        return status;
    }
    s->made_from = 0;
    s->computed = s->next = n;
    s->slide_slot = first;
    s->slide_from = (int64_t)first * KV_PAGE;
    s->floor = (int32_t)s->slide_from;
    return OSSO_OK;
}
