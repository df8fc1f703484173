/* attend.h: the body of attend__*.c: attention over one page. K lies with 16 neighbouring positions in a vector, V with
 * 16 neighbouring dims; a tile is A_WIDE vectors by A_HEADS of the query heads that share them (A_FEW, then one, of
 * those that are left), so that each byte is read and converted once for all of them. While a page is worked on the
 * next one is fetched (fetch_turn), in the order of memory, whatever order this one is read in: K's rows are too far
 * apart for hardware to guess. Positions out of sight may be loaded beside visible ones (a page is always there as a
 * whole) but never reach a maximum or a sum. */
#include "backend/cpu/kernels.h"
#include "backend/cpu/tables.h"

#include <math.h>

/* The first n of 16 neighbouring values from value i on; Q8_0's are codes that still want their scale. */
INLINE vec16 load_kv(enum kv_type type, const uint8_t *base, int64_t i, int64_t n)
{
    if (type == KV_F32)
        return load16(base + 4 * i, n);
    if (type == KV_Q8_0)
        return load16_i8(base + i);
    return type == KV_F16 ? load16_f16(base + 2 * i, n) : load16_bf16(base + 2 * i, n);
}

/* Scores of positions [16 b, 16 (b + A_WIDE)) for n heads (a constant); those out of sight are junk. */
INLINE void block_scores(enum kv_type type, const struct page_slice *page, const float *q, int n, int b,
                         struct fetch *fetch, float *score)
{
    const uint8_t *scales = page->k + kv_scales_off(page->head_dim);
    vec16 s[A_HEADS][A_WIDE], k[A_WIDE], k_scale[A_WIDE];
    UNROLL
    for (int c = 0; c < A_WIDE; c++) {
        k_scale[c] = zero16();
        UNROLL
        for (int h = 0; h < n; h++)
            s[h][c] = zero16();
    }
    for (int d = 0; d < page->head_dim; d++) {
        fetch_turn(type, d, fetch);
        UNROLL
        for (int c = 0; c < A_WIDE; c++) {
            k[c] = load_kv(type, page->k, d * KV_PAGE + 16 * (b + c), 16);
            if (type == KV_Q8_0 && d % QUANT_BLOCK == 0)
                k_scale[c] = load16_f16(scales + 2 * (d / QUANT_BLOCK * KV_PAGE + 16 * (b + c)), 16);
            if (type == KV_Q8_0)
                k[c] = mul16(k[c], k_scale[c]);
        }
        UNROLL
        for (int h = 0; h < n; h++) {
            UNROLL
            for (int c = 0; c < A_WIDE; c++)
                s[h][c] = fma16_by(k[c], q[h * page->head_dim + d], s[h][c]);
        }
    }
    UNROLL
    for (int h = 0; h < n; h++) {
        UNROLL
        for (int c = 0; c < A_WIDE; c++)
            store16(score + h * KV_PAGE + 16 * (b + c), 16, mul16(s[h][c], all16(page->scale)));
    }
}

INLINE void page_scores(enum kv_type type, const struct page_slice *page, struct fetch *fetch, float *score)
{
    for (int b = page->lo / (16 * A_WIDE) * A_WIDE; 16 * b < page->hi; b += A_WIDE) {
        int h = 0;
        for (; h + A_HEADS <= page->group; h += A_HEADS)
            block_scores(type, page, page->q + h * page->head_dim, A_HEADS, b, fetch, score + h * KV_PAGE);
        for (; A_FEW > 1 && h + A_FEW <= page->group; h += A_FEW)
            block_scores(type, page, page->q + h * page->head_dim, A_FEW, b, fetch, score + h * KV_PAGE);
        for (; h < page->group; h++)
            block_scores(type, page, page->q + h * page->head_dim, 1, b, fetch, score + h * KV_PAGE);
    }
}

/* m, then p = exp(score - m) and their sum, of [lo, hi). */
static void page_softmax(int lo, int hi, const float *score, float *p, float *m_out, float *l_out)
{
    const int first = lo / 16 * 16;
    vec16 top = all16(-INFINITY), sum = zero16();
    for (int i = first; i < hi; i += 16) /* max16 gives its second operand when the first is NaN: NaN is skipped */
        top = max16_in(lanes16(lo - i, hi - i), load16(score + i, 16), top);
    float m = largest16(top) + 0.0f; /* which zero it is does not matter any more */
    for (int i = first; i < hi; i += 16) {
        vec16 e = exp16(sub16(load16(score + i, 16), all16(m)));
        store16(p + i, 16, e);
        sum = add16_in(lanes16(lo - i, hi - i), sum, e);
    }
    *m_out = m;
    *l_out = tree_sum(sum);
}

/* What some heads see: one of them from lo on, all [all_lo, all_hi), one up to hi. */
struct seen {
    int lo, all_lo, all_hi, hi;
};

INLINE struct seen seen_by(const struct page_slice *page, int head, int n)
{
    if (!page->los)
        return (struct seen){page->lo, page->lo, page->hi, page->hi};
    int all_lo = page->los[head + n - 1], all_hi = page->his[head];
    return (struct seen){page->los[head], all_lo, all_hi > all_lo ? all_hi : all_lo, page->his[head + n - 1]};
}

struct values_sums {
    vec16 head[A_HEADS][A_WIDE];
};

/* Position j for n heads from `head` on that all (a constant) see it, or some. */
INLINE void weigh_value(enum kv_type type, const struct page_slice *page, const float *p, int head, int n, int wide,
                        int d, int left, int j, bool all, struct values_sums *a)
{
    const uint8_t *scales = page->v + kv_scales_off(page->head_dim);
    const int64_t i = (int64_t)j * page->head_dim + d;
    vec16 v[A_WIDE];
    UNROLL
    for (int c = 0; c < wide; c++) {
        v[c] = load_kv(type, page->v, i + 16 * c, left);
        if (type == KV_Q8_0)
            v[c] = mul16(v[c], all16_f16(scales + 2 * (i / QUANT_BLOCK)));
    }
    UNROLL
    for (int h = 0; h < n; h++) {
        if (all || (j >= page->los[head + h] && j < page->his[head + h])) {
            UNROLL
            for (int c = 0; c < wide; c++)
                a->head[h][c] = fma16_by(v[c], p[(head + h) * KV_PAGE + j], a->head[h][c]);
        }
    }
}

/* acc of n heads from `head` on over `wide` vectors of dims from d on, both constants, and the first `left` dims of
 * each. */
INLINE void weigh_values(enum kv_type type, const struct page_slice *page, const float *p, int head, int n, int wide,
                         int d, int left, struct fetch *fetch, float *acc)
{
    const struct seen s = seen_by(page, head, n);
    struct values_sums a;
    UNROLL
    for (int h = 0; h < n; h++) {
        UNROLL
        for (int c = 0; c < wide; c++)
            a.head[h][c] = zero16();
    }
    for (int j = s.lo; j < s.all_lo; j++)
        weigh_value(type, page, p, head, n, wide, d, left, j, false, &a);
    for (int j = s.all_lo; j < s.all_hi; j++) {
        fetch_turn(type, j, fetch);
        weigh_value(type, page, p, head, n, wide, d, left, j, true, &a);
    }
    for (int j = s.all_hi; j < s.hi; j++)
        weigh_value(type, page, p, head, n, wide, d, left, j, false, &a);
    UNROLL
    for (int h = 0; h < n; h++) {
        UNROLL
        for (int c = 0; c < wide; c++)
            store16(acc + (head + h) * page->head_dim + d + 16 * c, left, a.head[h][c]);
    }
}

/* n heads (a constant) from `head` on, all dims. Q8_0's heads are whole blocks of 32. */
INLINE void heads_values(enum kv_type type, const struct page_slice *page, const float *p, int head, int n,
                         struct fetch *fetch, float *acc)
{
    int d = 0;
    for (; d + 16 * A_WIDE <= page->head_dim; d += 16 * A_WIDE)
        weigh_values(type, page, p, head, n, A_WIDE, d, 16, fetch, acc);
    if (type == KV_Q8_0)
        return;
    for (; A_WIDE > 1 && d + 16 <= page->head_dim; d += 16)
        weigh_values(type, page, p, head, n, 1, d, 16, fetch, acc);
    if (d < page->head_dim)
        weigh_values(type, page, p, head, n, 1, d, page->head_dim - d, fetch, acc);
}

INLINE void page_values(enum kv_type type, const struct page_slice *page, const float *p, struct fetch *fetch,
                        float *acc)
{
    int h = 0;
    for (; h + A_HEADS <= page->group; h += A_HEADS)
        heads_values(type, page, p, h, A_HEADS, fetch, acc);
    for (; A_FEW > 1 && h + A_FEW <= page->group; h += A_FEW)
        heads_values(type, page, p, h, A_FEW, fetch, acc);
    for (; h < page->group; h++)
        heads_values(type, page, p, h, 1, fetch, acc);
}

INLINE void attend_typed(enum kv_type type, const struct page_slice *page, const struct page_sums *sums)
{
    const uint8_t *next = page->next;
    struct fetch fetch = {next, next ? next + 2 * kv_half_bytes(type, page->head_dim) : NULL, A_LINES(type)};
    page_scores(type, page, &fetch, sums->score);
    for (int h = 0; h < page->group; h++)
        page_softmax(page->los ? page->los[h] : page->lo, page->his ? page->his[h] : page->hi,
                     sums->score + h * KV_PAGE, sums->p + h * KV_PAGE, &sums->m[h], &sums->l[h]);
    page_values(type, page, sums->p, &fetch, sums->acc);
}

void ISA(attend_page)(const struct page_slice *page, const struct page_sums *sums)
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

INLINE void merge16(const float *acc, float keep, float take, int n, float *big_acc)
{
    store16(big_acc, n, fma16_by(load16(acc, n), take, mul16(load16(big_acc, n), all16(keep))));
}

void ISA(attend_merge)(float m, float l, const float *acc, int head_dim, float *big_m, float *big_l, float *big_acc)
{
    float top = m > *big_m ? m : *big_m;
    vec16 both = exp16(pair16(*big_m - top, m - top));
    float keep = lane0(both), take = lane1(both);
    *big_l = fmaf(l, take, *big_l * keep);
    int d = 0;
    for (; d + 16 <= head_dim; d += 16)
        merge16(acc + d, keep, take, 16, big_acc + d);
    if (d < head_dim)
        merge16(acc + d, keep, take, head_dim - d, big_acc + d);
    *big_m = top;
}
