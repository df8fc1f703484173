/* replay.c: forgetting K and V, and what sliding layers then lack. */
#include "engine/engine_parts.h"

/* Forgets K and V from `computed` on. What the sliding layers need right before it may be gone: then the tokens from
 * sliding layers * (window - 1) before are run again. After so many, every sliding layer has seen its whole window of
 * exact values (each layer spoils window - 1 more rows), while full layers read their kept pages and write nothing. */
void session_set_computed(struct osso_session *s, size_t computed)
{
    struct osso_engine *e = s->engine;
    int64_t behind = e->config.window - 1, c = (int64_t)computed;
    bool replaying = s->next < s->computed;
    if (s->spoiled && computed > s->own_from)
        c = (int64_t)(computed = s->own_from);
    s->spoiled = false;
    s->stream = NULL;
    int slots = (int)((c + KV_PAGE - 1) / KV_PAGE);
    kv_seq_drop(&e->kv, &s->kv, KV_FULL, slots, s->kv.n_slots);
    kv_seq_drop(&e->kv, &s->kv, KV_SLIDING, slots, s->kv.n_slots);
    for (int i = (int)(c / KV_PAGE); i < s->kv.n_slots && s->nodes[i] >= 0;
         i++) /* complete pages have nodes, one after the other */
        s->nodes[i] = -1;
    s->computed = s->next = computed;
    if (computed <= s->made_from)
        s->made_from = SIZE_MAX;
    if (s->own_from > computed)
        s->own_from = computed;
    s->logits_n = 0;
    int64_t need = c > behind ? c - behind : 0;
    if (e->n_sliding == 0 || need >= c || (!replaying && s->slide_from <= need)) {
        if (c == 0)
            s->slide_from = s->floor = s->slide_slot = 0;
        return;
    }
    int64_t start = c - e->n_sliding * behind;
    start = start > 0 ? start : 0;
    kv_seq_drop(&e->kv, &s->kv, KV_SLIDING, 0, s->kv.n_slots);
    s->next = (size_t)start;
    s->floor = (int32_t)start;
    s->slide_slot = (int)(start / KV_PAGE);
    s->slide_from = start == 0 ? 0 : need;
}
