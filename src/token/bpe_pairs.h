/* bpe_pairs.h: neighbours in the words, how often they occur, and which comes first: the one that occurs most, of
 * several the one with the lowest ids (left, then right). */
#ifndef OSSO_TOKEN_BPE_PAIRS_H
#define OSSO_TOKEN_BPE_PAIRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bpe_pair {
    uint64_t key;    /* left << 32 | right */
    int64_t count;   /* occurrences */
    uint32_t *words; /* those it has come to be in; it may be there no more */
    uint32_t n, cap;
    uint32_t changed; /* the round in which it was put on the list of pairs that are to be offered again */
};

/* An entry of the heap: stale when the pair has another count by now. */
struct bpe_offer {
    int64_t count;
    uint64_t key;
    uint32_t pair;
};

struct bpe_pairs {
    struct bpe_pair *list;
    size_t n, cap;
    uint32_t *slots; /* index + 1; 0 is empty */
    size_t n_slots;
    struct bpe_offer *heap;
    size_t n_heap, heap_cap;
    uint32_t *changed; /* pairs */
    size_t n_changed, changed_cap;
    uint32_t round; /* from 1 on */
    bool failed;    /* no memory; nothing is done any more */
};

void bpe_pairs_free(struct bpe_pairs *p);
/* So many more (or less) occurrences; with more of them the pair is now in this word. */
void bpe_pairs_change(struct bpe_pairs *p, uint32_t left, uint32_t right, int64_t by, uint32_t word);
/* The end of a round: what has more occurrences is offered with its new count. */
void bpe_pairs_settle(struct bpe_pairs *p);
/* Takes the first, if there is one that occurs at all. It stays where it is until the next change. */
struct bpe_pair *bpe_pairs_take(struct bpe_pairs *p);

#endif
