/* ops_attend.c: storing K and V in pages, and attention over them.
 *
 * A layer's part of a page holds, for each kv head, K as [head_dim][128] (so that 16 neighbouring positions load as one
 * vector) and then V as [128][head_dim]. Values are rounded to nearest even. Q8_0 packs 32 dims of a position as it does
 * weights; codes lie where values would, and the scales of a head's K (or V) behind all of its codes.
 *
 * The way of a token goes on in ops_moe.c. */
#include "backend/cpu/ops.h"

#include "backend/cpu/scalar.h"

#include <string.h>

/* Where the values of one position go: `first`, then every `step`-th one. */
struct cells {
    int64_t first, step;
};

static void put_plain(enum kv_type type, uint8_t *half, struct cells at, const real *x, int head_dim)
{
    for (int64_t d = 0, i = at.first; d < head_dim; d++, i += at.step) {
        float f = (float)x[d];
        uint16_t h = type == KV_F16 ? f16_from_f32(f) : bf16_from_f32(f);
        double g = (double)x[d];
        if (type == KV_F32)
            memcpy(half + 4 * i, &f, 4);
        else if (type == KV_F64)
            memcpy(half + 8 * i, &g, 8);
        else
            memcpy(half + 2 * i, &h, 2);
    }
}

static void put_q8_0(uint8_t *half, struct cells at, struct cells scale_at, const real *x, int head_dim)
{
    for (int64_t b = 0; b < head_dim / QUANT_BLOCK; b++) {
        float values[QUANT_BLOCK];
        uint8_t block[2 + QUANT_BLOCK];
        for (int i = 0; i < QUANT_BLOCK; i++)
            values[i] = (float)x[b * QUANT_BLOCK + i];
        dtype_info(DT_Q8_0)->pack(values, block, NULL);
        memcpy(half + kv_scales_off(head_dim) + 2 * (scale_at.first + b * scale_at.step), block, 2);
        for (int i = 0; i < QUANT_BLOCK; i++)
            half[at.first + (b * QUANT_BLOCK + i) * at.step] = block[2 + i];
    }
}

/* K or V of one head at position `at` of a page. */
static void put_half(const struct kv_layout *layout, uint8_t *half, bool transposed, int64_t at, const real *x)
{
    int64_t head_dim = layout->head_dim, blocks = head_dim / QUANT_BLOCK;
    struct cells cells = {at, KV_PAGE}, scales = {at, KV_PAGE};
    if (!transposed) {
        cells = (struct cells){at * head_dim, 1};
        scales = (struct cells){at * blocks, 1};
    }
    if (layout->type == KV_Q8_0)
        put_q8_0(half, cells, scales, x, layout->head_dim);
    else
        put_plain(layout->type, half, cells, x, layout->head_dim);
}

static uint8_t *kv_head_at(const struct kv_rows *kv, int r, int64_t page, int64_t kv_head)
{
    return kv->tables[kv->seq[r]][page] + kv->layer_off + (size_t)kv_head * kv_head_bytes(&kv->layout);
}

void REAL(ops_kv_append)(const struct kernels *k, const struct lane *lane, const struct kv_rows *kv, const real *keys,
                         const real *values)
{
    (void)k;
    const struct kv_layout *layout = &kv->layout;
    int64_t lo, hi, width = (int64_t)layout->n_kv_heads * layout->head_dim;
    lane_share(lane, layout->n_kv_heads, &lo, &hi);
    for (int r = 0; r < kv->n; r++) {
        if (kv->keep && kv->keep[r])
            continue;
        int64_t at = kv->pos[r] % KV_PAGE;
        for (int64_t g = lo; g < hi; g++) {
            uint8_t *k_page = kv_head_at(kv, r, kv->pos[r] / KV_PAGE, g);
            int64_t from = r * width + g * layout->head_dim;
            put_half(layout, k_page, true, at, keys + from);
            put_half(layout, k_page + kv_head_bytes(layout) / 2, false, at, values + from);
        }
    }
}

/* One row and one kv head with all the query heads that read it. */
struct work {
    const struct kernels *k;
    const struct attend *a;
    struct page_sums sums;
    real *big_m, *big_l, *big_acc;
};

static void keep_scores(const struct attend *a, const struct page_slice *slice, const struct page_sums *sums, int r,
                        int64_t first_head, int64_t page)
{
    for (int h = 0; h < slice->group; h++) {
        real *row = a->pattern + ((int64_t)r * a->n_heads + first_head + h) * a->n_keys;
        for (int64_t j = slice->lo; j < slice->hi && page * KV_PAGE + j < a->n_keys; j++)
            row[page * KV_PAGE + j] = sums->score[h * KV_PAGE + j];
    }
}

static void finish_heads(const struct work *w, int r, int64_t first_head, int64_t lo, int64_t hi)
{
    const struct attend *a = w->a;
    int head_dim = a->kv.layout.head_dim;
    for (int h = 0; h < a->group; h++) {
        int64_t head = (int64_t)r * a->n_heads + first_head + h;
        real *out = a->out->f + head * head_dim, m = w->big_m[h], l = w->big_l[h];
        for (int d = 0; d < head_dim; d++)
            out[d] = w->big_acc[h * head_dim + d] / l;
        if (a->lse)
            a->lse[head] = m + real_log(l);
        for (int64_t j = 0; a->pattern && j < a->n_keys; j++) {
            real *p = a->pattern + head * a->n_keys + j;
            *p = j >= lo && j < hi ? REAL(real_exp)(*p - m) / l : 0;
        }
    }
}

static void attend_row(struct work *w, int r, int64_t kv_head)
{
    const struct attend *a = w->a;
    const struct kv_rows *kv = &a->kv;
    int head_dim = kv->layout.head_dim;
    int64_t first_head = kv_head * a->group, hi = (int64_t)kv->pos[r] + 1, lo = 0;
    if (kv->floor && kv->floor[kv->seq[r]] > lo)
        lo = kv->floor[kv->seq[r]];
    if (a->window > 0 && hi - a->window > lo)
        lo = hi - a->window;
    for (int h = 0; h < a->group; h++) {
        w->big_m[h] = (real)a->sinks[first_head + h];
        w->big_l[h] = 1;
    }
    memset(w->big_acc, 0, (size_t)(a->group * head_dim) * sizeof(real));
    for (int64_t page = lo / KV_PAGE; page * KV_PAGE < hi; page++) {
        const uint8_t *base = kv_head_at(kv, r, page, kv_head);
        int64_t from = lo - page * KV_PAGE, to = hi - page * KV_PAGE;
        struct page_slice slice = {.type = kv->layout.type, .head_dim = head_dim, .lo = (int)(from > 0 ? from : 0),
                                   .hi = (int)(to < KV_PAGE ? to : KV_PAGE), .k = base,
                                   .v = base + kv_head_bytes(&kv->layout) / 2, .group = a->group, .scale = a->scale,
                                   .q = a->q + ((int64_t)r * a->n_heads + first_head) * head_dim};
        if (to > KV_PAGE)
            slice.next = kv_head_at(kv, r, page + 1, kv_head);
        else if (kv_head + 1 < kv->layout.n_kv_heads)
            slice.next = kv_head_at(kv, r, lo / KV_PAGE, kv_head + 1);
        w->k->attend_page(&slice, &w->sums);
        if (a->pattern)
            keep_scores(a, &slice, &w->sums, r, first_head, page);
        for (int h = 0; h < a->group; h++)
            w->k->attend_merge(w->sums.m[h], w->sums.l[h], w->sums.acc + h * head_dim, head_dim, &w->big_m[h],
                               &w->big_l[h], w->big_acc + h * head_dim);
    }
    finish_heads(w, r, first_head, lo, hi);
}

/* kv heads that one lane takes together, so that what they write of a row is whole blocks of 32 for the int8 form. */
static int64_t heads_together(int64_t values_per_head)
{
    int64_t together = 1;
    while (together * values_per_head % QUANT_BLOCK != 0)
        together++;
    return together;
}

void REAL(ops_attend)(const struct kernels *k, const struct lane *lane, void *scratch, const struct attend *a)
{
    int head_dim = a->kv.layout.head_dim, group = a->group, n_kv_heads = a->kv.layout.n_kv_heads;
    real *space = scratch;
    struct work w = {.k = k, .a = a};
    w.sums.m = space;
    w.sums.l = w.sums.m + group;
    w.big_m = w.sums.l + group;
    w.big_l = w.big_m + group;
    w.sums.acc = w.big_l + group;
    w.big_acc = w.sums.acc + group * head_dim;
    w.sums.score = w.big_acc + group * head_dim;
    w.sums.p = w.sums.score + group * KV_PAGE;

    int64_t per_head = (int64_t)group * head_dim, together = heads_together(per_head);
    int64_t n_parts = (n_kv_heads + together - 1) / together, lo, hi;
    lane_share(lane, n_parts * a->kv.n, &lo, &hi); /* heads outside, rows inside: later rows cost more */
    for (int64_t unit = lo; unit < hi; unit++) {
        int r = (int)(unit % a->kv.n);
        int64_t first = unit / a->kv.n * together, end = first + together < n_kv_heads ? first + together : n_kv_heads;
        for (int64_t g = first; g < end; g++)
            attend_row(&w, r, g);
        REAL(ops_quantize_row)(k, a->out, r, first * per_head, end * per_head);
    }
}
