/* kv.c: the paged KV cache: pool, references, page tables. */
#include "model/kv.h"

#include "base/checked.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/must.h"

#include <string.h>

/* The types that a name asks for; f64 is the double build's alone. */
static const struct {
    const char *name;
    enum kv_type type;
} types[] = {{"f16", KV_F16}, {"bf16", KV_BF16}, {"f32", KV_F32}, {"q8_0", KV_Q8_0}};
enum { N_TYPES = sizeof types / sizeof types[0] };

const char *kv_type_name(enum kv_type type)
{
    for (int i = 0; i < N_TYPES; i++)
        if (types[i].type == type)
            return types[i].name;
    return "f64";
}

enum osso_status kv_layout_of(const struct config *c, const char *type, bool exact, struct kv_layout *layout_out,
                              struct osso_error *err)
{
    int i = 0;
    *layout_out = (struct kv_layout){.n_kv_heads = c->n_kv_heads, .head_dim = c->head_dim};
    if (!type || !type[0])
        type = exact ? "f32" : "f16";
    while (i < N_TYPES && strcmp(type, types[i].name) != 0)
        i++;
    if (i == N_TYPES)
        return error_set(err, OSSO_USAGE, "KV type \"%s\" is unknown; the types are f16, bf16, f32 and q8_0", type);
    layout_out->type = types[i].type;
    if (layout_out->type == KV_Q8_0 && c->head_dim % QUANT_BLOCK != 0)
        return error_set(err, OSSO_UNSUPPORTED,
                         "KV type q8_0 packs 32 dimensions together, and this model's heads have %d; use f16",
                         c->head_dim);
    return OSSO_OK;
}

static int64_t pages_for(int64_t positions)
{
    return (positions + KV_PAGE - 1) / KV_PAGE;
}

static int64_t min64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

enum osso_status kv_plan(const struct config *c, size_t layer_bytes, int64_t context, int n_sessions, int max_rows,
                         uint64_t budget, struct kv_plan *plan, struct osso_error *err)
{
    int n_layers[KV_GROUPS] = {0};
    for (int l = 0; l < c->n_layers; l++)
        n_layers[c->sliding[l] ? KV_SLIDING : KV_FULL]++;
    int most = n_layers[KV_FULL] > n_layers[KV_SLIDING] ? n_layers[KV_FULL] : n_layers[KV_SLIDING];
    /* One page more per session than it can fill: the copy that a write to a shared page makes. */
    int64_t full = pages_for(context) + 1;
    int64_t sliding = min64(pages_for(c->window + KV_KEEP + max_rows) + 2, full);
    full = n_layers[KV_FULL] ? full : 0;
    sliding = n_layers[KV_SLIDING] ? sliding : 0;
    *plan = (struct kv_plan){.page_bytes = (uint64_t)most * layer_bytes, .n_pages = (full + sliding) * n_sessions};
    if (plan->n_pages > INT32_MAX || !ck_mul(plan->page_bytes, (uint64_t)plan->n_pages, &plan->bytes))
        return error_set(err, OSSO_LIMIT, "a KV cache for %d sessions of %lld tokens is too large to count", n_sessions,
                         (long long)context);
    uint64_t one = plan->page_bytes * (uint64_t)(full + sliding);
    if (budget > 0 && budget < one)
        return error_set(err, OSSO_LIMIT,
                         "a KV budget of %llu bytes cannot hold one session of %lld tokens (%llu bytes)",
                         (unsigned long long)budget, (long long)context, (unsigned long long)one);
    if (budget > 0 && one > 0) {
        uint64_t fits = budget / plan->page_bytes;
        plan->n_pages = fits < INT32_MAX ? (int64_t)fits : INT32_MAX;
        plan->bytes = (uint64_t)plan->n_pages * plan->page_bytes;
    }
    plan->full_pages = plan->n_pages - min64(sliding * n_sessions, plan->n_pages - full);
    return OSSO_OK;
}

static enum osso_status pages_create(struct kv_pool *pool, int64_t n_pages, struct osso_error *err)
{
    pool->n_pages = pool->n_free = (int)n_pages;
    pool->pages = mem_array((size_t)n_pages, sizeof *pool->pages);
    size_t bytes = (size_t)n_pages * pool->page_bytes;
    pool->memory = pool->backend->alloc(pool->backend, bytes);
    if (!pool->pages || !pool->memory)
        return error_nomem(err, bytes, "the KV cache; ask for a smaller context with -c");
    for (int i = 0; i < pool->n_pages; i++) /* low pages first */
        pool->pages[i] = (struct kv_page){.node = -1, .older = -1, .newer = i + 1 < pool->n_pages ? i + 1 : -1};
    pool->first_free = pool->n_pages > 0 ? 0 : -1;
    return OSSO_OK;
}

enum osso_status kv_pool_create(const struct config *c, const struct kv_layout *layout, const struct backend *backend,
                                const struct kv_plan *plan, struct kv_pool *pool, struct osso_error *err)
{
    *pool = (struct kv_pool){.backend = backend, .layout = *layout};
    pool->layer_bytes = backend->kv_layer_bytes(layout);
    pool->page_bytes = (size_t)plan->page_bytes;
    pool->sliding_share = (int)(plan->n_pages - plan->full_pages);
    for (int i = 0; i < KV_RANKS; i++)
        pool->idle[i] = (struct kv_list){-1, -1};
    for (int l = 0; l < c->n_layers; l++) {
        enum kv_group_id g = c->sliding[l] ? KV_SLIDING : KV_FULL;
        pool->layer_group[l] = (uint8_t)g;
        pool->layer_off[l] = (size_t)pool->group[g].n_layers++ * pool->layer_bytes;
    }
    enum osso_status status = pages_create(pool, plan->n_pages, err);
    if (status)
        kv_pool_free(pool);
    return status;
}

uint64_t kv_pool_table_bytes(const struct kv_plan *plan)
{
    return (uint64_t)plan->n_pages * sizeof(struct kv_page);
}

void kv_pool_free(struct kv_pool *pool)
{
    mem_free(pool->pages);
    if (pool->backend)
        pool->backend->free(pool->backend, pool->memory, (size_t)pool->n_pages * pool->page_bytes);
    *pool = (struct kv_pool){0};
}

/* ---- references ----------------------------------------------------------------------------------------- */

/* -1: no page is free. A new page has one reference. */
static int32_t take_page(struct kv_pool *pool, enum kv_group_id g)
{
    int32_t page = pool->first_free;
    if (page < 0)
        return -1;
    struct kv_page *p = &pool->pages[page];
    must(p->refs == 0 && p->node < 0);
    pool->first_free = p->newer;
    pool->n_free--;
    pool->group[g].held++;
    *p = (struct kv_page){.refs = 1, .node = -1, .older = -1, .newer = -1, .group = (uint8_t)g};
    return page;
}

/* The list that a page ends, seen from its older or its newer end. */
static int32_t *link_from(struct kv_pool *pool, const struct kv_page *p, bool older)
{
    if (older)
        return p->older < 0 ? &pool->idle[p->rank].oldest : &pool->pages[p->older].newer;
    return p->newer < 0 ? &pool->idle[p->rank].newest : &pool->pages[p->newer].older;
}

static bool is_idle(const struct kv_page *p)
{
    return p->refs == 1 && p->node >= 0;
}

/* A page that only the tree holds from now on: the newest of its rank. */
static void list(struct kv_pool *pool, int32_t page)
{
    struct kv_page *p = &pool->pages[page];
    p->older = pool->idle[p->rank].newest;
    p->newer = -1;
    *link_from(pool, p, true) = page;
    pool->idle[p->rank].newest = page;
    pool->group[p->group].cached++;
}

static void unlist(struct kv_pool *pool, int32_t page)
{
    struct kv_page *p = &pool->pages[page];
    *link_from(pool, p, true) = p->newer;
    *link_from(pool, p, false) = p->older;
    p->older = p->newer = -1;
    pool->group[p->group].cached--;
}

void kv_page_ref(struct kv_pool *pool, int32_t page)
{
    must(page < pool->n_pages && (page < 0 || pool->pages[page].refs > 0));
    if (page < 0)
        return;
    if (is_idle(&pool->pages[page]))
        unlist(pool, page);
    pool->pages[page].refs++;
}

void kv_page_drop(struct kv_pool *pool, int32_t page)
{
    must(page < pool->n_pages && (page < 0 || pool->pages[page].refs > 0));
    if (page < 0)
        return;
    struct kv_page *p = &pool->pages[page];
    must(!is_idle(p)); /* the last reference is the tree's, and it unkeeps */
    p->refs--;
    if (is_idle(p))
        list(pool, page);
    if (p->refs > 0)
        return;
    p->newer = pool->first_free;
    pool->first_free = page;
    pool->n_free++;
    pool->group[p->group].held--;
}

void kv_page_keep(struct kv_pool *pool, int32_t page, int32_t node, enum kv_rank rank)
{
    struct kv_page *p = &pool->pages[page];
    must(page >= 0 && p->refs > 0 && p->node < 0);
    p->refs++;
    p->node = node;
    p->rank = (uint8_t)rank;
}

void kv_page_unkeep(struct kv_pool *pool, int32_t page)
{
    if (page < 0)
        return;
    must(pool->pages[page].node >= 0);
    if (is_idle(&pool->pages[page]))
        unlist(pool, page);
    pool->pages[page].node = -1;
    kv_page_drop(pool, page);
}

void kv_page_rank(struct kv_pool *pool, int32_t page, enum kv_rank rank)
{
    bool idle = is_idle(&pool->pages[page]);
    if (idle)
        unlist(pool, page);
    pool->pages[page].rank = (uint8_t)rank;
    if (idle)
        list(pool, page);
}

int32_t kv_page_oldest(const struct kv_pool *pool)
{
    const int32_t far = pool->idle[KV_RANK_FAR].oldest, full = pool->idle[KV_RANK_FULL].oldest,
                  near = pool->idle[KV_RANK_NEAR].oldest;
    bool too_many = pool->group[KV_SLIDING].held >= pool->sliding_share; /* or will be */
    if (far >= 0)
        return far;
    return full < 0 || (too_many && near >= 0) ? near : full;
}

/* ---- page tables ---------------------------------------------------------------------------------------- */

enum osso_status kv_seq_create(int64_t max_positions, struct kv_seq *seq, struct osso_error *err)
{
    *seq = (struct kv_seq){.n_slots = (int)pages_for(max_positions)};
    for (int g = 0; g < KV_GROUPS; g++) {
        seq->page[g] = mem_array((size_t)seq->n_slots, sizeof *seq->page[g]);
        if (!seq->page[g]) {
            kv_seq_free(NULL, seq);
            return error_nomem(err, (uint64_t)seq->n_slots * sizeof *seq->page[g], "a session's page table");
        }
        for (int i = 0; i < seq->n_slots; i++)
            seq->page[g][i] = -1;
    }
    return OSSO_OK;
}

uint64_t kv_seq_bytes(int64_t max_positions)
{
    return (uint64_t)pages_for(max_positions) * KV_GROUPS * sizeof(int32_t);
}

void kv_seq_free(struct kv_pool *pool, struct kv_seq *seq)
{
    for (int g = 0; g < KV_GROUPS; g++) {
        if (pool)
            kv_seq_drop(pool, seq, (enum kv_group_id)g, 0, seq->n_slots);
        mem_free(seq->page[g]);
    }
    *seq = (struct kv_seq){0};
}

void kv_seq_set(struct kv_pool *pool, struct kv_seq *seq, enum kv_group_id g, int i, int32_t page)
{
    must(i >= 0 && i < seq->n_slots && page < pool->n_pages);
    kv_page_drop(pool, seq->page[g][i]);
    seq->page[g][i] = page;
}

void kv_seq_share(struct kv_pool *pool, struct kv_seq *dst, const struct kv_seq *src)
{
    must(src->n_slots <= dst->n_slots);
    for (int g = 0; g < KV_GROUPS; g++)
        for (int i = 0; i < src->n_slots; i++) {
            kv_page_ref(pool, src->page[g][i]);
            kv_seq_set(pool, dst, (enum kv_group_id)g, i, src->page[g][i]);
        }
}

void kv_seq_drop(struct kv_pool *pool, struct kv_seq *seq, enum kv_group_id g, int from, int to)
{
    int n = (to < seq->n_slots ? to : seq->n_slots) - from;
    for (int i = 0; i < n; i++)
        kv_seq_set(pool, seq, g, g == KV_FULL ? from + n - 1 - i : from + i, -1);
}

bool kv_seq_own(struct kv_pool *pool, struct kv_seq *seq, enum kv_group_id g, int i)
{
    int n_layers = pool->group[g].n_layers;
    must(i >= 0 && i < seq->n_slots);
    int32_t old = seq->page[g][i];
    if (n_layers == 0 || (old >= 0 && pool->pages[old].refs == 1))
        return true;
    int32_t page = take_page(pool, g);
    if (page < 0)
        return false;
    if (old >= 0)
        pool->backend->copy(pool->backend, kv_page_at(pool, page), kv_page_at(pool, old),
                            (size_t)n_layers * pool->layer_bytes);
    kv_seq_set(pool, seq, g, i, page);
    return true;
}
