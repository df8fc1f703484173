/* attend__neon.c: attention over one page. K is read 16 neighbouring positions at a time, V 16 neighbouring dims; each
 * serves 4 of the query heads that share it. Positions out of sight may be loaded beside visible ones (a page is always
 * there as a whole) but never reach a maximum or a sum. */
#include "backend/cpu/neon.h"

#include "backend/cpu/kernels.h"
#include "backend/cpu/overlay_arm.h"
#include "backend/cpu/scalar.h"

INLINE float32x4_t load_kv(enum kv_type type, const uint8_t *base, int64_t i)
{
    if (type == KV_F32)
        return load_f32x4(base + 4 * i);
    return type == KV_F16 ? load_f16x4(base + 2 * i) : load_bf16x4(base + 2 * i);
}

/* Scores of positions [16 b, 16 b + 16) for n heads (a constant). */
INLINE void block_scores(enum kv_type type, const struct page_slice *page, const float *q, int n, int b, float *score)
{
    float32x4_t s[4][4];
    UNROLL
    for (int h = 0; h < n; h++)
        UNROLL
        for (int c = 0; c < 4; c++)
            s[h][c] = vdupq_n_f32(0);
    for (int d = 0; d < page->head_dim; d++) {
        float32x4_t k[4];
        UNROLL
        for (int c = 0; c < 4; c++)
            k[c] = load_kv(type, page->k, d * KV_PAGE + 16 * b + 4 * c);
        UNROLL
        for (int h = 0; h < n; h++)
            UNROLL
            for (int c = 0; c < 4; c++)
                s[h][c] = vfmaq_n_f32(s[h][c], k[c], q[h * page->head_dim + d]);
    }
    UNROLL
    for (int h = 0; h < n; h++)
        UNROLL
        for (int c = 0; c < 4; c++)
            vst1q_f32(score + h * KV_PAGE + 16 * b + 4 * c, vmulq_n_f32(s[h][c], page->scale));
}

INLINE void page_scores(enum kv_type type, const struct page_slice *page, float *score)
{
    for (int b = page->lo / 16; 16 * b < page->hi; b++) {
        int h = 0;
        for (; h + 4 <= page->group; h += 4)
            block_scores(type, page, page->q + h * page->head_dim, 4, b, score + h * KV_PAGE);
        for (; h < page->group; h++)
            block_scores(type, page, page->q + h * page->head_dim, 1, b, score + h * KV_PAGE);
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
    struct vec16 sum = zero16();
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

/* acc of n heads over dims [d, d + 4 wide): n and wide are constants. */
INLINE void weigh_values(enum kv_type type, const struct page_slice *page, const float *p, int n, int wide, int d, float *acc)
{
    float32x4_t a[4][4];
    UNROLL
    for (int h = 0; h < n; h++)
        UNROLL
        for (int c = 0; c < wide; c++)
            a[h][c] = vdupq_n_f32(0);
    for (int j = page->lo; j < page->hi; j++) {
        float32x4_t v[4];
        UNROLL
        for (int c = 0; c < wide; c++)
            v[c] = load_kv(type, page->v, (int64_t)j * page->head_dim + d + 4 * c);
        UNROLL
        for (int h = 0; h < n; h++)
            UNROLL
            for (int c = 0; c < wide; c++)
                a[h][c] = vfmaq_n_f32(a[h][c], v[c], p[h * KV_PAGE + j]);
    }
    UNROLL
    for (int h = 0; h < n; h++)
        UNROLL
        for (int c = 0; c < wide; c++)
            vst1q_f32(acc + h * page->head_dim + d + 4 * c, a[h][c]);
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
        a = vfmaq_n_f32(a, load_kv(type, space, 0), p[j]);
    }
    vst1q_f32(out, a);
    memcpy(acc + d, out, (size_t)count * 4);
}

/* n heads (a constant), all dims. */
INLINE void heads_values(enum kv_type type, const struct page_slice *page, const float *p, int n, float *acc)
{
    int d = 0;
    for (; d + 16 <= page->head_dim; d += 16)
        weigh_values(type, page, p, n, 4, d, acc);
    for (; d + 4 <= page->head_dim; d += 4)
        weigh_values(type, page, p, n, 1, d, acc);
    for (int h = 0; h < n && d < page->head_dim; h++)
        weigh_rest(type, page, p + h * KV_PAGE, d, page->head_dim - d, acc + h * page->head_dim);
}

INLINE void attend_typed(enum kv_type type, const struct page_slice *page, const struct page_sums *sums)
{
    int h = 0;
    page_scores(type, page, sums->score);
    for (int i = 0; i < page->group; i++)
        page_softmax(page, sums->score + i * KV_PAGE, sums->p + i * KV_PAGE, &sums->m[i], &sums->l[i]);
    for (; h + 4 <= page->group; h += 4)
        heads_values(type, page, sums->p + h * KV_PAGE, 4, sums->acc + h * page->head_dim);
    for (; h < page->group; h++)
        heads_values(type, page, sums->p + h * KV_PAGE, 1, sums->acc + h * page->head_dim);
}

void attend_page__neon(const struct page_slice *page, const struct page_sums *sums)
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

void attend_merge__neon(float m, float l, const float *acc, int head_dim, float *big_m, float *big_l, float *big_acc)
{
    float top = m > *big_m ? m : *big_m;
    float keep = real_exp(*big_m - top), take = real_exp(m - top);
    int d = 0;
    *big_l = fmaf(l, take, *big_l * keep);
    for (; d + 4 <= head_dim; d += 4)
        vst1q_f32(big_acc + d, vfmaq_n_f32(vmulq_n_f32(vld1q_f32(big_acc + d), keep), vld1q_f32(acc + d), take));
    for (; d < head_dim; d++)
        big_acc[d] = fmaf(acc[d], take, big_acc[d] * keep);
    *big_m = top;
}
