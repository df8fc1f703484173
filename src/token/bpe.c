#include "token/bpe.h"

#include "base/error.h"
#include "base/mem.h"

enum { SHORT = 64 }; /* up to here looking through all neighbours beats a heap */

void bpe_space_free(struct bpe_space *space)
{
    mem_free(space->data);
    *space = (struct bpe_space){0};
}

static enum osso_status encode_short(const struct vocab *v, const uint8_t *s, size_t n, struct osso_ids *ids,
                                     struct osso_error *err)
{
    int32_t id[SHORT];
    uint32_t rank[SHORT + 1]; /* of joining part i with part i + 1 */
    for (size_t i = 0; i < n; i++)
        id[i] = (int32_t)v->byte_ids[s[i]];
    for (size_t i = 0; i + 1 < n; i++)
        rank[i] = v->byte_ranks[s[i] << 8 | s[i + 1]];
    rank[n - 1] = VOCAB_NONE;

    for (;;) {
        size_t best = 0;
        for (size_t i = 1; i + 1 < n; i++)
            if (rank[i] < rank[best])
                best = i;
        if (rank[best] == VOCAB_NONE)
            return osso_ids_append(ids, id, n, err);
        id[best] = (int32_t)vocab_merged(v, rank[best]);
        n--;
        for (size_t i = best + 1; i < n; i++) {
            id[i] = id[i + 1];
            rank[i] = rank[i + 1];
        }
        if (best > 0)
            rank[best - 1] = vocab_rank(v, (uint32_t)id[best - 1], (uint32_t)id[best]);
        rank[best] = best + 1 < n ? vocab_rank(v, (uint32_t)id[best], (uint32_t)id[best + 1]) : VOCAB_NONE;
    }
}

/* The long way: parts in a doubly linked list, and a heap of (rank, place) of neighbours that could be joined. An
 * entry is stale when its place has another rank by now. Place n stands for both ends of the list. */
struct part {
    uint32_t id, rank, prev, next;
};

struct heap {
    uint64_t *entries; /* rank << 32 | place: the order of the numbers is the order of the merges */
    size_t len;
};

/* Four children to a node: half the levels, and the children share a cache line. */
static void heap_sink(struct heap *h, size_t i, uint64_t entry)
{
    for (size_t child; (child = 4 * i + 1) < h->len; i = child) {
        size_t end = child + 4 < h->len ? child + 4 : h->len;
        for (size_t c = child + 1; c < end; c++)
            if (h->entries[c] < h->entries[child])
                child = c;
        if (entry <= h->entries[child])
            break;
        h->entries[i] = h->entries[child];
    }
    h->entries[i] = entry;
}

static uint64_t heap_pop(struct heap *h)
{
    uint64_t top = h->entries[0];
    if (--h->len > 0)
        heap_sink(h, 0, h->entries[h->len]);
    return top;
}

static void heap_push(struct heap *h, uint64_t entry)
{
    size_t i = h->len++;
    for (; i > 0 && entry < h->entries[(i - 1) / 4]; i = (i - 1) / 4)
        h->entries[i] = h->entries[(i - 1) / 4];
    h->entries[i] = entry;
}

/* Puts the part at `place` up for joining with the next. */
static void part_offer(struct part *parts, uint32_t place, uint32_t rank, struct heap *h)
{
    parts[place].rank = rank;
    if (rank != VOCAB_NONE)
        heap_push(h, (uint64_t)rank << 32 | place);
}

static void merge_parts(const struct vocab *v, struct part *parts, uint32_t n, struct heap *h)
{
    while (h->len > 0) {
        uint64_t top = heap_pop(h);
        uint32_t place = (uint32_t)top;
        struct part *p = &parts[place], *gone;
        if (p->rank != top >> 32)
            continue;
        gone = &parts[p->next];
        p->id = vocab_merged(v, p->rank);
        gone->rank = VOCAB_NONE;
        p->next = gone->next;
        parts[p->next].prev = place;
        part_offer(parts, place, p->next == n ? VOCAB_NONE : vocab_rank(v, p->id, parts[p->next].id), h);
        if (p->prev != n)
            part_offer(parts, p->prev, vocab_rank(v, parts[p->prev].id, p->id), h);
    }
}

static enum osso_status encode_long(const struct vocab *v, const uint8_t *s, uint32_t n, struct bpe_space *space,
                                    struct osso_ids *ids, struct osso_error *err)
{
    /* Entries in the heap: one for each place at first, and each merge takes one out and puts at most two in. */
    size_t heap_bytes = 2 * (size_t)n * sizeof(uint64_t), bytes = heap_bytes + ((size_t)n + 1) * sizeof(struct part);
    if (bytes > space->bytes) {
        bpe_space_free(space);
        if (!(space->data = mem_grow(NULL, bytes, 1)))
            return error_nomem(err, bytes, "a long piece of text");
        space->bytes = bytes;
    }
    struct heap heap = {space->data, 0};
    struct part *parts = (struct part *)((char *)space->data + heap_bytes);
    for (uint32_t i = 0; i < n; i++)
        parts[i] = (struct part){v->byte_ids[s[i]], VOCAB_NONE, i ? i - 1 : n, i + 1};
    for (uint32_t i = 0; i < n; i++)
        part_offer(parts, i, i + 1 < n ? v->byte_ranks[s[i] << 8 | s[i + 1]] : VOCAB_NONE, &heap);
    merge_parts(v, parts, n, &heap);

    enum osso_status status = OSSO_OK;
    for (uint32_t i = 0; i < n && status == OSSO_OK; i = parts[i].next)
        status = osso_ids_push(ids, (int32_t)parts[i].id, err);
    return status;
}

enum osso_status bpe_encode(const struct vocab *v, const uint8_t *s, size_t n, struct bpe_space *space,
                            struct osso_ids *ids, struct osso_error *err)
{
    if (n <= SHORT)
        return encode_short(v, s, n, ids, err);
    if (n >= UINT32_MAX)
        return error_set(err, OSSO_LIMIT, "4 GiB of text without a place to cut it");
    return encode_long(v, s, (uint32_t)n, space, ids, err);
}
