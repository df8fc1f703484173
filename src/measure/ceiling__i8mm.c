/* ceiling__i8mm.c: SMMLA as fast as it goes: 16 independent sums, nothing loaded. */
#include <arm_neon.h>
#include <stdint.h>

void ceiling_dots__i8mm(int64_t rounds);

#define EACH(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)

void ceiling_dots__i8mm(int64_t rounds)
{
    int8x16_t one = vdupq_n_s8(1);
#define ZERO(i) int32x4_t s##i = vdupq_n_s32(0);
    EACH(ZERO)
    for (; rounds > 0; rounds--) {
        /* asm: the compiler may neither drop the sums nor reorder them into fewer */
#define DOT(i) __asm__ volatile("smmla %0.4s, %1.16b, %1.16b" : "+w"(s##i) : "w"(one));
        EACH(DOT)
    }
}
