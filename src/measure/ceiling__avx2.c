/* ceiling__avx2.c: FMA as fast as it goes; and VPMADDUBSW and VPADDW, the least that an int8 dot product takes, as fast
 * as they go: 12 independent sums in int16, nothing loaded. Sums have to be widened now and then (VPMADDWD), which no
 * kernel can avoid and this leaves out. */
#include <immintrin.h>
#include <stdint.h>

void ceiling_dots__avx2(int64_t rounds);
void ceiling_fmas__avx2(int64_t rounds);

#define EACH(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11)

void ceiling_dots__avx2(int64_t rounds)
{
    __m256i one = _mm256_set1_epi8(1), product;
#define ZERO(i) __m256i s##i = _mm256_setzero_si256();
    EACH(ZERO)
    for (; rounds > 0; rounds--) {
        /* asm: the compiler may neither drop the sums nor reorder them into fewer */
#define DOT(i) __asm__ volatile("vpmaddubsw %2, %2, %1\n\tvpaddw %1, %0, %0" : "+x"(s##i), "=&x"(product) : "x"(one));
        EACH(DOT)
    }
}

void ceiling_fmas__avx2(int64_t rounds)
{
    __m256 one = _mm256_set1_ps(1);
#define NOTHING(i) __m256 f##i = _mm256_setzero_ps();
    EACH(NOTHING)
    for (; rounds > 0; rounds--) {
#define FMA(i) __asm__ volatile("vfmadd231ps %1, %1, %0" : "+x"(f##i) : "x"(one));
        EACH(FMA)
    }
}
