/* attend__avx512vnni.c: attention over one page. K lies with 16 neighbouring positions in a vector, V with 16 neighbouring
 * dims; every vector of K or V that is loaded serves up to 8 (K) or 4 (V) of the query heads that share it. Positions out
 * of sight may be loaded beside visible ones but never reach a maximum or a sum. */
#include "backend/cpu/avx512.h"

#include "backend/cpu/overlay__avx512vnni.h"
#include "backend/cpu/scalar.h"

#include <string.h>

/* 16 neighbouring values; Q8_0's are codes that still want their scale. */
INLINE __m512 load_kv(enum kv_type type, const uint8_t *base, int64_t i, __mmask16 mask)
{
    if (type == KV_F32)
        return _mm512_maskz_loadu_ps(mask, base + 4 * i);
    if (type == KV_Q8_0)
        return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const void *)(base + i))));
    __m256i half = _mm256_maskz_loadu_epi16(mask, base + 2 * i);
    if (type == KV_F16)
        return _mm512_cvtph_ps(half);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(half), 16));
}

/* Scores of positions [16 b, 16 b + 16) for n heads (a constant); `seen` are the visible ones. */
INLINE void block_scores(enum kv_type type, const struct page_slice *page, const float *q, int n, int b, __mmask16 seen,
                         float *score)
{
    const uint8_t *scales = page->k + kv_scales_off(page->head_dim);
    __m512 s[8], scale = _mm512_setzero_ps();
    UNROLL
    for (int h = 0; h < n; h++)
        s[h] = _mm512_setzero_ps();
    for (int d = 0; d < page->head_dim; d++) {
        __m512 k = load_kv(type, page->k, d * KV_PAGE + 16 * b, 0xffff);
        if (type == KV_Q8_0 && d % QUANT_BLOCK == 0)
            scale = load_kv(KV_F16, scales, d / QUANT_BLOCK * KV_PAGE + 16 * b, 0xffff);
        if (type == KV_Q8_0)
            k = _mm512_mul_ps(k, scale);
        UNROLL
        for (int h = 0; h < n; h++)
            s[h] = _mm512_fmadd_ps(_mm512_set1_ps(q[h * page->head_dim + d]), k, s[h]);
    }
    UNROLL
    for (int h = 0; h < n; h++)
        _mm512_mask_storeu_ps(score + h * KV_PAGE + 16 * b, seen, _mm512_mul_ps(s[h], _mm512_set1_ps(page->scale)));
}

INLINE __mmask16 seen_in(const struct page_slice *page, int b)
{
    return first_lanes(page->hi - 16 * b) & (__mmask16)~first_lanes(page->lo - 16 * b);
}

INLINE void page_scores(enum kv_type type, const struct page_slice *page, float *score)
{
    for (int b = page->lo / 16; 16 * b < page->hi; b++) {
        __mmask16 seen = seen_in(page, b);
        int h = 0;
        for (; h + 8 <= page->group; h += 8)
            block_scores(type, page, page->q + h * page->head_dim, 8, b, seen, score + h * KV_PAGE);
        for (; h + 2 <= page->group; h += 2)
            block_scores(type, page, page->q + h * page->head_dim, 2, b, seen, score + h * KV_PAGE);
        if (h < page->group)
            block_scores(type, page, page->q + h * page->head_dim, 1, b, seen, score + h * KV_PAGE);
    }
}

/* m, then p = exp(score - m) and their sum. */
static void page_softmax(const struct page_slice *page, const float *score, float *p, float *m_out, float *l_out)
{
    int first = page->lo / 16, end = (page->hi + 15) / 16;
    __m512 top = _mm512_set1_ps(-INFINITY), sum = _mm512_setzero_ps();
    for (int b = first; b < end; b++) /* max gives its second operand when the first is NaN: NaN is skipped */
        top = _mm512_mask_max_ps(top, seen_in(page, b), _mm512_maskz_loadu_ps(seen_in(page, b), score + 16 * b), top);
    float m = _mm512_reduce_max_ps(top) + 0.0f;
    for (int b = first; b < end; b++) {
        __mmask16 seen = seen_in(page, b);
        __m512 e = exp16(_mm512_sub_ps(_mm512_maskz_loadu_ps(seen, score + 16 * b), _mm512_set1_ps(m)));
        _mm512_mask_storeu_ps(p + 16 * b, seen, e);
        sum = _mm512_mask_add_ps(sum, seen, sum, e);
    }
    *m_out = m;
    *l_out = tree_sum(sum);
}

/* The scale of V's block number `block`, 16 times. */
INLINE __m512 scale_of(const struct page_slice *page, int64_t block)
{
    int16_t half;
    memcpy(&half, page->v + kv_scales_off(page->head_dim) + 2 * block, 2);
    return _mm512_cvtph_ps(_mm256_set1_epi16(half));
}

/* acc of n heads over dims [d, d + 16 wide): n and wide are constants, mask cuts the last vector. */
INLINE void weigh_values(enum kv_type type, const struct page_slice *page, const float *p, int n, int wide, int d,
                         __mmask16 mask, float *acc)
{
    __m512 a[4][4];
    UNROLL
    for (int h = 0; h < n; h++)
        UNROLL
        for (int c = 0; c < wide; c++)
            a[h][c] = _mm512_setzero_ps();
    for (int j = page->lo; j < page->hi; j++) {
        __m512 v[4];
        UNROLL
        for (int c = 0; c < wide; c++) {
            int64_t i = (int64_t)j * page->head_dim + d + 16 * c;
            v[c] = load_kv(type, page->v, i, c == wide - 1 ? mask : 0xffff);
            if (type == KV_Q8_0)
                v[c] = _mm512_mul_ps(v[c], scale_of(page, i / QUANT_BLOCK));
        }
        UNROLL
        for (int h = 0; h < n; h++)
            UNROLL
            for (int c = 0; c < wide; c++)
                a[h][c] = _mm512_fmadd_ps(_mm512_set1_ps(p[h * KV_PAGE + j]), v[c], a[h][c]);
    }
    UNROLL
    for (int h = 0; h < n; h++)
        UNROLL
        for (int c = 0; c < wide; c++)
            _mm512_mask_storeu_ps(acc + h * page->head_dim + d + 16 * c, c == wide - 1 ? mask : 0xffff, a[h][c]);
}

INLINE void page_values(enum kv_type type, const struct page_slice *page, const float *p, float *acc)
{
    int h = 0, head_dim = page->head_dim;
    while (h < page->group) {
        int n = page->group - h >= 4 ? 4 : 1, d = 0;
        const float *ph = p + h * KV_PAGE;
        float *ah = acc + h * head_dim;
        for (; d + 64 <= head_dim; d += 64)
            if (n == 4)
                weigh_values(type, page, ph, 4, 4, d, 0xffff, ah);
            else
                weigh_values(type, page, ph, 1, 4, d, 0xffff, ah);
        for (; d < head_dim; d += 16)
            if (n == 4)
                weigh_values(type, page, ph, 4, 1, d, first_lanes(head_dim - d), ah);
            else
                weigh_values(type, page, ph, 1, 1, d, first_lanes(head_dim - d), ah);
        h += n;
    }
}

INLINE void attend_typed(enum kv_type type, const struct page_slice *page, const struct page_sums *sums)
{
    page_scores(type, page, sums->score);
    for (int h = 0; h < page->group; h++)
        page_softmax(page, sums->score + h * KV_PAGE, sums->p + h * KV_PAGE, &sums->m[h], &sums->l[h]);
    page_values(type, page, sums->p, sums->acc);
}

void attend_page__avx512vnni(const struct page_slice *page, const struct page_sums *sums)
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

void attend_merge__avx512vnni(float m, float l, const float *acc, int head_dim, float *big_m, float *big_l,
                              float *big_acc)
{
    float top = m > *big_m ? m : *big_m;
    float keep = real_exp(*big_m - top), take = real_exp(m - top);
    *big_l = fmaf(l, take, *big_l * keep);
    for (int d = 0; d < head_dim; d += 16) {
        __mmask16 mask = first_lanes(head_dim - d);
        __m512 kept = _mm512_mul_ps(_mm512_maskz_loadu_ps(mask, big_acc + d), _mm512_set1_ps(keep));
        kept = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(mask, acc + d), _mm512_set1_ps(take), kept);
        _mm512_mask_storeu_ps(big_acc + d, mask, kept);
    }
    *big_m = top;
}
