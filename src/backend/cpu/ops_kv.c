/* ops_kv.c: storing K and V in pages.
 *
 * A layer's part of a page holds, for each kv head, K as [head_dim][128] (so that 16 neighbouring positions load as one
 * vector) and then V as [128][head_dim]. Values are rounded to nearest even. Q8_0 packs 32 dims of a position as it
 * does weights; codes lie where values would, and the scales of a head's K (or V) behind all of its codes. */
#include "backend/cpu/ops.h"
#include "backend/cpu/share.h"
#include "base/must.h"

#include <math.h>
#include <string.h>

/* Where the values of one position go: `first`, then every `step`-th one. */
struct cells {
    int64_t first, step;
};

static void put_f16(const struct kernels *kn, uint8_t *half, struct cells at, const real *x, int head_dim)
{
    enum { TOGETHER = 64 };
    uint16_t h[TOGETHER];
    for (int64_t d = 0, i = at.first; d < head_dim; d += TOGETHER) {
        int n = head_dim - d < TOGETHER ? (int)(head_dim - d) : TOGETHER;
        kn->narrow_f16(x + d, n, h);
        for (int k = 0; k < n; k++, i += at.step)
            memcpy(half + 2 * i, &h[k], 2);
    }
}

static void put_plain(enum kv_type type, uint8_t *half, struct cells at, const real *x, int head_dim)
{
    for (int64_t d = 0, i = at.first; d < head_dim; d++, i += at.step) {
        float f = (float)x[d];
        uint16_t h = bf16_from_f32(f);
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
        if (block[0] == 0xff && block[1] == 0x7b) /* cut to the largest f16: too large to hold, as f16 says it */
            block[0] = 0x00, block[1] = 0x7c;     /* (infinity) */
        memcpy(half + kv_scales_off(head_dim) + 2 * (scale_at.first + b * scale_at.step), block, 2);
        for (int i = 0; i < QUANT_BLOCK; i++)
            half[at.first + (b * QUANT_BLOCK + i) * at.step] = block[2 + i];
    }
}

/* K or V of one head at position `at` of a page. */
static void put_half(const struct kernels *kn, const struct kv_layout *layout, uint8_t *half, bool transposed,
                     int64_t at, const real *x)
{
    int64_t head_dim = layout->head_dim, blocks = head_dim / QUANT_BLOCK;
    struct cells cells = {at, KV_PAGE}, scales = {at, KV_PAGE};
    if (!transposed) {
        cells = (struct cells){at * head_dim, 1};
        scales = (struct cells){at * blocks, 1};
    }
    if (layout->type == KV_Q8_0)
        put_q8_0(half, cells, scales, x, layout->head_dim);
    else if (layout->type == KV_F16)
        put_f16(kn, half, cells, x, layout->head_dim);
    else
        put_plain(layout->type, half, cells, x, layout->head_dim);
}

/* K of one position lies in as many lines as a head has dims. A step of many rows finds them where the row before has
 * been; of few rows all of them come from far, one after another when they are only written to. Attention reads them
 * next. */
static void fetch_keys(const struct kv_layout *layout, const uint8_t *half, int64_t at)
{
    int64_t values = (int64_t)layout->head_dim * KV_PAGE,
            bytes = (int64_t)kv_half_bytes(layout->type, layout->head_dim);
    int64_t each = layout->type == KV_Q8_0 ? 1 : bytes / values;
    for (int64_t d = 0; d < layout->head_dim; d++)
        __builtin_prefetch(half + (d * KV_PAGE + at) * each, 1);
}

void REAL(ops_kv_append)(const struct hand *h, const struct kv_rows *kv, const real *keys, const real *values)
{
    enum { FEW = 16 };
    const struct kv_layout *layout = &kv->layout;
    int64_t width = (int64_t)layout->n_kv_heads * layout->head_dim;
    struct work_share share = share_of(h->member, kv->n, width, layout->head_dim);
    for (int64_t r = share.row; r < share.end_row; r++) {
        if (kv->keep && kv->keep[r])
            continue;
        int64_t at = kv->pos[r] % KV_PAGE;
        for (int64_t o = share.lo; kv->n < FEW && o < share.hi; o += layout->head_dim)
            fetch_keys(layout, ops_kv_head(kv, r, kv->pos[r] / KV_PAGE, o / layout->head_dim), at);
        for (int64_t o = share.lo; o < share.hi; o += layout->head_dim) {
            must(kv->tables[kv->seq[r]][kv->pos[r] / KV_PAGE] >= 0);
            uint8_t *k_page = ops_kv_head(kv, r, kv->pos[r] / KV_PAGE, o / layout->head_dim);
            int64_t from = r * width + o;
            put_half(kernels_of(h), layout, k_page, true, at, keys + from);
            put_half(kernels_of(h), layout, k_page + kv_head_bytes(layout) / 2, false, at, values + from);
        }
    }
}

/* ---- looking for what did not fit ----------------------------------------------------------------------- */

static double cell(enum kv_type type, const uint8_t *half, int64_t i)
{
    float f;
    double g;
    uint16_t h;
    switch (type) {
    case KV_F32: memcpy(&f, half + 4 * i, 4); return (double)f;
    case KV_F64: memcpy(&g, half + 8 * i, 8); return g;
    default: memcpy(&h, half + 2 * i, 2); return (double)(type == KV_BF16 ? bf16_to_f32(h) : f16_to_f32(h));
    }
}

/* K or V of one head: 1 for an infinite value, 2 for a NaN. Of Q8_0 the scales tell. */
static unsigned half_faults(const struct kv_layout *layout, const uint8_t *half, bool transposed, int n)
{
    bool q8 = layout->type == KV_Q8_0;
    int64_t width = q8 ? layout->head_dim / QUANT_BLOCK : layout->head_dim;
    const uint8_t *cells = q8 ? half + kv_scales_off(layout->head_dim) : half;
    unsigned found = 0;
    for (int64_t at = 0; at < n; at++)
        for (int64_t d = 0; d < width; d++) {
            double x = cell(layout->type, cells, transposed ? d * KV_PAGE + at : at * width + d);
            found |= isinf(x) ? 1 : isnan(x) ? 2 : 0;
        }
    return found;
}

unsigned REAL(ops_kv_faults)(const struct kv_layout *layout, const uint8_t *part, int n)
{
    unsigned found = 0;
    for (int head = 0; head < layout->n_kv_heads; head++) {
        const uint8_t *k = part + (size_t)head * kv_head_bytes(layout);
        found |= half_faults(layout, k, true, n) | half_faults(layout, k + kv_head_bytes(layout) / 2, false, n) << 2;
    }
    return found;
}
