/* prefix.c: the tree of shared prefixes. All its memory exists from the start: adding and evicting allocate nothing.
 *
 * Nodes are ordered by salt, parent and tokens, in one binary tree that chance keeps flat (a treap: each node has a
 * priority, none above its own children's). Of all siblings those next to a text in that order have the most in common
 * with it, and a search passes both. */
#include "engine/prefix.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/rng.h"

#include <string.h>

uint64_t prefix_bytes(int64_t n_pages)
{
    return (uint64_t)n_pages * sizeof(struct prefix_node);
}

enum osso_status prefix_create(struct kv_pool *kv, struct prefix *tree, struct osso_error *err)
{
    *tree = (struct prefix){.kv = kv, .root = -1, .free_node = -1};
    /* Nodes have full pages of their own, so that no more of them are ever needed. */
    int n = kv->group[KV_FULL].n_layers > 0 ? kv->n_pages : 0;
    if (n == 0)
        return OSSO_OK;
    tree->nodes = mem_pages((size_t)n * sizeof *tree->nodes);
    if (!tree->nodes)
        return error_nomem(err, prefix_bytes(n), "the prefix tree");
    tree->n_nodes = n;
    for (int i = n - 1; i >= 0; i--) {
        tree->nodes[i].full = -1;
        tree->nodes[i].right = tree->free_node;
        tree->free_node = i;
    }
    return OSSO_OK;
}

void prefix_free(struct prefix *tree)
{
    mem_pages_free(tree->nodes, (size_t)tree->n_nodes * sizeof *tree->nodes);
    *tree = (struct prefix){0};
}

/* ---- the order ------------------------------------------------------------------------------------------ */

/* What nodes are ordered by. */
struct key {
    uint64_t salt;
    int32_t parent;
    const int32_t *tokens;
    int n;
};

static struct key key_of(const struct prefix_node *node)
{
    return (struct key){node->salt, node->parent, node->tokens, node->n};
}

/* Is the key before the node (< 0), behind it, or the node's own (0)? common_out: equal tokens at the beginning. */
static int compare(const struct key *key, const struct prefix_node *node, int *common_out)
{
    int common = 0, most = key->n < node->n ? key->n : node->n;
    *common_out = 0;
    if (key->salt != node->salt)
        return key->salt < node->salt ? -1 : 1;
    if (key->parent != node->parent)
        return key->parent < node->parent ? -1 : 1;
    while (common < most && key->tokens[common] == node->tokens[common])
        common++;
    *common_out = common;
    if (common < most)
        return key->tokens[common] < node->tokens[common] ? -1 : 1;
    return key->n - node->n;
}

static uint64_t priority(int32_t i)
{
    uint64_t state = (uint64_t)i;
    return rng_splitmix(&state);
}

static void insert(struct prefix *tree, int32_t i)
{
    struct prefix_node *node = &tree->nodes[i];
    struct key key = key_of(node);
    int32_t *link = &tree->root, *less = &node->left, *more = &node->right;
    int common;
    while (*link >= 0 && priority(*link) > priority(i))
        link = compare(&key, &tree->nodes[*link], &common) < 0 ? &tree->nodes[*link].left : &tree->nodes[*link].right;
    int32_t rest = *link; /* is split into what comes before the node and what comes behind it */
    *link = i;
    while (rest >= 0) {
        struct prefix_node *other = &tree->nodes[rest];
        bool before = compare(&key, other, &common) < 0;
        int32_t **side = before ? &more : &less, *next = before ? &other->left : &other->right;
        **side = rest;
        rest = *next;
        *side = next;
    }
    *less = *more = -1;
}

static void take_out(struct prefix *tree, int32_t i)
{
    struct key key = key_of(&tree->nodes[i]);
    int32_t *link = &tree->root, less = tree->nodes[i].left, more = tree->nodes[i].right;
    int common;
    while (*link != i) {
        must(*link >= 0);
        link = compare(&key, &tree->nodes[*link], &common) < 0 ? &tree->nodes[*link].left : &tree->nodes[*link].right;
    }
    while (less >= 0 && more >= 0) {
        int32_t *top = priority(less) > priority(more) ? &less : &more;
        *link = *top;
        link = top == &less ? &tree->nodes[*top].right : &tree->nodes[*top].left;
        *top = *link;
    }
    *link = less >= 0 ? less : more;
}

/* ---- nodes ---------------------------------------------------------------------------------------------- */

struct prefix_hit prefix_find(const struct prefix *tree, int32_t parent, uint64_t salt, const int32_t *tokens, int n)
{
    struct key key = {salt, parent, tokens, n};
    struct prefix_hit best = {-1, 0};
    int order = 1, common;
    for (int32_t i = tree->n_nodes ? tree->root : -1; i >= 0 && order != 0;
         i = order < 0 ? tree->nodes[i].left : tree->nodes[i].right) {
        order = compare(&key, &tree->nodes[i], &common);
        bool slides = common > 0 && common == best.n && tree->nodes[best.node].sliding < 0;
        if (common > best.n || (slides && tree->nodes[i].sliding >= 0))
            best = (struct prefix_hit){i, common};
    }
    return best;
}

static void remove_node(struct prefix *tree, int32_t i)
{
    struct prefix_node *node = &tree->nodes[i];
    must(node->full >= 0 && node->children == 0);
    take_out(tree, i);
    kv_page_unkeep(tree->kv, node->full);
    kv_page_unkeep(tree->kv, node->sliding);
    if (node->parent >= 0)
        tree->nodes[node->parent].children--;
    *node = (struct prefix_node){.full = -1, .sliding = -1, .right = tree->free_node};
    tree->free_node = i;
}

/* What a node has of a page: only the tokens in common count, and these count as used now. */
static void touch(struct prefix *tree, const struct prefix_node *node)
{
    kv_page_rank(tree->kv, node->full, KV_RANK_FULL);
    if (node->sliding >= 0)
        kv_page_rank(tree->kv, node->sliding, (enum kv_rank)tree->kv->pages[node->sliding].rank);
}

void prefix_give_sliding(struct prefix *tree, int32_t node, int32_t page)
{
    if (tree->nodes[node].sliding >= 0 || page < 0)
        return;
    tree->nodes[node].sliding = page;
    kv_page_keep(tree->kv, page, node, KV_RANK_FAR);
}

int32_t prefix_add(struct prefix *tree, int32_t parent, uint64_t salt, const int32_t *tokens, int n, int32_t full,
                   int32_t sliding)
{
    must(n > 0 && n <= KV_PAGE && full >= 0);
    must(parent < tree->n_nodes && (parent < 0 || tree->nodes[parent].full >= 0));
    struct prefix_hit hit = prefix_find(tree, parent, salt, tokens, n);
    if (hit.n == n) {
        touch(tree, &tree->nodes[hit.node]);
        if (tree->nodes[hit.node].n == n)
            prefix_give_sliding(tree, hit.node, sliding);
        return hit.node;
    }
    if (hit.n > 0 && tree->nodes[hit.node].n == hit.n) /* the beginning of what there is now */
        remove_node(tree, hit.node);
    int32_t i = tree->free_node;
    must(i >= 0);
    struct prefix_node *node = &tree->nodes[i];
    tree->free_node = node->right;
    *node = (struct prefix_node){.salt = salt, .parent = parent, .full = full, .sliding = -1, .n = n};
    memcpy(node->tokens, tokens, (size_t)n * sizeof *tokens);
    insert(tree, i);
    kv_page_keep(tree->kv, full, i, KV_RANK_FULL);
    prefix_give_sliding(tree, i, sliding);
    if (parent >= 0)
        tree->nodes[parent].children++;
    return i;
}

void prefix_set_near(struct prefix *tree, int32_t node, bool near)
{
    if (tree->nodes[node].sliding >= 0)
        kv_page_rank(tree->kv, tree->nodes[node].sliding, near ? KV_RANK_NEAR : KV_RANK_FAR);
}

static int32_t any_child(const struct prefix *tree, int32_t parent)
{
    uint64_t salt = tree->nodes[parent].salt;
    int32_t i = tree->root;
    while (i >= 0 && (tree->nodes[i].salt != salt || tree->nodes[i].parent != parent)) {
        const struct prefix_node *node = &tree->nodes[i];
        bool before = salt != node->salt ? salt < node->salt : parent < node->parent;
        i = before ? node->left : node->right;
    }
    return i;
}

void prefix_prune(struct prefix *tree, int32_t node)
{
    for (int32_t i = node;;) {
        while (tree->nodes[i].children > 0)
            i = any_child(tree, i);
        int32_t up = tree->nodes[i].parent;
        remove_node(tree, i);
        if (i == node)
            return;
        i = up;
    }
}

bool prefix_evict(struct prefix *tree)
{
    int32_t page = kv_page_oldest(tree->kv);
    if (page < 0)
        return false;
    int32_t i = tree->kv->pages[page].node;
    struct prefix_node *node = &tree->nodes[i];
    if (node->full == page) {
        remove_node(tree, i); /* whoever holds a child's page holds this one; what is idle was used before it */
    } else {
        must(node->sliding == page);
        kv_page_unkeep(tree->kv, page);
        node->sliding = -1;
    }
    return true;
}
