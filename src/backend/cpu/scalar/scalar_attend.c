/* scalar_attend.c: attention over one page, and merging pages: the definition.
 *
 * Per head: score[j] = (FMA over d ascending, from 0, of q[d] * k[d][j]) * scale; m = the largest; p[j] = exp(score -
 * m); l = sum of p in 16 lanes (position j mod 16) and the tree; acc[d] = FMA over j ascending, from 0, of p[j] *
 * v[j][d]. Positions outside [lo, hi) are never read: a page may hold junk there, and junk may be NaN. */
#include "backend/cpu/kernels.h"
#include "backend/cpu/scalar/scalar.h"

#include <string.h>

/* Value i of K or V; `scale` is the number of its block of 32 (Q8_0: value = code * scale, which is exact in f32). */
static real kv_at(const struct page_slice *page, const uint8_t *half, int64_t i, int64_t scale)
{
    uint16_t h;
    float f;
    double g;
    switch (page->type) {
    case KV_F32: memcpy(&f, half + 4 * i, 4); return (real)f;
    case KV_F64: memcpy(&g, half + 8 * i, 8); return (real)g;
    case KV_Q8_0:
        memcpy(&h, half + kv_scales_off(page->head_dim) + 2 * scale, 2);
        return (real)((float)(int8_t)half[i] * f16_to_f32(h));
    case KV_F16: memcpy(&h, half + 2 * i, 2); return (real)f16_to_f32(h);
    default: memcpy(&h, half + 2 * i, 2); return (real)bf16_to_f32(h);
    }
}

static real k_at(const struct page_slice *page, int64_t d, int64_t j)
{
    return kv_at(page, page->k, d * KV_PAGE + j, d / QUANT_BLOCK * KV_PAGE + j);
}

static real v_at(const struct page_slice *page, int64_t d, int64_t j)
{
    return kv_at(page, page->v, j * page->head_dim + d, j * (page->head_dim / QUANT_BLOCK) + d / QUANT_BLOCK);
}

static void page_scores(const struct page_slice *page, const real *q, real *score)
{
    for (int j = page->lo; j < page->hi; j++)
        score[j] = 0;
    for (int d = 0; d < page->head_dim; d++)
        for (int j = page->lo; j < page->hi; j++)
            score[j] = real_fma(q[d], k_at(page, d, j), score[j]);
    for (int j = page->lo; j < page->hi; j++)
        score[j] = score[j] * (real)page->scale;
}

void REAL(attend_values__scalar)(const struct page_slice *page, const real *weights, real *acc)
{
    for (int j = page->lo; j < page->hi; j++)
        for (int d = 0; d < page->head_dim; d++)
            acc[d] = real_fma(weights[j], v_at(page, d, j), acc[d]);
}

void REAL(attend_scored__scalar)(const struct page_slice *page, const real *score, real *m_out, real *l_out, real *acc)
{
    real m = -(real)INFINITY, lanes[LANES] = {0}, p[KV_PAGE];
    for (int j = page->lo; j < page->hi; j++)
        m = score[j] > m ? score[j] : m; /* skips NaN, which then shows in p */
    m = m + 0;                           /* no -0: which zero is the largest would depend on the order */
    for (int j = page->lo; j < page->hi; j++) {
        p[j] = REAL(real_exp)(score[j] - m);
        lanes[j % LANES] = lanes[j % LANES] + p[j];
    }
    memset(acc, 0, (size_t)page->head_dim * sizeof *acc);
    REAL(attend_values__scalar)(page, p, acc);
    *m_out = m;
    *l_out = lanes_sum(lanes);
}

void REAL(attend_page__scalar)(const struct page_slice *page, const struct page_sums *sums)
{
    int head_dim = page->head_dim;
    for (int h = 0; h < page->group; h++) {
        struct page_slice seen = *page;
        real *score = sums->score + h * KV_PAGE;
        if (page->los)
            seen.lo = page->los[h], seen.hi = page->his[h];
        page_scores(&seen, page->q + h * head_dim, score);
        REAL(attend_scored__scalar)(&seen, score, &sums->m[h], &sums->l[h], sums->acc + h * head_dim);
    }
}

/* new M = max(M, m); L = l * exp(m - new M) + L * exp(M - new M), the second product rounded first; acc likewise. */
void REAL(attend_merge__scalar)(real m, real l, const real *acc, int head_dim, real *big_m, real *big_l, real *big_acc)
{
    real top = m > *big_m ? m : *big_m;
    real keep = REAL(real_exp)(*big_m - top), take = REAL(real_exp)(m - top);
    *big_l = real_fma(l, take, *big_l * keep);
    for (int d = 0; d < head_dim; d++)
        big_acc[d] = real_fma(acc[d], take, big_acc[d] * keep);
    *big_m = top;
}
