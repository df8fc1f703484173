/* tile_i8__avx2.h: the tiles of gemm_i8__avx2.c, which says what they are for: weight rows unpacked into units. The formats
 * are in tile_i8*__avx2.c, a few in each file, for the compiler's time. */
#ifndef OSSO_BACKEND_TILE_I8_AVX2_H
#define OSSO_BACKEND_TILE_I8_AVX2_H

#include "backend/cpu/avx2/i8__avx2.h"

enum { PANEL_ACTS = 4, STEPS = 8 /* of 4 values, at most: a block of 32 */ };

/* What the loops depend on of a format. */
struct shape {
    enum kind kind;
    bool offsets;
};

INLINE struct shape shape_of(enum dtype t)
{
    return (struct shape){kind_of(t), offsets_of(t)};
}

/* Steps of a block; blocks of 32 values. */
INLINE int steps_of(struct shape s)
{
    return s.kind == RUNS ? STEPS / 2 : STEPS;
}

INLINE int blocks_of_32(struct shape s)
{
    return s.kind == RUNS ? 2 : 1;
}

/* What a product depends on of a format. */
struct coded {
    struct shape shape;
    bool pairs;
    int bias;
    void (*unpack)(const struct view *w, int64_t o, int64_t hi, uint8_t *unit); /* rows from o on as a unit */
};

/* gemm_i8_*, of any format. */
void gemm_i8_coded__avx2(const struct coded *t, const struct view *w, int64_t lo, int64_t hi, const struct gather *in,
                         float *y, int64_t y_stride, void *workspace);

/* A block of a unit: two groups of 8 rows, step by step; their scales; their offsets. */
INLINE int unit_block(struct shape s)
{
    return steps_of(s) * 64 + (s.offsets ? 128 : 64);
}

/* Units that workspace has room for, and rows of one. */
INLINE int units_of(struct shape s)
{
    return LINEAR_TILE * LINEAR_TILE_BYTES / (unit_block(s) * blocks_of_32(s));
}

INLINE int unit_rows(struct shape s)
{
    return s.kind == WIDE ? 8 : 16;
}

/* A block of a panel: [step][act] values, [act] corrections, [act] scales, with offsets [act] own sums as floats. */
INLINE int panel_block(struct shape s)
{
    return 4 * PANEL_ACTS * (steps_of(s) + (s.offsets ? 3 : 2));
}
_Static_assert(LINEAR_TILE * LINEAR_TILE_BYTES >= 2 * (STEPS / 2 * 64 + 128) && 2 * 4 * (STEPS / 2 + 3) <= LINEAR_ACT_BYTES,
               "linear_workspace_bytes has room for a unit and the panel, of RUNS with offsets too");

static const uint8_t *row_at(const struct view *w, int64_t o, int64_t hi)
{
    return w->data + (o < hi ? o : hi - 1) * w->row_stride;
}

/* 16 bytes of 8 rows, `at` bytes into each, to 4 vectors of 4 bytes of each row. */
INLINE void transpose(const uint8_t *const *rows, int64_t at, __m256i *out)
{
    __m256i v[4], t[4];
    UNROLL
    for (int r = 0; r < 4; r++)
        v[r] = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128((const void *)(rows[r] + at))),
                                       _mm_loadu_si128((const void *)(rows[r + 4] + at)), 1);
    t[0] = _mm256_unpacklo_epi32(v[0], v[1]);
    t[1] = _mm256_unpackhi_epi32(v[0], v[1]);
    t[2] = _mm256_unpacklo_epi32(v[2], v[3]);
    t[3] = _mm256_unpackhi_epi32(v[2], v[3]);
    out[0] = _mm256_unpacklo_epi64(t[0], t[2]);
    out[1] = _mm256_unpackhi_epi64(t[0], t[2]);
    out[2] = _mm256_unpacklo_epi64(t[1], t[3]);
    out[3] = _mm256_unpackhi_epi64(t[1], t[3]);
}

INLINE void store(uint8_t *at, __m256i v)
{
    _mm256_store_si256((void *)at, v);
}

/* Rows o .. o + 7 into group g of a unit; rows that do not exist repeat the last one. */
INLINE void unpack_mxfp4(bool hf, const struct view *w, int64_t o, int64_t hi, int g, uint8_t *unit)
{
    const uint8_t *rows[8], *scales[8];
    for (int r = 0; r < 8; r++) {
        int64_t row = o + r < hi ? o + r : hi - 1;
        rows[r] = row_at(w, row, hi) + (hf ? 0 : 1);
        scales[r] = hf ? w->side[0].data + row * w->side[0].stride : rows[r] - 1;
    }
    const int bytes = hf ? 16 : 17, scale_step = hf ? 1 : 17, block = unit_block(shape_of(DT_MXFP4));
    for (int64_t b = 0; b < w->cols / QUANT_BLOCK; b++, unit += block) {
        __m256i codes[4];
        uint64_t s = 0;
        transpose(rows, b * bytes, codes);
        UNROLL
        for (int i = 0; i < 4; i++) {
            store(unit + 64 * i + 32 * g, code_values(codes[i]));
            store(unit + 64 * (i + 4) + 32 * g, code_values(_mm256_srli_epi16(codes[i], 4)));
        }
        UNROLL
        for (int r = 0; r < 8; r++)
            s |= (uint64_t)scales[r][b * scale_step] << (8 * r);
        _mm256_store_ps((void *)(unit + STEPS * 64 + 32 * g), half_scales(s));
    }
}

/* Four bytes of 8 rows, 128 more than their values, as high and low halves. */
INLINE void store_split(uint8_t *at, __m256i codes)
{
    const __m256i half = _mm256_set1_epi8(15);
    store(at, _mm256_and_si256(_mm256_srli_epi16(codes, 4), half));
    store(at + 32, _mm256_and_si256(codes, half));
}

INLINE void store_split_signed(uint8_t *at, __m256i codes)
{
    store_split(at, _mm256_xor_si256(codes, _mm256_set1_epi8((char)0x80)));
}

INLINE void unpack_q8_0(const struct view *w, int64_t o, int64_t hi, uint8_t *unit)
{
    const uint8_t *rows[8];
    for (int r = 0; r < 8; r++)
        rows[r] = row_at(w, o + r, hi);
    for (int64_t b = 0; b < w->cols / QUANT_BLOCK; b++, unit += unit_block(shape_of(DT_Q8_0))) {
        __m256i codes[STEPS];
        uint16_t s[8];
        transpose(rows, b * 34 + 2, codes);
        transpose(rows, b * 34 + 18, codes + 4);
        UNROLL
        for (int i = 0; i < STEPS; i++)
            store_split_signed(unit + 64 * i, codes[i]);
        UNROLL
        for (int r = 0; r < 8; r++)
            memcpy(&s[r], rows[r] + b * 34, 2);
        _mm256_store_ps((void *)(unit + STEPS * 64), _mm256_cvtph_ps(_mm_loadu_si128((const void *)s)));
    }
}

/* Any format: codes of 8 rows as pair_codes gives them, or where they lie if they lie there as wanted. Rows o .. o + 7
 * into group g of a unit (WIDE: into both). */
INLINE void unpack_coded(enum dtype t, const struct view *w, int64_t o, int64_t hi, int g, uint8_t *unit)
{
    const struct shape shape = shape_of(t);
    const int steps = steps_of(shape), size = unit_block(shape), runs = blocks_of_32(shape);
    const struct code_rows rows[2] = {code_rows(w, o, hi), code_rows(w, o + 4, hi)};
    struct pair_scales open[2][4];
    int64_t n_blocks = w->cols / QUANT_BLOCK;
    uint8_t space[8][64] __attribute__((aligned(32)));
    const uint8_t *at[8];
    for (int r = 0; r < 8; r++)
        at[r] = lie_as_bytes(t) ? rows[r / 4].data[r % 4] : space[r];
    for (int64_t pair = 0; 2 * pair < n_blocks; pair++) {
        const bool two = 2 * pair + 1 < n_blocks;
        const struct pair_scales *scales[2];
        for (int h = 0; h < 2; h++) {
            if (block_of(t) > QUANT_BLOCK || two)
                pair_to_space(t, &rows[h], pair, true, space + 4 * h);
            else
                pair_to_space(t, &rows[h], pair, false, space + 4 * h);
            scales[h] = pair_scales(t, &rows[h], pair, two, false, open[h]);
        }
        for (int b = 0; b < (two ? 2 : 1) * runs; b++, unit += size) {
            const int64_t from = (lie_as_bytes(t) ? pair * 64 : 0) + 4 * steps * b;
            __m256i codes[STEPS];
            transpose(at, from, codes);
            if (steps == STEPS)
                transpose(at, from + 16, codes + 4);
            UNROLL
            for (int i = 0; i < steps; i++)
                if (lie_as_bytes(t))
                    store_split(unit + 64 * i, codes[i]);
                else if (shape.kind == WIDE)
                    store_split_signed(unit + 64 * i, codes[i]);
                else
                    store(unit + 64 * i + 32 * g, codes[i]);
            for (int h = 0; h < 2; h++) {
                put_four(scales[h]->scale[b % runs], b / runs, unit + steps * 64 + 32 * g + 16 * h);
                if (shape.offsets)
                    put_four(scales[h]->offset[b % runs], b / runs, unit + steps * 64 + 64 + 32 * g + 16 * h);
            }
        }
    }
}

INLINE void unpack_unit(enum dtype t, const struct view *w, int64_t o, int64_t hi, uint8_t *unit)
{
    if (t == DT_Q8_0) {
        unpack_q8_0(w, o, hi, unit);
    } else if (t == DT_MXFP4 || t == DT_MXFP4_HF) {
        unpack_mxfp4(t == DT_MXFP4_HF, w, o, hi, 0, unit);
        unpack_mxfp4(t == DT_MXFP4_HF, w, o + 8, hi, 1, unit);
    } else {
        for (int g = 0; g < unit_rows(shape_of(t)) / 8; g++)
            unpack_coded(t, w, o + 8 * g, hi, g, unit);
    }
}

#define GEMM(name, format)                                                                                             \
    static void unpack_unit_##name(const struct view *w, int64_t o, int64_t hi, uint8_t *unit)                         \
    {                                                                                                                  \
        unpack_unit(DT_##format, w, o, hi, unit);                                                                      \
    }                                                                                                                  \
    void gemm_i8_##name##__avx2(const struct view *w, int64_t lo, int64_t hi, const struct gather *in, float *y,       \
                                int64_t y_stride, void *workspace)                                                     \
    {                                                                                                                  \
        const struct coded t = {shape_of(DT_##format), in_pairs(DT_##format), bias_of(DT_##format),                    \
                                unpack_unit_##name};                                                                   \
        gemm_i8_coded__avx2(&t, w, lo, hi, in, y, y_stride, workspace);                                                \
    }

#endif
