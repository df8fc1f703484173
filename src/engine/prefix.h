/* prefix.h: the tree of prefixes that sessions share. A node is one page of 128 tokens after its parent's; it keeps a
 * reference to the page of full layers and, while there is room, to the page of sliding layers. Salted: equal tokens
 * under another salt are another tree. Token ids are compared, never only a hash. */
#ifndef OSSO_ENGINE_PREFIX_H
#define OSSO_ENGINE_PREFIX_H

#include "model/kv.h"

struct prefix_node {
    uint64_t salt, used;
    int32_t parent, children; /* parent -1: a first page */
    int32_t full, sliding;    /* pages; sliding -1: given back; full -1: the node is free */
    int32_t chain;            /* next node of the same bucket, or of the free list */
    uint32_t bucket;
    int32_t tokens[KV_PAGE];
};

struct prefix {
    struct kv_pool *kv;
    struct prefix_node *nodes;
    int32_t *buckets;
    int32_t free_node;
    int n_nodes;
    uint32_t n_buckets; /* a power of two */
    uint64_t clock;
};

enum osso_status prefix_create(struct kv_pool *kv, struct prefix *tree_out, struct osso_error *err);
/* What prefix_create takes for a pool with so many pages of full layers. */
uint64_t prefix_bytes(int64_t full_pages);
void prefix_free(struct prefix *tree);
/* The child of `parent` (-1: a root under this salt) for these 128 tokens, or -1. */
int32_t prefix_find(struct prefix *tree, int32_t parent, uint64_t salt, const int32_t *tokens);
/* The same, made from these pages (it takes references of its own) when there is none; -1 when no node is free. */
int32_t prefix_add(struct prefix *tree, int32_t parent, uint64_t salt, const int32_t *tokens, int32_t full,
                   int32_t sliding);
/* Frees one page of group g that nobody but the tree holds, the longest unused first. False: there is none. */
bool prefix_evict(struct prefix *tree, enum kv_group_id g);
/* Pages that only the tree holds. */
uint64_t prefix_cached(const struct prefix *tree);

#endif
