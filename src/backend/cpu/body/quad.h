/* quad.h: four neighbouring values, and how rows of them become columns: what the bodies of chains pack with. */
#ifndef OSSO_BACKEND_QUAD_H
#define OSSO_BACKEND_QUAD_H

#include <string.h>

/* Four neighbouring values; compilers make one register of them on every CPU. */
typedef float quad __attribute__((vector_size(16)));
#ifdef __clang__
#define PAIRS(a, b, i, j, k, l) __builtin_shufflevector(a, b, i, j, k, l)
#else
typedef int quad_order __attribute__((vector_size(16)));
#define PAIRS(a, b, i, j, k, l) __builtin_shuffle(a, b, (quad_order){i, j, k, l})
#endif

INLINE quad load4(const float *p)
{
    quad q;
    memcpy(&q, p, sizeof q);
    return q;
}

INLINE void store4(float *p, quad q)
{
    memcpy(p, &q, sizeof q);
}

/* Four rows of four as four columns. */
INLINE void turn_quads(quad a, quad b, quad c, quad d, quad *out)
{
    quad ab = PAIRS(a, b, 0, 4, 1, 5), cd = PAIRS(c, d, 0, 4, 1, 5);
    quad ab_high = PAIRS(a, b, 2, 6, 3, 7), cd_high = PAIRS(c, d, 2, 6, 3, 7);
    out[0] = PAIRS(ab, cd, 0, 1, 4, 5);
    out[1] = PAIRS(ab, cd, 2, 3, 6, 7);
    out[2] = PAIRS(ab_high, cd_high, 0, 1, 4, 5);
    out[3] = PAIRS(ab_high, cd_high, 2, 3, 6, 7);
}

INLINE void turn4(const float *const *rows, int64_t s, quad *out)
{
    turn_quads(load4(rows[0] + s), load4(rows[1] + s), load4(rows[2] + s), load4(rows[3] + s), out);
}

#endif
