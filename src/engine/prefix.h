/* prefix.h: the tree of prefixes that sessions share. A node is one page of up to 128 tokens after its parent's; it
 * keeps a reference to the page of full layers and, while there is room, to the page of sliding layers. Only a node of
 * 128 tokens has children, and no node's tokens begin with all of a sibling's. Salted: equal tokens under another salt
 * are another tree. Token ids are compared, never a hash. */
#ifndef OSSO_ENGINE_PREFIX_H
#define OSSO_ENGINE_PREFIX_H

#include "model/kv.h"

struct prefix_node {
    uint64_t salt;
    int32_t parent, children; /* parent -1: a first page */
    int32_t full, sliding;    /* pages; sliding -1: given back; full -1: the node is free */
    int32_t left, right;      /* in the order of nodes (prefix.c); right: the next free node */
    int32_t n;                /* tokens */
    int32_t tokens[KV_PAGE];
};

struct prefix {
    struct kv_pool *kv;
    struct prefix_node *nodes;
    int32_t root, free_node;
    int n_nodes; /* 0: the model has no full layers, and nothing is shared */
};

enum osso_status prefix_create(struct kv_pool *kv, struct prefix *tree_out, struct osso_error *err);
/* What prefix_create takes for a pool with so many pages. */
uint64_t prefix_bytes(int64_t n_pages);
void prefix_free(struct prefix *tree);

/* A child of `parent` (-1: a root under this salt) that has the longest beginning in common with n tokens, and its
 * length; {-1, 0}: none has one. Of several preferably one with its sliding page. */
struct prefix_hit {
    int32_t node;
    int n;
};
struct prefix_hit prefix_find(const struct prefix *tree, int32_t parent, uint64_t salt, const int32_t *tokens, int n);
/* The child with these n tokens, or one that has more behind them; made from these pages (it takes references of its
 * own) when there is none. sliding -1: not right, or not there. */
int32_t prefix_add(struct prefix *tree, int32_t parent, uint64_t salt, const int32_t *tokens, int n, int32_t full,
                   int32_t sliding);
/* A node whose sliding page was given back gets this one, right for all its tokens. */
void prefix_give_sliding(struct prefix *tree, int32_t node, int32_t page);
/* Somebody is likely to go on right behind this node (near), or not: its sliding page's rank. */
void prefix_set_near(struct prefix *tree, int32_t node, bool near);
/* Takes a node and all behind it out, also while sessions hold their pages. */
void prefix_prune(struct prefix *tree, int32_t node);
/* Frees at least one page that nobody but the tree holds (kv_page_oldest), in constant time but for the search of one
 * node in their order. False: there is none. */
bool prefix_evict(struct prefix *tree);

#endif
