/* prefix.c: the tree of shared prefixes. All its memory exists from the start: adding and evicting allocate nothing. */
#include "engine/prefix.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/rng.h"

#include <string.h>

static uint32_t buckets_for(int64_t n)
{
    uint32_t buckets = 16;
    while (buckets < n && buckets < (1u << 30))
        buckets *= 2;
    return buckets;
}

uint64_t prefix_bytes(int64_t full_pages)
{
    return (uint64_t)full_pages * sizeof(struct prefix_node) + buckets_for(full_pages) * sizeof(int32_t);
}

enum osso_status prefix_create(struct kv_pool *kv, struct prefix *tree, struct osso_error *err)
{
    *tree = (struct prefix){.kv = kv, .free_node = -1};
    int n = kv->group[KV_FULL].n_pages;
    uint32_t buckets = buckets_for(n);
    tree->n_nodes = n;
    tree->nodes = mem_pages((size_t)n * sizeof *tree->nodes);
    tree->buckets = mem_array(buckets, sizeof *tree->buckets);
    if (!tree->nodes || !tree->buckets) {
        prefix_free(tree);
        return error_nomem(err, (uint64_t)n * sizeof *tree->nodes, "the prefix tree");
    }
    tree->n_buckets = buckets;
    for (uint32_t i = 0; i < buckets; i++)
        tree->buckets[i] = -1;
    for (int i = n - 1; i >= 0; i--) {
        tree->nodes[i].full = -1;
        tree->nodes[i].chain = tree->free_node;
        tree->free_node = i;
    }
    return OSSO_OK;
}

void prefix_free(struct prefix *tree)
{
    mem_pages_free(tree->nodes, (size_t)tree->n_nodes * sizeof *tree->nodes);
    mem_free(tree->buckets);
    *tree = (struct prefix){0};
}

static uint32_t bucket_of(const struct prefix *tree, int32_t parent, uint64_t salt, const int32_t *tokens)
{
    uint64_t h = salt ^ (uint64_t)(uint32_t)parent << 32;
    for (int i = 0; i < KV_PAGE; i++) {
        uint64_t state = h ^ (uint32_t)tokens[i];
        h = rng_splitmix(&state);
    }
    return (uint32_t)h & (tree->n_buckets - 1);
}

static int32_t lookup(const struct prefix *tree, uint32_t bucket, int32_t parent, uint64_t salt, const int32_t *tokens)
{
    for (int32_t i = tree->buckets[bucket]; i >= 0; i = tree->nodes[i].chain) {
        const struct prefix_node *node = &tree->nodes[i];
        if (node->parent == parent && node->salt == salt && memcmp(node->tokens, tokens, sizeof node->tokens) == 0)
            return i;
    }
    return -1;
}

int32_t prefix_find(struct prefix *tree, int32_t parent, uint64_t salt, const int32_t *tokens)
{
    int32_t i = tree->n_nodes ? lookup(tree, bucket_of(tree, parent, salt, tokens), parent, salt, tokens) : -1;
    if (i >= 0)
        tree->nodes[i].used = ++tree->clock;
    return i;
}

int32_t prefix_add(struct prefix *tree, int32_t parent, uint64_t salt, const int32_t *tokens, int32_t full,
                   int32_t sliding)
{
    must(parent < tree->n_nodes && (parent < 0 || tree->nodes[parent].full >= 0));
    uint32_t bucket = bucket_of(tree, parent, salt, tokens);
    int32_t i = lookup(tree, bucket, parent, salt, tokens);
    if (i < 0) {
        i = tree->free_node;
        if (i < 0 || full < 0)
            return -1;
        struct prefix_node *node = &tree->nodes[i];
        tree->free_node = node->chain;
        *node = (struct prefix_node){.salt = salt,
                                     .parent = parent,
                                     .full = full,
                                     .sliding = -1,
                                     .bucket = bucket,
                                     .chain = tree->buckets[bucket]};
        memcpy(node->tokens, tokens, sizeof node->tokens);
        tree->buckets[bucket] = i;
        kv_page_ref(tree->kv, KV_FULL, full);
        if (parent >= 0)
            tree->nodes[parent].children++;
    }
    struct prefix_node *node = &tree->nodes[i];
    node->used = ++tree->clock;
    if (node->sliding < 0 && sliding >= 0) {
        node->sliding = sliding;
        kv_page_ref(tree->kv, KV_SLIDING, sliding);
    }
    return i;
}

static void remove_node(struct prefix *tree, int32_t i)
{
    struct prefix_node *node = &tree->nodes[i];
    int32_t *link = &tree->buckets[node->bucket];
    must(node->full >= 0 && node->children == 0);
    while (*link != i)
        link = &tree->nodes[*link].chain;
    *link = node->chain;
    kv_page_drop(tree->kv, KV_FULL, node->full);
    kv_page_drop(tree->kv, KV_SLIDING, node->sliding);
    if (node->parent >= 0)
        tree->nodes[node->parent].children--;
    *node = (struct prefix_node){.full = -1, .sliding = -1, .chain = tree->free_node};
    tree->free_node = i;
}

/* Does only the tree hold this page? */
static bool alone(const struct prefix *tree, enum kv_group_id g, int32_t page)
{
    return page >= 0 && tree->kv->group[g].refs[page] == 1;
}

bool prefix_evict(struct prefix *tree, enum kv_group_id g)
{
    int32_t oldest = -1;
    for (int32_t i = 0; i < tree->n_nodes; i++) {
        const struct prefix_node *node = &tree->nodes[i];
        bool can = node->full >= 0 && (g == KV_FULL ? node->children == 0 && alone(tree, KV_FULL, node->full)
                                                    : alone(tree, KV_SLIDING, node->sliding));
        if (can && (oldest < 0 || node->used < tree->nodes[oldest].used))
            oldest = i;
    }
    if (oldest < 0)
        return false;
    if (g == KV_FULL) {
        remove_node(tree, oldest);
    } else {
        kv_page_drop(tree->kv, KV_SLIDING, tree->nodes[oldest].sliding);
        tree->nodes[oldest].sliding = -1;
    }
    return true;
}

uint64_t prefix_cached(const struct prefix *tree)
{
    uint64_t n = 0;
    for (int32_t i = 0; i < tree->n_nodes; i++)
        if (tree->nodes[i].full >= 0)
            n += alone(tree, KV_FULL, tree->nodes[i].full) + alone(tree, KV_SLIDING, tree->nodes[i].sliding);
    return n;
}
