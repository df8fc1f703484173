/* attend__neon.c: body/attend.h with 4 heads: 16 registers of sums. */
#include "backend/cpu/arm/vec__neon.h"
#include "backend/cpu/fetch.h"

enum { A_HEADS = 4, A_FEW = 1, A_WIDE = 1 };
#define A_LINES(type) 1

/* A line at every turn of a loop, of which a page has enough. */
INLINE void fetch_turn(enum kv_type type, int turn, struct fetch *fetch)
{
    (void)type, (void)turn;
    if (fetch->at < fetch->end)
        __builtin_prefetch(fetch->at);
    fetch->at += 64;
}

#include "backend/cpu/body/attend.h"
