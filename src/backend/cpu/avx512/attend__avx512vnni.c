/* attend__avx512vnni.c: body/attend.h with two vectors by 8 heads: 16 sums. */
#include "backend/cpu/avx512/vec__avx512vnni.h"
#include "backend/cpu/fetch.h"

enum { A_HEADS = 8, A_FEW = 2, A_WIDE = 2 };
/* 512 turns of a page's two loops: all of the next one. */
#define A_LINES(type) ((type) == KV_F32 ? 2 : 1)

INLINE void fetch_turn(enum kv_type type, int turn, struct fetch *fetch)
{
    (void)type, (void)turn;
    fetch_some(fetch);
}

#include "backend/cpu/body/attend.h"
