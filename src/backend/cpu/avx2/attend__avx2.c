/* attend__avx2.c: attention over one page. K lies with neighbouring positions in a vector, V with neighbouring dims;
 * two vectors of K or V that are loaded serve 4 of the query heads that share them. While a page is worked on the next
 * one is fetched, in the order of memory, whatever order this one is read in: K's rows are too far apart for hardware
 * to guess. Positions out of sight may be loaded beside visible ones but never reach a maximum or a sum. */
#include "backend/cpu/avx2/vec__avx2.h"
#include "backend/cpu/fetch.h"

#include "backend/cpu/tables.h"
#include "backend/cpu/scalar/scalar.h"

enum { HEADS = 4 }; /* times two vectors: 8 sums keep two FMA units busy */

/* The first n of 8 values from value i on; Q8_0's are codes that still want their scale. */
INLINE __m256 load_kv(enum kv_type type, const uint8_t *base, int64_t i, int64_t n)
{
    if (type == KV_F32)
        return load8(base + 4 * i, n);
    if (type == KV_Q8_0)
        return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const void *)(base + i))));
    __m128i half = load8_u16(base + 2 * i, n);
    return type == KV_F16 ? _mm256_cvtph_ps(half) : widen_bf16(half);
}

/* A line of the next page at a turn, or every second turn: the loops of the first heads then fetch it evenly. */
INLINE void fetch_next(enum kv_type type, int turn, struct fetch *fetch)
{
    if (type == KV_F32 || turn % 2 == 0)
        fetch_some(fetch);
}

/* Scores of positions [16 b, 16 b + 16) for n heads (a constant); those out of sight are junk. */
INLINE void block_scores(enum kv_type type, const struct page_slice *page, const float *q, int n, int b,
                         struct fetch *fetch, float *score)
{
    const uint8_t *scales = page->k + kv_scales_off(page->head_dim);
    vec16 s[HEADS], k, k_scale = zero16();
    UNROLL
    for (int h = 0; h < n; h++)
        s[h] = zero16();
    for (int d = 0; d < page->head_dim; d++) {
        int at = d * KV_PAGE + 16 * b;
        fetch_next(type, d, fetch);
        k = (vec16){load_kv(type, page->k, at, 8), load_kv(type, page->k, at + 8, 8)};
        if (type == KV_Q8_0) {
            int scale_at = d / QUANT_BLOCK * KV_PAGE + 16 * b;
            if (d % QUANT_BLOCK == 0)
                k_scale = (vec16){load_kv(KV_F16, scales, scale_at, 8),
                                          load_kv(KV_F16, scales, scale_at + 8, 8)};
            k = mul16(k, k_scale);
        }
        UNROLL
        for (int h = 0; h < n; h++) {
            __m256 qd = _mm256_broadcast_ss(q + h * page->head_dim + d);
            s[h] = fma16((vec16){qd, qd}, k, s[h]);
        }
    }
    const __m256 scale = _mm256_set1_ps(page->scale);
    UNROLL
    for (int h = 0; h < n; h++) {
        _mm256_storeu_ps(score + h * KV_PAGE + 16 * b, _mm256_mul_ps(s[h].lo, scale));
        _mm256_storeu_ps(score + h * KV_PAGE + 16 * b + 8, _mm256_mul_ps(s[h].hi, scale));
    }
}

INLINE void page_scores(enum kv_type type, const struct page_slice *page, struct fetch *fetch, float *score)
{
    for (int b = page->lo / 16; 16 * b < page->hi; b++) {
        int h = 0;
        for (; h + HEADS <= page->group; h += HEADS)
            block_scores(type, page, page->q + h * page->head_dim, HEADS, b, fetch, score + h * KV_PAGE);
        for (; h < page->group; h++)
            block_scores(type, page, page->q + h * page->head_dim, 1, b, fetch, score + h * KV_PAGE);
    }
}

INLINE float largest(__m256 v)
{
    __m128 m = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    m = _mm_max_ps(m, _mm_movehl_ps(m, m));
    return _mm_cvtss_f32(_mm_max_ss(m, _mm_movehdup_ps(m)));
}

/* Which positions of [8 b, 8 b + 8) are visible. */
INLINE __m256 seen_in(const struct page_slice *page, int b)
{
    __m256i at = _mm256_add_epi32(_mm256_set1_epi32(8 * b), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
    __m256i before = _mm256_cmpgt_epi32(_mm256_set1_epi32(page->lo), at);
    return _mm256_castsi256_ps(_mm256_andnot_si256(before, _mm256_cmpgt_epi32(_mm256_set1_epi32(page->hi), at)));
}

/* m, then p = exp(score - m) and their sum: even vectors are lanes 0..7 of it, odd ones 8..15. */
static void page_softmax(const struct page_slice *page, const float *score, float *p, float *m_out, float *l_out)
{
    int first = page->lo / 16, end = (page->hi + 15) / 16;
    const __m256 lowest = _mm256_set1_ps(-INFINITY);
    __m256 top = lowest;
    vec16 sum = zero16();
    for (int b = 2 * first; b < 2 * end; b++) /* max gives its second operand when the first is NaN: NaN is skipped */
        top = _mm256_max_ps(_mm256_blendv_ps(lowest, _mm256_loadu_ps(score + 8 * b), seen_in(page, b)), top);
    const float m = largest(top) + 0.0f;
    for (int b = first; b < end; b++) {
        vec16 e = {exp8(_mm256_sub_ps(_mm256_loadu_ps(score + 16 * b), _mm256_set1_ps(m))),
                           exp8(_mm256_sub_ps(_mm256_loadu_ps(score + 16 * b + 8), _mm256_set1_ps(m)))};
        _mm256_storeu_ps(p + 16 * b, e.lo);
        _mm256_storeu_ps(p + 16 * b + 8, e.hi);
        e.lo = _mm256_and_ps(e.lo, seen_in(page, 2 * b)); /* adding 0 keeps a sum that began at 0 */
        e.hi = _mm256_and_ps(e.hi, seen_in(page, 2 * b + 1));
        sum = add16(sum, e);
    }
    *m_out = m;
    *l_out = tree_sum(sum);
}

/* The scale of V's block number `block`, 8 times. */
INLINE __m256 scale_of(const struct page_slice *page, int64_t block)
{
    uint16_t half;
    memcpy(&half, page->v + kv_scales_off(page->head_dim) + 2 * block, 2);
    return _mm256_set1_ps(_cvtsh_ss(half));
}

/* acc of n heads (a constant) over the first `left` of 16 dims from d. */
INLINE void weigh_values(enum kv_type type, const struct page_slice *page, const float *p, int n, int d, int left,
                         struct fetch *fetch, float *acc)
{
    vec16 a[HEADS];
    UNROLL
    for (int h = 0; h < n; h++)
        a[h] = zero16();
    for (int j = page->lo; j < page->hi; j++) {
        int64_t at = (int64_t)j * page->head_dim + d;
        vec16 v = {load_kv(type, page->v, at, left), load_kv(type, page->v, at + 8, left - 8)};
        fetch_next(type, j, fetch);
        if (type == KV_Q8_0) {
            __m256 scale = scale_of(page, at / QUANT_BLOCK);
            v = mul16(v, (vec16){scale, scale});
        }
        UNROLL
        for (int h = 0; h < n; h++) {
            __m256 pj = _mm256_broadcast_ss(p + h * KV_PAGE + j);
            a[h] = fma16((vec16){pj, pj}, v, a[h]);
        }
    }
    UNROLL
    for (int h = 0; h < n; h++) {
        store8(acc + h * page->head_dim + d, left, a[h].lo);
        store8(acc + h * page->head_dim + d + 8, left - 8, a[h].hi);
    }
}

INLINE void heads_values(enum kv_type type, const struct page_slice *page, const float *p, int n, struct fetch *fetch,
                         float *acc)
{
    int d = 0;
    for (; d + 16 <= page->head_dim; d += 16)
        weigh_values(type, page, p, n, d, 16, fetch, acc);
    if (d < page->head_dim)
        weigh_values(type, page, p, n, d, page->head_dim - d, fetch, acc);
}

INLINE void attend_typed(enum kv_type type, const struct page_slice *page, const struct page_sums *sums)
{
    const uint8_t *next = page->next;
    struct fetch fetch = {next, next ? next + 2 * kv_half_bytes(type, page->head_dim) : NULL, 1};
    int h = 0;
    page_scores(type, page, &fetch, sums->score);
    for (; h < page->group; h++)
        page_softmax(page, sums->score + h * KV_PAGE, sums->p + h * KV_PAGE, &sums->m[h], &sums->l[h]);
    for (h = 0; h + HEADS <= page->group; h += HEADS)
        heads_values(type, page, sums->p + h * KV_PAGE, HEADS, &fetch, sums->acc + h * page->head_dim);
    for (; h < page->group; h++)
        heads_values(type, page, sums->p + h * KV_PAGE, 1, &fetch, sums->acc + h * page->head_dim);
}

void attend_page__avx2(const struct page_slice *page, const struct page_sums *sums)
{
    if (page->type == KV_F16)
        attend_typed(KV_F16, page, sums);
    else if (page->type == KV_BF16)
        attend_typed(KV_BF16, page, sums);
    else if (page->type == KV_F32)
        attend_typed(KV_F32, page, sums);
    else if (page->type == KV_Q8_0)
        attend_typed(KV_Q8_0, page, sums);
    else
        attend_page__scalar(page, sums);
}

void attend_merge__avx2(float m, float l, const float *acc, int head_dim, float *big_m, float *big_l, float *big_acc)
{
    float top = m > *big_m ? m : *big_m;
    __m128 both = _mm256_castps256_ps128(exp8(_mm256_setr_ps(*big_m - top, m - top, 0, 0, 0, 0, 0, 0)));
    float keep = _mm_cvtss_f32(both), take = _mm_cvtss_f32(_mm_movehdup_ps(both));
    *big_l = fmaf(l, take, *big_l * keep);
    for (int d = 0; d < head_dim; d += 8) {
        __m256 kept = _mm256_mul_ps(load8(big_acc + d, head_dim - d), _mm256_set1_ps(keep));
        kept = _mm256_fmadd_ps(load8(acc + d, head_dim - d), _mm256_set1_ps(take), kept);
        store8(big_acc + d, head_dim - d, kept);
    }
    *big_m = top;
}
