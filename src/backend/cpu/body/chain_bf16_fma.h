/* chain_bf16_fma.h: chain_bf16.h for x86 CPUs without VDPBF16PS: a word is a float, which FMA takes. */
#include "backend/cpu/body/quad.h"

enum { FOUR_WORDS = 4, WORDS_FROM = 4 };

typedef unsigned quad_bits __attribute__((vector_size(16)));

/* chain_bf16_value of four. */
INLINE quad rounded4(quad x)
{
    quad_bits u = (quad_bits)x, nan = (quad_bits)(x != x), small = (quad_bits)((u & 0x7f800000) == 0);
    quad_bits near = u + 0x7fff + (u >> 16 & 1);
    near = (near & ~small) | (u & small & 0x80000000);
    near = (near & ~nan) | ((u | 0x00400000) & nan);
    return (quad)(near & 0xffff0000);
}

INLINE quad words_along(const float *p)
{
    return rounded4(load4(p));
}

INLINE void four_words(const quad *four, quad *out)
{
    UNROLL
    for (int k = 0; k < 4; k++)
        out[k] = rounded4(four[k]);
}

INLINE vec16 add_words16(vec16 sum, vec16 b, const float *a)
{
    return fma16_by(b, *a, sum);
}

#include "backend/cpu/body/chain_bf16.h"
