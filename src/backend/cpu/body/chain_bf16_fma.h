/* chain_bf16_fma.h: chain_bf16.h for x86 CPUs without VDPBF16PS: a pair of sums is two floats, which FMA takes one
 * after the other, the odd one first; and the CPU is told that small numbers are 0. */
#include "backend/cpu/body/quad.h"

enum { PAIR_WORDS = 2, WORDS_FROM = 4 };

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
    quad x = rounded4(load4(p));
    return PAIRS(x, x, 1, 0, 3, 2);
}

INLINE void pair_quads(quad even, quad odd, quad *out)
{
    out[0] = rounded4(odd);
    out[1] = rounded4(even);
}

INLINE vec16 add_words16(vec16 sum, vec16 b, const float *a)
{
    return fma16_by(b, *a, sum);
}

INLINE unsigned small_numbers_off(void)
{
    enum { FLUSH_RESULTS = 0x8000, FLUSH_OPERANDS = 0x0040 };
    unsigned before = _mm_getcsr();
    _mm_setcsr(before | FLUSH_RESULTS | FLUSH_OPERANDS);
    return before;
}

INLINE void small_numbers_back(unsigned before)
{
    _mm_setcsr(before);
}

#include "backend/cpu/body/chain_bf16.h"
