/* kv.h: the paged KV cache. K and V live in pages of 128 absolute positions, in two groups with their own lifetimes:
 * full layers and sliding layers. A page holds all layers of its group. Pages are reference counted; whoever writes a
 * shared one gets a copy first. Prefix sharing, rewind and fork are operations on page tables. */
#ifndef OSSO_MODEL_KV_H
#define OSSO_MODEL_KV_H

#include "backend/backend.h"
#include "model/config.h"

struct kv_group {
    int n_layers;
    size_t page_bytes;
    int n_pages, n_free;
    int32_t *free_list; /* n_free page numbers */
    int32_t *refs;      /* [n_pages] */
    uint8_t *memory;    /* [n_pages][page_bytes], the backend's */
};

struct kv_pool {
    const struct backend *backend;
    struct kv_layout layout;
    size_t layer_bytes;
    int64_t window;
    struct kv_group group[KV_GROUPS];
    uint8_t layer_group[MAX_LAYERS];
    size_t layer_off[MAX_LAYERS]; /* the layer's part within a page of its group */
};

/* The layout of a type by its name; NULL or "": f32 in exact mode, else f16. */
enum osso_status kv_layout_of(const struct config *config, const char *type, bool exact, struct kv_layout *layout_out,
                              struct osso_error *err);
const char *kv_type_name(enum kv_type type);

/* What a pool for these numbers takes; pages[g] and the whole in bytes. */
struct kv_plan {
    int64_t pages[KV_GROUPS];
    uint64_t page_bytes[KV_GROUPS], bytes;
};
/* Positions of sliding K and V that a session keeps behind its window, so that short rewinds replay nothing. */
enum { KV_KEEP = 1024 };
/* budget 0: what n_sessions of `context` positions need when steps have up to max_rows rows. */
enum osso_status kv_plan(const struct config *config, size_t layer_bytes, int64_t context, int n_sessions, int max_rows,
                         uint64_t budget, struct kv_plan *plan_out, struct osso_error *err);

enum osso_status kv_pool_create(const struct config *config, const struct kv_layout *layout,
                                const struct backend *backend, const struct kv_plan *plan, struct kv_pool *pool_out,
                                struct osso_error *err);
/* What the pool's lists take beside its pages. */
uint64_t kv_pool_table_bytes(const struct kv_plan *plan);
void kv_pool_free(struct kv_pool *pool);

void kv_page_ref(struct kv_pool *pool, enum kv_group_id g, int32_t page);
void kv_page_drop(struct kv_pool *pool, enum kv_group_id g, int32_t page); /* -1 is fine */

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
/* Drops the pages of slots [from, to). */
void kv_seq_drop(struct kv_pool *pool, struct kv_seq *seq, enum kv_group_id g, int from, int to);
/* Makes slot i of group g present and private to this sequence (copying a shared page). False: the pool is empty. */
bool kv_seq_own(struct kv_pool *pool, struct kv_seq *seq, enum kv_group_id g, int i);
/* Where a page lies, for the backend's copy, host and put. */
static inline uint8_t *kv_page_at(const struct kv_pool *pool, enum kv_group_id g, int32_t page)
{
    return pool->group[g].memory + (size_t)page * pool->group[g].page_bytes;
}

#endif
