/* attend__avx2.c: body/attend.h with 4 heads: their 8 sums keep two FMA units busy. */
#include "backend/cpu/avx2/vec__avx2.h"
#include "backend/cpu/fetch.h"

enum { A_HEADS = 4, A_FEW = 2, A_WIDE = 1 };
#define A_LINES(type) 1

/* A line of the next page at a turn, or every second turn: the loops of the first heads then fetch it evenly. */
INLINE void fetch_turn(enum kv_type type, int turn, struct fetch *fetch)
{
    if (type == KV_F32 || turn % 2 == 0)
        fetch_some(fetch);
}

#include "backend/cpu/body/attend.h"
