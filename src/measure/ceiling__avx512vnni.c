/* ceiling__avx512vnni.c: VPDPBUSD and FMA as fast as they go: 16 independent sums, nothing loaded. */
#include <immintrin.h>
#include <stdint.h>

void ceiling_dots__avx512vnni(int64_t rounds);
void ceiling_fmas__avx512vnni(int64_t rounds);

#define EACH(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14) X(15)

void ceiling_dots__avx512vnni(int64_t rounds)
{
    __m512i one = _mm512_set1_epi8(1);
#define ZERO(i) __m512i s##i = _mm512_setzero_si512();
    EACH(ZERO)
    for (; rounds > 0; rounds--) {
        /* asm: the compiler may neither drop the sums nor reorder them into fewer */
#define DOT(i) __asm__ volatile("vpdpbusd %1, %1, %0" : "+v"(s##i) : "v"(one));
        EACH(DOT)
    }
}

void ceiling_fmas__avx512vnni(int64_t rounds)
{
    __m512 one = _mm512_set1_ps(1);
#define NOTHING(i) __m512 f##i = _mm512_setzero_ps();
    EACH(NOTHING)
    for (; rounds > 0; rounds--) {
#define FMA(i) __asm__ volatile("vfmadd231ps %1, %1, %0" : "+v"(f##i) : "v"(one));
        EACH(FMA)
    }
}
