/* bpe_pairs.c: a table of pairs, and a heap in which counts may be too large: they are looked at when they come up. */
#include "token/bpe_pairs.h"

#include "base/mem.h"

void bpe_pairs_free(struct bpe_pairs *p)
{
    for (size_t i = 0; i < p->n; i++)
        mem_free(p->list[i].words);
    mem_free(p->list);
    mem_free(p->slots);
    mem_free(p->heap);
    mem_free(p->changed);
    *p = (struct bpe_pairs){0};
}

/* Room for one more of a list that grows. */
static bool room(struct bpe_pairs *p, void *list, size_t n, size_t *cap, size_t size)
{
    void **at = list, *grown = mem_room(*at, n, cap, size);
    if (!grown) {
        p->failed = true;
        return false;
    }
    *at = grown;
    return true;
}

static uint32_t *find_slot(const struct bpe_pairs *p, uint64_t key)
{
    uint64_t hash = key * 0x9e3779b97f4a7c15u;
    for (size_t i = (hash >> 20) & (p->n_slots - 1);; i = (i + 1) & (p->n_slots - 1))
        if (!p->slots[i] || p->list[p->slots[i] - 1].key == key)
            return &p->slots[i];
}

static bool grow_slots(struct bpe_pairs *p)
{
    if (p->n * 2 < p->n_slots)
        return true;
    size_t n_slots = p->n_slots ? p->n_slots * 2 : 16384;
    uint32_t *slots = mem_array(n_slots, sizeof *slots);
    if (!slots) {
        p->failed = true;
        return false;
    }
    mem_free(p->slots);
    p->slots = slots;
    p->n_slots = n_slots;
    for (size_t i = 0; i < p->n; i++)
        *find_slot(p, p->list[i].key) = (uint32_t)i + 1;
    return true;
}

static void add_word(struct bpe_pairs *p, struct bpe_pair *pair, uint32_t word)
{
    if (pair->n > 0 && pair->words[pair->n - 1] == word)
        return;
    if (pair->n == pair->cap) {
        uint32_t cap = pair->cap ? pair->cap * 2 : 4, *words = mem_grow(pair->words, cap, sizeof *words);
        if (!words) {
            p->failed = true;
            return;
        }
        pair->words = words;
        pair->cap = cap;
    }
    pair->words[pair->n++] = word;
}

void bpe_pairs_change(struct bpe_pairs *p, uint32_t left, uint32_t right, int64_t by, uint32_t word)
{
    uint64_t key = (uint64_t)left << 32 | right;
    if (p->failed || !room(p, &p->list, p->n, &p->cap, sizeof *p->list) || !grow_slots(p))
        return;
    uint32_t *slot = find_slot(p, key);
    if (!*slot) {
        p->list[p->n++] = (struct bpe_pair){.key = key};
        *slot = (uint32_t)p->n;
    }
    struct bpe_pair *pair = &p->list[*slot - 1];
    pair->count += by;
    if (by < 0)
        return;
    add_word(p, pair, word);
    if (pair->changed != p->round + 1 && room(p, &p->changed, p->n_changed, &p->changed_cap, sizeof *p->changed)) {
        pair->changed = p->round + 1;
        p->changed[p->n_changed++] = *slot - 1;
    }
}

static bool before(const struct bpe_offer *a, const struct bpe_offer *b)
{
    return a->count != b->count ? a->count > b->count : a->key < b->key;
}

static void sink(struct bpe_pairs *p, size_t i, struct bpe_offer offer)
{
    for (size_t child; (child = 2 * i + 1) < p->n_heap; i = child) {
        if (child + 1 < p->n_heap && before(&p->heap[child + 1], &p->heap[child]))
            child++;
        if (!before(&p->heap[child], &offer))
            break;
        p->heap[i] = p->heap[child];
    }
    p->heap[i] = offer;
}

static void push(struct bpe_pairs *p, struct bpe_offer offer)
{
    if (!room(p, &p->heap, p->n_heap, &p->heap_cap, sizeof *p->heap))
        return;
    size_t i = p->n_heap++;
    for (; i > 0 && before(&offer, &p->heap[(i - 1) / 2]); i = (i - 1) / 2)
        p->heap[i] = p->heap[(i - 1) / 2];
    p->heap[i] = offer;
}

void bpe_pairs_settle(struct bpe_pairs *p)
{
    for (size_t i = 0; i < p->n_changed; i++) {
        const struct bpe_pair *pair = &p->list[p->changed[i]];
        if (pair->count > 0)
            push(p, (struct bpe_offer){pair->count, pair->key, p->changed[i]});
    }
    p->n_changed = 0;
    p->round++;
}

struct bpe_pair *bpe_pairs_take(struct bpe_pairs *p)
{
    while (p->n_heap > 0 && !p->failed) {
        struct bpe_offer top = p->heap[0];
        struct bpe_pair *pair = &p->list[top.pair];
        if (pair->count == top.count || pair->count <= 0) {
            p->n_heap--;
            if (p->n_heap > 0)
                sink(p, 0, p->heap[p->n_heap]);
            if (pair->count > 0)
                return pair;
        } else {
            top.count = pair->count;
            sink(p, 0, top);
        }
    }
    return NULL;
}
