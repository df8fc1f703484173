/* attend__avx2.c: attention over one page. K lies with neighbouring positions in a vector, V with neighbouring dims; two
 * vectors of K or V that are loaded serve 4 of the query heads that share them. Positions out of sight may be loaded
 * beside visible ones but never reach a maximum or a sum. */
#include "backend/cpu/avx2.h"

#include "backend/cpu/overlay__avx2.h"
#include "backend/cpu/scalar.h"

enum { HEADS = 4 }; /* times two vectors: 8 sums keep two FMA units busy */

/* n of the 8 values from value i on. */
INLINE __m256 load_kv(enum kv_type type, const uint8_t *base, int64_t i, int64_t n)
{
    if (type == KV_F32)
        return load8(base + 4 * i, n);
    __m128i half = load8_u16(base + 2 * i, n);
    return type == KV_F16 ? _mm256_cvtph_ps(half) : widen_bf16(half);
}

/* Which positions of [8 b, 8 b + 8) are visible. */
INLINE __m256i seen_in(const struct page_slice *page, int b)
{
    return _mm256_andnot_si256(first_lanes(page->lo - 8 * b), first_lanes(page->hi - 8 * b));
}

/* Scores of positions [16 b, 16 b + 16) for n heads (a constant). */
INLINE void block_scores(enum kv_type type, const struct page_slice *page, const float *q, int n, int b, float *score)
{
    struct f32x16 s[HEADS];
    UNROLL
    for (int h = 0; h < n; h++)
        s[h] = zero16();
    for (int d = 0; d < page->head_dim; d++) {
        int at = d * KV_PAGE + 16 * b;
        struct f32x16 k = {load_kv(type, page->k, at, 8), load_kv(type, page->k, at + 8, 8)};
        UNROLL
        for (int h = 0; h < n; h++) {
            __m256 qd = _mm256_broadcast_ss(q + h * page->head_dim + d);
            s[h] = fma16((struct f32x16){qd, qd}, k, s[h]);
        }
    }
    const __m256 scale = _mm256_set1_ps(page->scale);
    UNROLL
    for (int h = 0; h < n; h++) {
        float *out = score + h * KV_PAGE + 16 * b;
        _mm256_maskstore_ps(out, seen_in(page, 2 * b), _mm256_mul_ps(s[h].lo, scale));
        _mm256_maskstore_ps(out + 8, seen_in(page, 2 * b + 1), _mm256_mul_ps(s[h].hi, scale));
    }
}

INLINE void page_scores(enum kv_type type, const struct page_slice *page, float *score)
{
    for (int b = page->lo / 16; 16 * b < page->hi; b++) {
        int h = 0;
        for (; h + HEADS <= page->group; h += HEADS)
            block_scores(type, page, page->q + h * page->head_dim, HEADS, b, score + h * KV_PAGE);
        for (; h < page->group; h++)
            block_scores(type, page, page->q + h * page->head_dim, 1, b, score + h * KV_PAGE);
    }
}

INLINE float largest(__m256 v)
{
    __m128 m = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    m = _mm_max_ps(m, _mm_movehl_ps(m, m));
    return _mm_cvtss_f32(_mm_max_ss(m, _mm_movehdup_ps(m)));
}

/* m, then p = exp(score - m) and their sum. Even vectors hold lanes 0..7 of the sum, odd ones 8..15. */
static void page_softmax(const struct page_slice *page, const float *score, float *p, float *m_out, float *l_out)
{
    int first = page->lo / 8, end = (page->hi + 7) / 8;
    const __m256 lowest = _mm256_set1_ps(-INFINITY);
    __m256 top = lowest, sum[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
    for (int b = first; b < end; b++) { /* max gives its second operand when the first is NaN: NaN is skipped */
        __m256i seen = seen_in(page, b);
        __m256 s = _mm256_blendv_ps(lowest, _mm256_maskload_ps(score + 8 * b, seen), _mm256_castsi256_ps(seen));
        top = _mm256_max_ps(s, top);
    }
    float m = largest(top) + 0.0f;
    for (int b = first; b < end; b++) {
        __m256i seen = seen_in(page, b);
        __m256 e = exp8(_mm256_sub_ps(_mm256_maskload_ps(score + 8 * b, seen), _mm256_set1_ps(m)));
        _mm256_maskstore_ps(p + 8 * b, seen, e);
        e = _mm256_and_ps(e, _mm256_castsi256_ps(seen)); /* + 0 keeps a sum that began at 0 */
        if (b % 2)
            sum[1] = _mm256_add_ps(sum[1], e);
        else
            sum[0] = _mm256_add_ps(sum[0], e);
    }
    *m_out = m;
    *l_out = tree_sum((struct f32x16){sum[0], sum[1]});
}

/* acc of n heads (a constant) over the first `left` of 16 dims from d. */
INLINE void weigh_values(enum kv_type type, const struct page_slice *page, const float *p, int n, int d, int left,
                         float *acc)
{
    struct f32x16 a[HEADS];
    UNROLL
    for (int h = 0; h < n; h++)
        a[h] = zero16();
    for (int j = page->lo; j < page->hi; j++) {
        int64_t at = (int64_t)j * page->head_dim + d;
        struct f32x16 v = {load_kv(type, page->v, at, left), load_kv(type, page->v, at + 8, left - 8)};
        UNROLL
        for (int h = 0; h < n; h++) {
            __m256 pj = _mm256_broadcast_ss(p + h * KV_PAGE + j);
            a[h] = fma16((struct f32x16){pj, pj}, v, a[h]);
        }
    }
    UNROLL
    for (int h = 0; h < n; h++) {
        store8(acc + h * page->head_dim + d, left, a[h].lo);
        store8(acc + h * page->head_dim + d + 8, left - 8, a[h].hi);
    }
}

INLINE void heads_values(enum kv_type type, const struct page_slice *page, const float *p, int n, float *acc)
{
    int d = 0;
    for (; d + 16 <= page->head_dim; d += 16)
        weigh_values(type, page, p, n, d, 16, acc);
    if (d < page->head_dim)
        weigh_values(type, page, p, n, d, page->head_dim - d, acc);
}

INLINE void attend_typed(enum kv_type type, const struct page_slice *page, const struct page_sums *sums)
{
    int h = 0;
    page_scores(type, page, sums->score);
    for (; h < page->group; h++)
        page_softmax(page, sums->score + h * KV_PAGE, sums->p + h * KV_PAGE, &sums->m[h], &sums->l[h]);
    for (h = 0; h + HEADS <= page->group; h += HEADS)
        heads_values(type, page, sums->p + h * KV_PAGE, HEADS, sums->acc + h * page->head_dim);
    for (; h < page->group; h++)
        heads_values(type, page, sums->p + h * KV_PAGE, 1, sums->acc + h * page->head_dim);
}

void attend_page__avx2(const struct page_slice *page, const struct page_sums *sums)
{
    if (page->type == KV_F16)
        attend_typed(KV_F16, page, sums);
    else if (page->type == KV_BF16)
        attend_typed(KV_BF16, page, sums);
    else if (page->type == KV_F32)
        attend_typed(KV_F32, page, sums);
    else
        attend_page__scalar(page, sums);
}

void attend_merge__avx2(float m, float l, const float *acc, int head_dim, float *big_m, float *big_l, float *big_acc)
{
    float top = m > *big_m ? m : *big_m;
    float keep = real_exp(*big_m - top), take = real_exp(m - top);
    *big_l = fmaf(l, take, *big_l * keep);
    for (int d = 0; d < head_dim; d += 8) {
        __m256 kept = _mm256_mul_ps(load8(big_acc + d, head_dim - d), _mm256_set1_ps(keep));
        kept = _mm256_fmadd_ps(load8(acc + d, head_dim - d), _mm256_set1_ps(take), kept);
        store8(big_acc + d, head_dim - d, kept);
    }
    *big_m = top;
}
