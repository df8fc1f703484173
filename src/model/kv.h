/* kv.h: the paged KV cache. K and V live in pages of 128 absolute positions, in two groups with their own lifetimes:
 * full layers and sliding layers. A page holds all layers of its group; pages of both are of one size and come from one
 * pool, so that whatever fits can be held. Pages are reference counted; whoever writes a shared one gets a copy first.
 * Prefix sharing, rewind and fork are operations on page tables. */
#ifndef OSSO_MODEL_KV_H
#define OSSO_MODEL_KV_H

#include "backend/backend.h"
#include "model/config.h"

/* What only the tree of prefixes holds is given up in the order of these ranks, within one the longest unused first. */
enum kv_rank {
    KV_RANK_FAR,  /* sliding pages that nobody is likely to go on from */
    KV_RANK_FULL, /* full pages; whoever used one has used those before it, so a prefix goes from its end */
    KV_RANK_NEAR, /* sliding pages right before a point where a prefix ended: without them it must be replayed; but
                     before full pages when sliding layers have more than their share of the pool */
    KV_RANKS
};

struct kv_page {
    int32_t refs;
    int32_t node;         /* of the tree that holds one of the references, -1: none does */
    int32_t older, newer; /* in the list of its rank while only the tree holds it, -1: the last; newer: the next free */
    uint8_t group, rank;
};

struct kv_group {
    int n_layers;
    int held, cached; /* pages with a reference; those that only the tree holds */
};

struct kv_list {
    int32_t oldest, newest; /* pages, -1: none */
};

struct kv_pool {
    const struct backend *backend;
    struct kv_layout layout;
    size_t layer_bytes;
    size_t page_bytes;                  /* of the group with more layers */
    int n_pages, n_free, sliding_share; /* sliding pages beyond this share give way to full ones */
    int32_t first_free;                 /* page, -1: none */
    struct kv_page *pages;
    struct kv_list idle[KV_RANKS]; /* what only the tree holds */
    uint8_t *memory;               /* [n_pages][page_bytes], the backend's */
    struct kv_group group[KV_GROUPS];
    uint8_t layer_group[MAX_LAYERS];
    size_t layer_off[MAX_LAYERS]; /* the layer's part within a page of its group */
};

/* The layout of a type by its name; NULL or "": f32 in exact mode, else f16. */
enum osso_status kv_layout_of(const struct config *config, const char *type, bool exact, struct kv_layout *layout_out,
                              struct osso_error *err);
const char *kv_type_name(enum kv_type type);

/* What a pool for these numbers takes. */
struct kv_plan {
    int64_t n_pages, full_pages; /* full_pages: what is left when each session has its sliding pages */
    uint64_t page_bytes, bytes;
};
/* Positions of sliding K and V that a session keeps behind its window, so that short rewinds replay nothing. */
enum { KV_KEEP = 1024 };
/* budget 0: what n_sessions of `context` positions need when steps have up to max_rows rows. Any other that holds one
 * such session is turned into pages whole: which sessions share them is nobody's business here. */
enum osso_status kv_plan(const struct config *config, size_t layer_bytes, int64_t context, int n_sessions, int max_rows,
                         uint64_t budget, struct kv_plan *plan_out, struct osso_error *err);

enum osso_status kv_pool_create(const struct config *config, const struct kv_layout *layout,
                                const struct backend *backend, const struct kv_plan *plan, struct kv_pool *pool_out,
                                struct osso_error *err);
/* What the pool's lists take beside its pages. */
uint64_t kv_pool_table_bytes(const struct kv_plan *plan);
void kv_pool_free(struct kv_pool *pool);

void kv_page_ref(struct kv_pool *pool, int32_t page);
void kv_page_drop(struct kv_pool *pool, int32_t page); /* -1 is fine */

/* A reference for the tree of prefixes, to a page that somebody holds, and the way back (-1 is fine). */
void kv_page_keep(struct kv_pool *pool, int32_t page, int32_t node, enum kv_rank rank);
void kv_page_unkeep(struct kv_pool *pool, int32_t page);
/* A page of the tree's has another rank, or was used just now. */
void kv_page_rank(struct kv_pool *pool, int32_t page, enum kv_rank rank);
/* The page that the tree should give up first, -1: it holds none alone. */
int32_t kv_page_oldest(const struct kv_pool *pool);

/* One sequence's page tables: page[g][i] holds positions [128 i, 128 i + 127], -1: none. */
struct kv_seq {
    int n_slots;
    int32_t *page[KV_GROUPS];
};
enum osso_status kv_seq_create(int64_t max_positions, struct kv_seq *seq_out, struct osso_error *err);
uint64_t kv_seq_bytes(int64_t max_positions); /* what that takes */
void kv_seq_free(struct kv_pool *pool, struct kv_seq *seq);
/* Puts `page` (a reference the table takes over, or -1) into slot i, dropping what was there. */
void kv_seq_set(struct kv_pool *pool, struct kv_seq *seq, enum kv_group_id g, int i, int32_t page);
/* dst shares every page of src. */
void kv_seq_share(struct kv_pool *pool, struct kv_seq *dst, const struct kv_seq *src);
/* Drops the pages of slots [from, to); full pages from the last on, so that of what only the tree holds afterwards the
 * end of a prefix counts as older than its beginning. */
void kv_seq_drop(struct kv_pool *pool, struct kv_seq *seq, enum kv_group_id g, int from, int to);
/* Makes slot i of group g present and private to this sequence (copying a shared page). False: the pool is empty. */
bool kv_seq_own(struct kv_pool *pool, struct kv_seq *seq, enum kv_group_id g, int i);
/* Where a page lies, for the backend's copy, host and put. */
static inline uint8_t *kv_page_at(const struct kv_pool *pool, int32_t page)
{
    return pool->memory + (size_t)page * pool->page_bytes;
}

#endif
