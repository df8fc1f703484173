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
    /* One page more per session than it can fill: the copy that a write to a shared page makes. */
    int64_t full = pages_for(context) + 1;
    int64_t sliding = min64(pages_for(c->window + KV_KEEP + max_rows) + 2, full);
    int64_t per_session[KV_GROUPS] = {n_layers[KV_FULL] ? full : 0, n_layers[KV_SLIDING] ? sliding : 0};
    uint64_t need = 0;
    for (int g = 0; g < KV_GROUPS; g++) {
        uint64_t bytes;
        plan->page_bytes[g] = (uint64_t)n_layers[g] * layer_bytes;
        plan->pages[g] = per_session[g] * n_sessions;
        if (plan->pages[g] > INT32_MAX || !ck_mul(plan->page_bytes[g], (uint64_t)plan->pages[g], &bytes) ||
            !ck_add(need, bytes, &need))
            return error_set(err, OSSO_LIMIT, "a KV cache for %d sessions of %lld tokens is too large to count",
                             n_sessions, (long long)context);
    }
    plan->bytes = need;
    if (budget == 0 || need == 0)
        return OSSO_OK;
    uint64_t one = need / (uint64_t)n_sessions;
    if (budget < one)
        return error_set(err, OSSO_LIMIT,
                         "a KV budget of %llu bytes cannot hold one session of %lld tokens (%llu bytes)",
                         (unsigned long long)budget, (long long)context, (unsigned long long)one);
    plan->bytes = 0;
    for (int g = 0; g < KV_GROUPS; g++) { /* the same proportions, scaled to the budget */
        plan->pages[g] = (int64_t)((double)plan->pages[g] * ((double)budget / (double)need));
        if (plan->pages[g] > INT32_MAX)
            plan->pages[g] = INT32_MAX;
        if (plan->pages[g] < per_session[g])
            plan->pages[g] = per_session[g];
        plan->bytes += (uint64_t)plan->pages[g] * plan->page_bytes[g];
    }
    return OSSO_OK;
}

static enum osso_status group_create(const struct backend *backend, struct kv_group *g, int64_t n_pages,
                                     struct osso_error *err)
{
    g->n_pages = (int)n_pages;
    g->free_list = mem_array((size_t)n_pages, sizeof *g->free_list);
    g->refs = mem_array((size_t)n_pages, sizeof *g->refs);
    size_t bytes = (size_t)n_pages * g->page_bytes;
    g->memory = backend->alloc(backend, bytes);
    if (!g->free_list || !g->refs || !g->memory)
        return error_nomem(err, bytes, "the KV cache; ask for a smaller context with -c");
    for (int i = 0; i < g->n_pages; i++)
        g->free_list[i] = g->n_pages - 1 - i; /* taken from the end: low pages first */
    g->n_free = g->n_pages;
    return OSSO_OK;
}

enum osso_status kv_pool_create(const struct config *c, const struct kv_layout *layout, const struct backend *backend,
                                const struct kv_plan *plan, struct kv_pool *pool, struct osso_error *err)
{
    *pool = (struct kv_pool){.backend = backend, .layout = *layout, .window = c->window};
    pool->layer_bytes = backend->kv_layer_bytes(layout);
    for (int l = 0; l < c->n_layers; l++) {
        enum kv_group_id g = c->sliding[l] ? KV_SLIDING : KV_FULL;
        pool->layer_group[l] = (uint8_t)g;
        pool->layer_off[l] = (size_t)pool->group[g].n_layers++ * pool->layer_bytes;
    }
    for (int g = 0; g < KV_GROUPS; g++) {
        pool->group[g].page_bytes = (size_t)pool->group[g].n_layers * pool->layer_bytes;
        enum osso_status status = group_create(backend, &pool->group[g], plan->pages[g], err);
        if (status) {
            kv_pool_free(pool);
            return status;
        }
    }
    return OSSO_OK;
}

uint64_t kv_pool_table_bytes(const struct kv_plan *plan)
{
    const struct kv_group *g;
    return (uint64_t)(plan->pages[KV_FULL] + plan->pages[KV_SLIDING]) * (sizeof *g->free_list + sizeof *g->refs);
}

void kv_pool_free(struct kv_pool *pool)
{
    for (int i = 0; i < KV_GROUPS; i++) {
        struct kv_group *g = &pool->group[i];
        mem_free(g->free_list);
        mem_free(g->refs);
        if (pool->backend)
            pool->backend->free(pool->backend, g->memory, (size_t)g->n_pages * g->page_bytes);
        *g = (struct kv_group){0};
    }
}

/* -1: no page is free. A new page has one reference. */
static int32_t take_page(struct kv_pool *pool, enum kv_group_id id)
{
    struct kv_group *g = &pool->group[id];
    if (g->n_free == 0)
        return -1;
    int32_t page = g->free_list[--g->n_free];
    must(page >= 0 && page < g->n_pages && g->refs[page] == 0);
    g->refs[page] = 1;
    return page;
}

void kv_page_ref(struct kv_pool *pool, enum kv_group_id id, int32_t page)
{
    must(page < pool->group[id].n_pages && (page < 0 || pool->group[id].refs[page] > 0));
    if (page >= 0)
        pool->group[id].refs[page]++;
}

void kv_page_drop(struct kv_pool *pool, enum kv_group_id id, int32_t page)
{
    struct kv_group *g = &pool->group[id];
    must(page < g->n_pages && (page < 0 || g->refs[page] > 0));
    if (page >= 0 && --g->refs[page] == 0)
        g->free_list[g->n_free++] = page;
}

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
    must(i >= 0 && i < seq->n_slots && page < pool->group[g].n_pages);
    kv_page_drop(pool, g, seq->page[g][i]);
    seq->page[g][i] = page;
}

void kv_seq_share(struct kv_pool *pool, struct kv_seq *dst, const struct kv_seq *src)
{
    must(src->n_slots <= dst->n_slots);
    for (int g = 0; g < KV_GROUPS; g++)
        for (int i = 0; i < src->n_slots; i++) {
            kv_page_ref(pool, (enum kv_group_id)g, src->page[g][i]);
            kv_seq_set(pool, dst, (enum kv_group_id)g, i, src->page[g][i]);
        }
}

void kv_seq_drop(struct kv_pool *pool, struct kv_seq *seq, enum kv_group_id g, int from, int to)
{
    for (int i = from; i < to && i < seq->n_slots; i++)
        kv_seq_set(pool, seq, g, i, -1);
}

bool kv_seq_own(struct kv_pool *pool, struct kv_seq *seq, enum kv_group_id g, int i)
{
    struct kv_group *group = &pool->group[g];
    must(i >= 0 && i < seq->n_slots);
    int32_t old = seq->page[g][i];
    if (group->n_layers == 0 || (old >= 0 && group->refs[old] == 1))
        return true;
    int32_t page = take_page(pool, g);
    if (page < 0)
        return false;
    if (old >= 0)
        pool->backend->copy(pool->backend, kv_page_at(pool, g, page), kv_page_at(pool, g, old), group->page_bytes);
    kv_seq_set(pool, seq, g, i, page);
    return true;
}
