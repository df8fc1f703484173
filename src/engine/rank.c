/* rank.c: heaps and order of candidates. */
#include "engine/rank.h"

static void swap(struct osso_choice *a, struct osso_choice *b)
{
    struct osso_choice t = *a;
    *a = *b;
    *b = t;
}

bool rank_before(const struct osso_choice *a, const struct osso_choice *b)
{
    return a->logprob > b->logprob || (a->logprob == b->logprob && a->id < b->id);
}

void rank_sift(struct osso_choice *heap, size_t n, size_t i)
{
    for (;;) {
        size_t worst = i, l = 2 * i + 1, r = l + 1;
        if (l < n && rank_before(&heap[worst], &heap[l]))
            worst = l;
        if (r < n && rank_before(&heap[worst], &heap[r]))
            worst = r;
        if (worst == i)
            return;
        swap(&heap[i], &heap[worst]);
        i = worst;
    }
}

void rank_heapify(struct osso_choice *list, size_t n)
{
    for (size_t i = n / 2; i-- > 0;)
        rank_sift(list, n, i);
}

void rank_sort(struct osso_choice *heap, size_t n)
{
    for (size_t m = n; m > 1; m--) {
        swap(&heap[0], &heap[m - 1]);
        rank_sift(heap, m - 1, 0);
    }
}
