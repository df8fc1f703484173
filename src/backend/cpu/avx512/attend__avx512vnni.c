/* attend__avx512vnni.c: attention over one page. K lies with 16 neighbouring positions in a vector, V with 16 neighbouring
 * dims; a tile is 32 positions (K) or 32 dims (V) by 8 of the query heads that share them: 16 sums, and each byte is read and
 * converted once. While a page is worked on the next one is fetched, in the order of memory, whatever order this one is read
 * in: K's rows are too far apart for hardware to guess. Positions out of sight may be loaded beside visible ones but never reach a maximum or a sum. */
#include "backend/cpu/avx512/vec__avx512vnni.h"

#include "backend/cpu/fetch.h"
#include "backend/cpu/tables.h"

#include <math.h>
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

INLINE __mmask16 seen_in(const struct page_slice *page, int b)
{
    return first_lanes(page->hi - 16 * b) & (__mmask16)~first_lanes(page->lo - 16 * b);
}

/* Scores of positions [16 b, 16 b + 32) for n heads (a constant). */
INLINE void block_scores(enum kv_type type, const struct page_slice *page, const float *q, int n, int b,
                         struct fetch *fetch, float *score)
{
    const uint8_t *scales = page->k + kv_scales_off(page->head_dim);
    __m512 s[8][2], k[2], scale[2] = {_mm512_setzero_ps(), _mm512_setzero_ps()};
    UNROLL
    for (int h = 0; h < n; h++)
        s[h][0] = s[h][1] = _mm512_setzero_ps();
    for (int d = 0; d < page->head_dim; d++) {
        fetch_some(fetch);
        UNROLL
        for (int c = 0; c < 2; c++) {
            k[c] = load_kv(type, page->k, d * KV_PAGE + 16 * (b + c), 0xffff);
            if (type == KV_Q8_0 && d % QUANT_BLOCK == 0)
                scale[c] = load_kv(KV_F16, scales, d / QUANT_BLOCK * KV_PAGE + 16 * (b + c), 0xffff);
            if (type == KV_Q8_0)
                k[c] = _mm512_mul_ps(k[c], scale[c]);
        }
        UNROLL
        for (int h = 0; h < n; h++)
            UNROLL
            for (int c = 0; c < 2; c++)
                s[h][c] = _mm512_fmadd_ps(_mm512_set1_ps(q[h * page->head_dim + d]), k[c], s[h][c]);
    }
    UNROLL
    for (int h = 0; h < n; h++)
        UNROLL
        for (int c = 0; c < 2; c++)
            _mm512_mask_storeu_ps(score + h * KV_PAGE + 16 * (b + c), seen_in(page, b + c),
                                  _mm512_mul_ps(s[h][c], _mm512_set1_ps(page->scale)));
}

INLINE void page_scores(enum kv_type type, const struct page_slice *page, struct fetch *fetch, float *score)
{
    for (int b = page->lo / 32 * 2; 16 * b < page->hi; b += 2) {
        int h = 0;
        for (; h + 8 <= page->group; h += 8)
            block_scores(type, page, page->q + h * page->head_dim, 8, b, fetch, score + h * KV_PAGE);
        for (; h + 2 <= page->group; h += 2)
            block_scores(type, page, page->q + h * page->head_dim, 2, b, fetch, score + h * KV_PAGE);
        if (h < page->group)
            block_scores(type, page, page->q + h * page->head_dim, 1, b, fetch, score + h * KV_PAGE);
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
                         __mmask16 mask, struct fetch *fetch, float *acc)
{
    __m512 a[8][2], v[2];
    UNROLL
    for (int h = 0; h < n; h++)
        UNROLL
        for (int c = 0; c < wide; c++)
            a[h][c] = _mm512_setzero_ps();
    for (int j = page->lo; j < page->hi; j++) {
        int64_t i = (int64_t)j * page->head_dim + d;
        fetch_some(fetch);
        UNROLL
        for (int c = 0; c < wide; c++) {
            v[c] = load_kv(type, page->v, i + 16 * c, c == wide - 1 ? mask : 0xffff);
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

/* acc of n heads. */
INLINE void heads_values(enum kv_type type, const struct page_slice *page, const float *p, int n, struct fetch *fetch,
                         float *acc)
{
    int d = 0, head_dim = page->head_dim;
    for (; d + 32 <= head_dim; d += 32)
        weigh_values(type, page, p, n, 2, d, 0xffff, fetch, acc);
    for (; d < head_dim && type != KV_Q8_0; d += 16)
        weigh_values(type, page, p, n, 1, d, first_lanes(head_dim - d), fetch, acc);
}

INLINE void page_values(enum kv_type type, const struct page_slice *page, const float *p, struct fetch *fetch,
                        float *acc)
{
    int h = 0;
    for (; h + 8 <= page->group; h += 8)
        heads_values(type, page, p + h * KV_PAGE, 8, fetch, acc + h * page->head_dim);
    for (; h + 2 <= page->group; h += 2)
        heads_values(type, page, p + h * KV_PAGE, 2, fetch, acc + h * page->head_dim);
    if (h < page->group)
        heads_values(type, page, p + h * KV_PAGE, 1, fetch, acc + h * page->head_dim);
}

INLINE void attend_typed(enum kv_type type, const struct page_slice *page, const struct page_sums *sums)
{
    const uint8_t *next = page->next;
    const int lines = type == KV_F32 ? 2 : 1; /* 512 turns of a page's two loops: all of the next one */
    struct fetch fetch = {next, next ? next + 2 * kv_half_bytes(type, page->head_dim) : NULL, lines};
    page_scores(type, page, &fetch, sums->score);
    for (int h = 0; h < page->group; h++)
        page_softmax(page, sums->score + h * KV_PAGE, sums->p + h * KV_PAGE, &sums->m[h], &sums->l[h]);
    page_values(type, page, sums->p, &fetch, sums->acc);
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
    __m128 both = _mm512_castps512_ps128(exp16(_mm512_zextps128_ps512(_mm_setr_ps(*big_m - top, m - top, 0, 0))));
    float keep = _mm_cvtss_f32(both), take = _mm_cvtss_f32(_mm_movehdup_ps(both));
    *big_l = fmaf(l, take, *big_l * keep);
    for (int d = 0; d < head_dim; d += 16) {
        __mmask16 mask = first_lanes(head_dim - d);
        __m512 kept = _mm512_mul_ps(_mm512_maskz_loadu_ps(mask, big_acc + d), _mm512_set1_ps(keep));
        kept = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(mask, acc + d), _mm512_set1_ps(take), kept);
        _mm512_mask_storeu_ps(big_acc + d, mask, kept);
    }
    *big_m = top;
}
