/* attend__neon.c: attention over one page. K is read 16 neighbouring positions at a time, V 16 neighbouring dims; each
 * serves 4 of the query heads that share it. While a page is worked on the next one is fetched, in the order of memory.
 * Positions out of sight may be loaded beside visible ones (a page is always there as a whole) but never reach a maximum
 * or a sum. */
#include "backend/cpu/arm/vec__neon.h"

#include "backend/cpu/kernels.h"
#include "backend/cpu/tables.h"

#include <math.h>

/* 16 neighbouring values; Q8_0's are codes that still want their scale. */
INLINE vec16 load_kv16(enum kv_type type, const uint8_t *half, int64_t i)
{
    if (type == KV_F32)
        return load16(half + 4 * i, 16);
    if (type == KV_Q8_0)
        return codes_to_f32(vld1q_s8((const int8_t *)half + i));
    return type == KV_F16 ? load16_f16(half + 2 * i, 16) : load16_bf16(half + 2 * i, 16);
}

/* 4 of them, of a type without scales. */
INLINE float32x4_t load_kv4(enum kv_type type, const uint8_t *half, int64_t i)
{
    if (type == KV_F32)
        return load_f32x4(half + 4 * i);
    return type == KV_F16 ? load_f16x4(half + 2 * i) : load_bf16x4(half + 2 * i);
}

/* What is left of the next page to fetch: a line at every turn of a loop, of which a page has enough. */
struct stream {
    const uint8_t *at, *end;
};

INLINE void fetch_line(struct stream *s)
{
    if (s->at < s->end)
        __builtin_prefetch(s->at);
    s->at += 64;
}

/* Scores of positions [16 b, 16 b + 16) for n heads (a constant). */
INLINE void block_scores(enum kv_type type, const struct page_slice *page, const float *q, int n, int b,
                         struct stream *fetch, float *score)
{
    const uint8_t *scales = page->k + kv_scales_off(page->head_dim);
    vec16 s[4], scale = zero16();
    UNROLL
    for (int h = 0; h < n; h++)
        s[h] = zero16();
    for (int d = 0; d < page->head_dim; d++) {
        vec16 k = load_kv16(type, page->k, d * KV_PAGE + 16 * b);
        fetch_line(fetch);
        if (type == KV_Q8_0 && d % QUANT_BLOCK == 0)
            scale = load16_f16(scales + 2 * (d / QUANT_BLOCK * KV_PAGE + 16 * b), 16);
        UNROLL
        for (int c = 0; c < 4; c++)
            k.q[c] = type == KV_Q8_0 ? vmulq_f32(k.q[c], scale.q[c]) : k.q[c];
        UNROLL
        for (int h = 0; h < n; h++)
            UNROLL
            for (int c = 0; c < 4; c++)
                s[h].q[c] = vfmaq_n_f32(s[h].q[c], k.q[c], q[h * page->head_dim + d]);
    }
    UNROLL
    for (int h = 0; h < n; h++)
        UNROLL
        for (int c = 0; c < 4; c++)
            vst1q_f32(score + h * KV_PAGE + 16 * b + 4 * c, vmulq_n_f32(s[h].q[c], page->scale));
}

INLINE void page_scores(enum kv_type type, const struct page_slice *page, struct stream *fetch, float *score)
{
    for (int b = page->lo / 16; 16 * b < page->hi; b++) {
        int h = 0;
        for (; h + 4 <= page->group; h += 4)
            block_scores(type, page, page->q + h * page->head_dim, 4, b, fetch, score + h * KV_PAGE);
        for (; h < page->group; h++)
            block_scores(type, page, page->q + h * page->head_dim, 1, b, fetch, score + h * KV_PAGE);
    }
}

/* All ones where position j + lane is visible. */
INLINE uint32x4_t seen_from(const struct page_slice *page, int j)
{
    static const int32_t steps[4] = {0, 1, 2, 3};
    int32x4_t at = vaddq_s32(vdupq_n_s32(j), vld1q_s32(steps));
    return vandq_u32(vcgeq_s32(at, vdupq_n_s32(page->lo)), vcltq_s32(at, vdupq_n_s32(page->hi)));
}

/* m, then p = exp(score - m) and their sum. */
static void page_softmax(const struct page_slice *page, const float *score, float *p, float *m_out, float *l_out)
{
    const float32x4_t lowest = vdupq_n_f32(-INFINITY);
    int first = page->lo / 16 * 16, end = (page->hi + 15) / 16 * 16;
    float32x4_t top = lowest;
    vec16 sum = zero16();
    for (int j = first; j < end; j += 4)
        top = larger_of(vbslq_f32(seen_from(page, j), vld1q_f32(score + j), lowest), top);
    float m = vmaxvq_f32(top) + 0.0f; /* no NaN has got this far, and which zero it is does not matter any more */
    for (int j = first; j < end; j += 16)
        UNROLL
        for (int c = 0; c < 4; c++) {
            float32x4_t e = exp4(vsubq_f32(vld1q_f32(score + j + 4 * c), vdupq_n_f32(m)));
            vst1q_f32(p + j + 4 * c, e);
            sum.q[c] = vbslq_f32(seen_from(page, j + 4 * c), vaddq_f32(sum.q[c], e), sum.q[c]);
        }
    *m_out = m;
    *l_out = tree_sum(sum);
}

/* acc of n heads (a constant) over dims [d, d + 16). */
INLINE void weigh16(enum kv_type type, const struct page_slice *page, const float *p, int n, int d, struct stream *fetch,
                    float *acc)
{
    const uint8_t *scales = page->v + kv_scales_off(page->head_dim);
    vec16 a[4];
    UNROLL
    for (int h = 0; h < n; h++)
        a[h] = zero16();
    for (int j = page->lo; j < page->hi; j++) {
        int64_t i = (int64_t)j * page->head_dim + d;
        vec16 v = load_kv16(type, page->v, i);
        fetch_line(fetch);
        UNROLL
        for (int c = 0; c < 4; c++)
            v.q[c] = type == KV_Q8_0 ? vmulq_n_f32(v.q[c], f16_at(scales + 2 * (i / QUANT_BLOCK))) : v.q[c];
        UNROLL
        for (int h = 0; h < n; h++)
            UNROLL
            for (int c = 0; c < 4; c++)
                a[h].q[c] = vfmaq_n_f32(a[h].q[c], v.q[c], p[h * KV_PAGE + j]);
    }
    UNROLL
    for (int h = 0; h < n; h++)
        store16(acc + h * page->head_dim + d, 16, a[h]);
}

/* The same over dims [d, d + 4). */
INLINE void weigh4(enum kv_type type, const struct page_slice *page, const float *p, int n, int d, float *acc)
{
    float32x4_t a[4];
    UNROLL
    for (int h = 0; h < n; h++)
        a[h] = vdupq_n_f32(0);
    for (int j = page->lo; j < page->hi; j++) {
        float32x4_t v = load_kv4(type, page->v, (int64_t)j * page->head_dim + d);
        UNROLL
        for (int h = 0; h < n; h++)
            a[h] = vfmaq_n_f32(a[h], v, p[h * KV_PAGE + j]);
    }
    UNROLL
    for (int h = 0; h < n; h++)
        vst1q_f32(acc + h * page->head_dim + d, a[h]);
}

/* The last `count` (1..3) dims of one head, where a whole vector would read beyond the page. */
INLINE void weigh_rest(enum kv_type type, const struct page_slice *page, const float *p, int d, int count, float *acc)
{
    float32x4_t a = vdupq_n_f32(0);
    size_t bytes = type == KV_F32 ? 4 : 2;
    float out[4];
    for (int j = page->lo; j < page->hi; j++) {
        uint8_t space[16] = {0};
        memcpy(space, page->v + ((size_t)j * (size_t)page->head_dim + (size_t)d) * bytes, (size_t)count * bytes);
        a = vfmaq_n_f32(a, load_kv4(type, space, 0), p[j]);
    }
    vst1q_f32(out, a);
    memcpy(acc + d, out, (size_t)count * 4);
}

/* n heads (a constant), all dims. Q8_0's heads are whole blocks of 32. */
INLINE void heads_values(enum kv_type type, const struct page_slice *page, const float *p, int n, struct stream *fetch,
                         float *acc)
{
    int d = 0;
    for (; d + 16 <= page->head_dim; d += 16)
        weigh16(type, page, p, n, d, fetch, acc);
    if (type == KV_Q8_0)
        return;
    for (; d + 4 <= page->head_dim; d += 4)
        weigh4(type, page, p, n, d, acc);
    for (int h = 0; h < n && d < page->head_dim; h++)
        weigh_rest(type, page, p + h * KV_PAGE, d, page->head_dim - d, acc + h * page->head_dim);
}

INLINE void attend_typed(enum kv_type type, const struct page_slice *page, const struct page_sums *sums)
{
    const uint8_t *next = page->next;
    struct stream fetch = {next, next ? next + 2 * kv_half_bytes(type, page->head_dim) : NULL};
    int h = 0;
    page_scores(type, page, &fetch, sums->score);
    for (int i = 0; i < page->group; i++)
        page_softmax(page, sums->score + i * KV_PAGE, sums->p + i * KV_PAGE, &sums->m[i], &sums->l[i]);
    for (; h + 4 <= page->group; h += 4)
        heads_values(type, page, sums->p + h * KV_PAGE, 4, &fetch, sums->acc + h * page->head_dim);
    for (; h < page->group; h++)
        heads_values(type, page, sums->p + h * KV_PAGE, 1, &fetch, sums->acc + h * page->head_dim);
}

void attend_page__neon(const struct page_slice *page, const struct page_sums *sums)
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

void attend_merge__neon(float m, float l, const float *acc, int head_dim, float *big_m, float *big_l, float *big_acc)
{
    float top = m > *big_m ? m : *big_m;
    float32x4_t both = exp4((float32x4_t){*big_m - top, m - top, 0, 0});
    float keep = vgetq_lane_f32(both, 0), take = vgetq_lane_f32(both, 1);
    int d = 0;
    *big_l = fmaf(l, take, *big_l * keep);
    for (; d + 4 <= head_dim; d += 4)
        vst1q_f32(big_acc + d, vfmaq_n_f32(vmulq_n_f32(vld1q_f32(big_acc + d), keep), vld1q_f32(acc + d), take));
    for (; d < head_dim; d++)
        big_acc[d] = fmaf(acc[d], take, big_acc[d] * keep);
    *big_m = top;
}
