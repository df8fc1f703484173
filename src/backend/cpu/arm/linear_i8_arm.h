/* linear_i8_arm.h: int8 activations times weights in blocks of 32 codes (CODED_BY_32 and Q8_0): the body of linear_i8__neon.c (SMULL),
 * linear_i8__dotprod.c (SDOT) and linear_i8__i8mm.c (SMMLA), which add the few steps that depend on the instruction.
 * Bytes are signed on both sides, so nothing is shifted; a block's sum is exact in int32.
 *
 * Up to 4 activation rows read the weights where they lie (decode): 4 blocks of a row give a vector of 4 exact sums, which
 * takes one FMA into [p0 p1 p2 p3], and with offsets one more, of the activations' own sums. How far ahead fetch.h looks was measured on x86; no ARM machine has been measured yet.
 *
 * More rows: 32 weight rows are unpacked into workspace once and then used by up to LINEAR_ACTS activation rows, in squares of
 * 8 by 4. A square is gone through four times, once for every q, over blocks q, q + 4, ...: so its partial sums stay in
 * registers. Tile and panel have all blocks of one q side by side.
 *
 * HF's codes come apart into even and odd elements; activations are put in that order instead, which exact sums do not
 * notice. */
#ifndef OSSO_BACKEND_LINEAR_I8_ARM_H
#define OSSO_BACKEND_LINEAR_I8_ARM_H

#include "backend/cpu/arm/codes_arm.h"

#include "backend/cpu/fetch.h"
#include "backend/cpu/kernels.h"
#include "backend/cpu/tables.h"

enum { SQUARE_ROWS = 8, SQUARE_ACTS = 4, SQUARE_SUMS = SQUARE_ROWS * SQUARE_ACTS / 4 };
/* One block of 8 weight rows in a tile: codes, then scales, in an order of the ISA's choice; SMMLA wants scales twice.
 * Likewise one block of 4 activation rows in a panel. Behind the scales, in the same order, offsets and (as floats, times
 * the row's scale in the order of scalar) what they are multiplied with. */
enum { TILE_CODES = SQUARE_ROWS * QUANT_BLOCK, TILE_OFFSETS = TILE_CODES + 2 * SQUARE_ROWS * 4,
       TILE_BYTES = TILE_OFFSETS + 2 * SQUARE_ROWS * 4 };
enum { PANEL_CODES = SQUARE_ACTS * QUANT_BLOCK, PANEL_SUMS = PANEL_CODES + 2 * SQUARE_ACTS * 4,
       PANEL_BYTES = PANEL_SUMS + 2 * SQUARE_ACTS * 4 };
enum { WORKSPACE_BYTES = LINEAR_TILE / SQUARE_ROWS * TILE_BYTES + LINEAR_ACTS / SQUARE_ACTS * PANEL_BYTES };
_Static_assert(WORKSPACE_BYTES <= LINEAR_TILE * LINEAR_TILE_BYTES + LINEAR_ACTS * LINEAR_ACT_BYTES, "linear_workspace_bytes gives this per block");

/* The steps of an ISA. Four sums whose sum is the dot of a block: */
INLINE int32x4_t dot32(struct codes w, struct codes a);
/* Weight rows r .. r + 3 of a square (r is 0 or 4) into one block of a tile; 4 activation rows into one of a panel. Codes,
 * then what there is one of for each row. */
INLINE void tile_put(uint8_t *tile, int r, const struct codes *w);
INLINE void panel_put(uint8_t *panel, const struct codes *a);
INLINE void tile_put4(uint8_t *at, int r, const float *values);
INLINE void panel_put4(uint8_t *at, const float *values);
/* Adds one block of a square to its partial sums; n (a constant, 1..4) activation rows. */
INLINE void square_step(bool offsets, const uint8_t *tile, const uint8_t *panel, int n, float32x4_t *p);
/* out[activation row][weight row] of finished sums. */
INLINE void square_out(const float32x4_t *sums, float (*out)[SQUARE_ROWS]);

/* Each lane the sum of one of four vectors. */
INLINE int32x4_t add_across(int32x4_t a, int32x4_t b, int32x4_t c, int32x4_t d)
{
    return vpaddq_s32(vpaddq_s32(a, b), vpaddq_s32(c, d));
}

/* A block of activations in the order of the weights' codes. */
INLINE struct codes act_codes(enum dtype t, const int8_t *q)
{
    struct codes c = load_codes(q);
    return in_pairs(t) ? (struct codes){vuzp1q_s8(c.lo, c.hi), vuzp2q_s8(c.lo, c.hi)} : c;
}

enum { ONE_ACT_ROWS = 2 };

/* Up to 4 activation rows. q is in the order of the weights' codes. */
struct few {
    const int8_t *q[4];
    const float *d[4];
    const int32_t *sum[4];
    const uint8_t *next; /* struct gather's */
};

/* Blocks 4 g .. 4 g + 3 of one weight row into [p0 p1 p2 p3] of n activation rows. */
INLINE void group_step(enum dtype t, const struct row *row, int64_t g, const struct few *a, int n, float32x4_t *p)
{
    struct codes w[4];
    float32x4_t dw = weight_scales(t, row, 4 * g), mw = dw;
    if (has_offsets(t))
        mw = weight_offsets(t, row, 4 * g);
    UNROLL
    for (int b = 0; b < 4; b++)
        w[b] = weight_codes(t, row->data, 4 * g + b);
    UNROLL
    for (int i = 0; i < n; i++) {
        const int8_t *q = a->q[i] + 4 * g * QUANT_BLOCK;
        int32x4_t sums = add_across(dot32(w[0], load_codes(q)), dot32(w[1], load_codes(q + QUANT_BLOCK)),
                                    dot32(w[2], load_codes(q + 2 * QUANT_BLOCK)),
                                    dot32(w[3], load_codes(q + 3 * QUANT_BLOCK)));
        float32x4_t d = vld1q_f32(a->d[i] + 4 * g);
        p[i] = vfmaq_f32(p[i], vcvtq_f32_s32(sums), vmulq_f32(d, dw));
        if (has_offsets(t))
            p[i] = vfmaq_f32(p[i], vcvtq_f32_s32(vld1q_s32(a->sum[i] + 4 * g)), vmulq_f32(d, mw));
    }
}

/* The blocks from b on, of a last group that is not whole: the others' p must not be touched. */
INLINE float32x4_t rest_step(enum dtype t, const struct row *row, int64_t b, int64_t n_blocks, const struct few *a, int i,
                             float32x4_t p)
{
    float part[4];
    vst1q_f32(part, p);
    for (int k = 0; b < n_blocks; b++, k++) {
        int32_t sum = vaddvq_s32(dot32(weight_codes(t, row->data, b), load_codes(a->q[i] + b * QUANT_BLOCK)));
        part[k] = fmaf((float)sum, a->d[i][b] * weight_scale(t, row, b), part[k]);
        if (has_offsets(t))
            part[k] = fmaf((float)a->sum[i][b], a->d[i][b] * weight_offset(t, row, b), part[k]);
    }
    return vld1q_f32(part);
}

/* Weight rows o .. o + n_rows - 1 by n activation rows, both constants. */
INLINE void few_dot(enum dtype t, const struct view *w, int64_t o, int64_t hi, const struct few *a, int n_rows, int n,
                    float *y, int64_t y_stride)
{
    const int group_bytes = n_rows * 4 * (int)block_bytes(t);
    struct ahead ahead = fetch_from(w, o, hi, a->next);
    int64_t n_blocks = w->cols / QUANT_BLOCK, whole = n_blocks / 4;
    struct row rows[ONE_ACT_ROWS];
    float32x4_t p[16];
    UNROLL
    for (int r = 0; r < n_rows; r++)
        rows[r] = row_of(w, o + r);
    UNROLL
    for (int i = 0; i < n_rows * n; i++)
        p[i] = vdupq_n_f32(0);
    for (int64_t g = 0; g < whole; g++) {
        fetch_ahead(&ahead, g * group_bytes, group_bytes, false);
        if (t == DT_MXFP4_HF)
            __builtin_prefetch(rows[0].side[0] + FETCH_SCALES_AHEAD + g * n_rows * 4);
        UNROLL
        for (int r = 0; r < n_rows; r++)
            group_step(t, &rows[r], g, a, n, p + r * n);
    }
    UNROLL
    for (int r = 0; r < n_rows; r++)
        UNROLL
        for (int i = 0; i < n; i++) {
            float32x4_t sum = p[r * n + i];
            if (4 * whole < n_blocks)
                sum = rest_step(t, &rows[r], 4 * whole, n_blocks, a, i, sum);
            y[i * y_stride + r] = vpadds_f32(vget_low_f32(vpaddq_f32(sum, sum)));
        }
}

/* n (a constant, 1..4) activation rows, straight from the weights. The codes of a single one stay in registers for two
 * weight rows; of more, or for more, they would not fit. */
INLINE void few_dots(enum dtype t, const struct view *w, int64_t lo, int64_t hi, const struct few *a, int n, float *y,
                     int64_t y_stride)
{
    const int n_rows = n == 1 ? ONE_ACT_ROWS : 1;
    int64_t o = lo;
    for (; o + n_rows <= hi; o += n_rows)
        few_dot(t, w, o, hi, a, n_rows, n, y + (o - lo), y_stride);
    for (; o < hi; o++)
        few_dot(t, w, o, hi, a, 1, n, y + (o - lo), y_stride);
}

INLINE void linear_few(enum dtype t, const struct view *w, int64_t lo, int64_t hi, const struct gather *in, int first, int n,
                       float *y, int64_t y_stride, int8_t *space)
{
    const struct act *act = in->act;
    struct few a = {.next = in->next};
    for (int i = 0; i < n; i++) {
        int64_t row = gather_row(in, first + i);
        a.q[i] = act->q + row * act->width;
        a.d[i] = act->d + row * (act->width / QUANT_BLOCK);
        a.sum[i] = act->sum + row * (act->width / QUANT_BLOCK);
        if (!in_pairs(t))
            continue;
        for (int64_t k = 0; k < act->width; k += QUANT_BLOCK) {
            struct codes c = act_codes(t, a.q[i] + k);
            vst1q_s8(space + i * act->width + k, c.lo);
            vst1q_s8(space + i * act->width + k + 16, c.hi);
        }
        a.q[i] = space + i * act->width;
    }
    if (!in->again)
        fetch_start(w, lo);
    switch (n) {
    case 1:
        few_dots(t, w, lo, hi, &a, 1, y, y_stride);
        break;
    case 2:
        few_dots(t, w, lo, hi, &a, 2, y, y_stride);
        break;
    case 3:
        few_dots(t, w, lo, hi, &a, 3, y, y_stride);
        break;
    default:
        few_dots(t, w, lo, hi, &a, 4, y, y_stride);
    }
}

/* Where block b is in a tile or panel of `groups` * 4 blocks. */
INLINE int64_t slot_of(int64_t b, int64_t groups)
{
    return b % 4 * groups + b / 4;
}

/* Activation rows [first, first + n), 4 at a time; missing ones are zero. */
INLINE void fill_panel(enum dtype t, const struct gather *in, int first, int n, uint8_t *panel)
{
    const struct act *act = in->act;
    int64_t n_blocks = act->width / QUANT_BLOCK, groups = (n_blocks + 3) / 4;
    for (int i = 0; i < n; i += SQUARE_ACTS, panel += 4 * groups * PANEL_BYTES)
        for (int64_t b = 0; b < n_blocks; b++) {
            struct codes a[SQUARE_ACTS];
            float d[SQUARE_ACTS], sums[SQUARE_ACTS];
            for (int j = 0; j < SQUARE_ACTS; j++) {
                int64_t row = gather_row(in, first + (i + j < n ? i + j : i));
                a[j] = act_codes(t, act->q + row * act->width + b * QUANT_BLOCK);
                d[j] = i + j < n ? act->d[row * n_blocks + b] : 0;
                sums[j] = (float)act->sum[row * n_blocks + b];
            }
            uint8_t *to = panel + slot_of(b, groups) * PANEL_BYTES;
            panel_put(to, a);
            panel_put4(to + PANEL_CODES, d);
            if (has_offsets(t))
                panel_put4(to + PANEL_SUMS, sums);
        }
}

/* Weight rows [lo, hi), 8 at a time; missing ones repeat the last. */
INLINE void fill_tile(enum dtype t, const struct view *w, int64_t lo, int64_t hi, uint8_t *tile)
{
    int64_t n_blocks = w->cols / QUANT_BLOCK, groups = (n_blocks + 3) / 4;
    for (int64_t o = lo; o < hi; o += SQUARE_ROWS, tile += 4 * groups * TILE_BYTES) {
        struct row rows[SQUARE_ROWS];
        for (int r = 0; r < SQUARE_ROWS; r++)
            rows[r] = row_of(w, o + r < hi ? o + r : hi - 1);
        for (int r = 0; r < SQUARE_ROWS; r += 4)
            for (int64_t b = 0; b < n_blocks; b++) {
                struct codes codes[4];
                float scales[4], offsets[4];
                UNROLL
                for (int j = 0; j < 4; j++) {
                    codes[j] = weight_codes(t, rows[r + j].data, b);
                    scales[j] = weight_scale(t, &rows[r + j], b);
                    offsets[j] = weight_offset(t, &rows[r + j], b);
                }
                uint8_t *to = tile + slot_of(b, groups) * TILE_BYTES;
                tile_put(to, r, codes);
                tile_put4(to + TILE_CODES, r, scales);
                if (has_offsets(t))
                    tile_put4(to + TILE_OFFSETS, r, offsets);
            }
    }
}

/* A square of 8 weight rows by n (a constant, 1..4) activation rows; n_rows of its weight rows exist. */
INLINE void square_dot(bool offsets, const uint8_t *tile, const uint8_t *panel, int64_t n_blocks, int n_rows, int n, float *y,
                       int64_t y_stride)
{
    int64_t groups = (n_blocks + 3) / 4;
    float32x4_t part[4][SQUARE_SUMS], p[SQUARE_SUMS];
    float out[SQUARE_ACTS][SQUARE_ROWS];
    for (int q = 0; q < 4; q++) {
        UNROLL
        for (int i = 0; i < SQUARE_SUMS; i++)
            p[i] = vdupq_n_f32(0);
        for (int64_t g = 0; 4 * g + q < n_blocks; g++)
            square_step(offsets, tile + (q * groups + g) * TILE_BYTES, panel + (q * groups + g) * PANEL_BYTES, n, p);
        UNROLL
        for (int i = 0; i < SQUARE_SUMS; i++)
            part[q][i] = p[i];
    }
    UNROLL
    for (int i = 0; i < SQUARE_SUMS; i++)
        p[i] = vaddq_f32(vaddq_f32(part[0][i], part[1][i]), vaddq_f32(part[2][i], part[3][i]));
    square_out(p, out);
    for (int i = 0; i < n; i++)
        memcpy(y + i * y_stride, out[i], (size_t)n_rows * sizeof(float));
}

INLINE void square_dot_of(bool offsets, const uint8_t *tile, const uint8_t *panel, int64_t n_blocks, int n_rows, int n,
                          float *y, int64_t y_stride)
{
    if (offsets)
        square_dot(true, tile, panel, n_blocks, n_rows, n, y, y_stride);
    else
        square_dot(false, tile, panel, n_blocks, n_rows, n, y, y_stride);
}

/* A tile by a panel of n activation rows. */
static void tile_dots(bool offsets, const uint8_t *tile, int64_t n_blocks, int64_t n_out, const uint8_t *panel, int n, float *y,
                      int64_t y_stride)
{
    int64_t slots = (n_blocks + 3) / 4 * 4;
    for (int i = 0; i < n; i += SQUARE_ACTS, panel += slots * PANEL_BYTES)
        for (int64_t o = 0; o < n_out; o += SQUARE_ROWS) {
            const uint8_t *square = tile + o / SQUARE_ROWS * slots * TILE_BYTES;
            int n_rows = n_out - o < SQUARE_ROWS ? (int)(n_out - o) : SQUARE_ROWS;
            float *out = y + i * y_stride + o;
            switch (n - i) {
            case 1:
                square_dot_of(offsets, square, panel, n_blocks, n_rows, 1, out, y_stride);
                break;
            case 2:
                square_dot_of(offsets, square, panel, n_blocks, n_rows, 2, out, y_stride);
                break;
            case 3:
                square_dot_of(offsets, square, panel, n_blocks, n_rows, 3, out, y_stride);
                break;
            default:
                square_dot_of(offsets, square, panel, n_blocks, n_rows, 4, out, y_stride);
            }
        }
}

INLINE void linear_i8(enum dtype t, const struct view *w, int64_t lo, int64_t hi, const struct gather *in, float *y,
                      int64_t y_stride, void *workspace)
{
    int64_t n_blocks = w->cols / QUANT_BLOCK, slots = (n_blocks + 3) / 4 * 4;
    uint8_t *tile = (uint8_t *)(((uintptr_t)workspace + 63) & ~(uintptr_t)63);
    uint8_t *panel = tile + LINEAR_TILE / SQUARE_ROWS * slots * TILE_BYTES;
    for (int first = 0; first < in->n; first += LINEAR_ACTS) {
        int n = in->n - first < LINEAR_ACTS ? in->n - first : LINEAR_ACTS;
        float *out = y + first * y_stride;
        if (n <= 4) {
            linear_few(t, w, lo, hi, in, first, n, out, y_stride, (int8_t *)tile);
            continue;
        }
        if (!in->again || in->n > LINEAR_ACTS)
            fill_panel(t, in, first, n, panel);
        for (int64_t o = lo; o < hi; o += LINEAR_TILE) {
            int64_t end = hi - o < LINEAR_TILE ? hi : o + LINEAR_TILE;
            fill_tile(t, w, o, end, tile);
            tile_dots(has_offsets(t), tile, n_blocks, end - o, panel, n, out + (o - lo), y_stride);
        }
    }
}

/* The kernels of one ISA. */
#define LINEAR_I8_KERNEL(name, t)                                                                                      \
    void name(const struct view *w, int64_t lo, int64_t hi, const struct gather *in, float *y, int64_t y_stride,       \
              void *workspace)                                                                                           \
    {                                                                                                                  \
        linear_i8(t, w, lo, hi, in, y, y_stride, workspace);                                                             \
    }
#define LINEAR_I8_KERNELS(isa)                                                                                         \
    LINEAR_I8_KERNEL(linear_i8_q8_0__##isa, DT_Q8_0)                                                                   \
    LINEAR_I8_KERNEL(linear_i8_mxfp4__##isa, DT_MXFP4)                                                                 \
    LINEAR_I8_KERNEL(linear_i8_mxfp4_hf__##isa, DT_MXFP4_HF)                                                           \
    LINEAR_I8_KERNEL(linear_i8_mxfp4_pairs__##isa, DT_MXFP4_PAIRS)                                                     \
    LINEAR_I8_KERNEL(linear_i8_q4_0__##isa, DT_Q4_0)                                                                   \
    LINEAR_I8_KERNEL(linear_i8_q4_1__##isa, DT_Q4_1)                                                                   \
    LINEAR_I8_KERNEL(linear_i8_q5_0__##isa, DT_Q5_0)                                                                   \
    LINEAR_I8_KERNEL(linear_i8_q5_1__##isa, DT_Q5_1)                                                                   \
    LINEAR_I8_KERNEL(linear_i8_iq4_nl__##isa, DT_IQ4_NL)                                                               \
    LINEAR_I8_KERNEL(linear_i8_affine4__##isa, DT_AFFINE4)                                                             \
    LINEAR_I8_KERNEL(linear_i8_affine8__##isa, DT_AFFINE8)

#endif
