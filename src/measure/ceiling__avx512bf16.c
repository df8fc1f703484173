/* ceiling__avx512bf16.c: VDPBF16PS as fast as it goes: 16 independent sums, nothing loaded. */
#include <immintrin.h>
#include <stdint.h>

void ceiling_pairs__avx512bf16(int64_t rounds);

#define EACH(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)

void ceiling_pairs__avx512bf16(int64_t rounds)
{
    __m512i one = _mm512_set1_epi32(0x3f803f80); /* 1 and 1 */
#define NOTHING(i) __m512 f##i = _mm512_setzero_ps();
    EACH(NOTHING)
    for (; rounds > 0; rounds--) {
#define PAIR(i) __asm__ volatile("vdpbf16ps %1, %1, %0" : "+v"(f##i) : "v"(one));
        EACH(PAIR)
    }
}
