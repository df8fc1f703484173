/* tile_i8__avx512vnni.h: what makes tiles for gemm_i8__avx512vnni.c: 16 rows are read side by side and turned, so that
 * neighbours in a vector are neighbouring rows; codes become bytes, scales floats. The formats are in
 * tile_i8*__avx512vnni.c, a few in each file, for the compiler's time. */
#ifndef OSSO_BACKEND_TILE_I8_AVX512VNNI_H
#define OSSO_BACKEND_TILE_I8_AVX512VNNI_H

#include "backend/cpu/avx512/gemm_i8__avx512vnni.h"

#include <string.h>

/* 16 rows of a matrix; those from `n` on are missing and repeat the last one. Of a whole tile every fourth row has its
 * pointer, for sixteen there are no registers. */
struct tile_rows {
    const uint8_t *fourth[4];
    int64_t stride, three; /* three strides */
    int n;
};

INLINE struct tile_rows tile_rows(const uint8_t *data, int64_t stride, int64_t o, int n)
{
    const uint8_t *at = data + o * stride;
    return (struct tile_rows){{at, at + 4 * stride, at + 8 * stride, at + 12 * stride}, stride, 3 * stride, n};
}

/* Byte `at` of row r. `whole` is a constant. */
INLINE const uint8_t *row_at(const struct tile_rows *rows, bool whole, int r, int64_t at)
{
    if (!whole)
        return rows->fourth[0] + (r < rows->n ? r : rows->n - 1) * rows->stride + at;
    return rows->fourth[r / 4] + at + (r % 4 == 3 ? rows->three : r % 4 * rows->stride);
}

/* 16 bytes of each row, turned: dword r of vector k is bytes 4 k .. 4 k + 3 of row r. */
INLINE void turn_rows(const struct tile_rows *rows, bool whole, int64_t at, __m512i turned[4])
{
    __m512i a[4];
#define ROW(r) _mm_loadu_si128((const void *)row_at(rows, whole, (r), at))
    UNROLL
    for (int j = 0; j < 4; j++) { /* quarter i of a[j] is row 4 i + j */
        a[j] = _mm512_castsi128_si512(ROW(j));
        a[j] = _mm512_mask_broadcast_i32x4(a[j], 0x00f0, ROW(4 + j));
        a[j] = _mm512_mask_broadcast_i32x4(a[j], 0x0f00, ROW(8 + j));
        a[j] = _mm512_mask_broadcast_i32x4(a[j], 0xf000, ROW(12 + j));
    }
#undef ROW
    __m512i lo01 = _mm512_unpacklo_epi32(a[0], a[1]), hi01 = _mm512_unpackhi_epi32(a[0], a[1]);
    __m512i lo23 = _mm512_unpacklo_epi32(a[2], a[3]), hi23 = _mm512_unpackhi_epi32(a[2], a[3]);
    turned[0] = _mm512_unpacklo_epi64(lo01, lo23);
    turned[1] = _mm512_unpackhi_epi64(lo01, lo23);
    turned[2] = _mm512_unpacklo_epi64(hi01, hi23);
    turned[3] = _mm512_unpackhi_epi64(hi01, hi23);
}

/* ---- any format: codes as pair_codes gives them -------------------------------------------------------------- */

/* A block's values of 16 rows, from `at` in each row, less `away`, to `steps` vectors. */
INLINE void put_steps(__m512i away, int steps, const struct tile_rows *rows, bool whole, int64_t at, uint8_t *to)
{
    UNROLL
    for (int half = 0; half < steps / 4; half++) {
        __m512i turned[4];
        turn_rows(rows, whole, at + 16 * half, turned);
        UNROLL
        for (int k = 0; k < 4; k++)
            _mm512_store_si512(to + (4 * half + k) * TILE_STEP, _mm512_sub_epi8(turned[k], away));
    }
}

/* Rows [o, o + 16) as half of a tile, from a space of 64 bytes of each or where they lie; `whole` (a constant): all of
 * them are there. */
INLINE void coded_half(enum dtype t, const struct view *w, bool whole, int64_t o, int64_t hi, uint8_t away,
                       uint8_t *tile)
{
    const bool bytes = lie_as_bytes(t);
    const __m512i less = _mm512_set1_epi8(
        (char)(away - (kind_of(t) == WIDE && !bytes ? 128 : 0))); /* those come signed */
    const struct shape shape = shape_of(t);
    const int steps = steps_of(shape), size = tile_block(shape), runs = blocks_of_32(shape);
    const struct code_rows fours[4] = {code_rows(w, o, hi), code_rows(w, o + 4, hi), code_rows(w, o + 8, hi),
                                       code_rows(w, o + 12, hi)};
    struct pair_scales open[4][4];
    int64_t n_blocks = w->cols / QUANT_BLOCK;
    uint8_t space[16][64] __attribute__((aligned(64)));
    const struct tile_rows from = bytes ? tile_rows(w->data, w->row_stride, o, hi - o < 16 ? (int)(hi - o) : 16)
                                        : tile_rows(space[0], 64, 0, 16);
    for (int64_t pair = 0; 2 * pair < n_blocks; pair++) {
        const bool two = 2 * pair + 1 < n_blocks;
        const struct pair_scales *scales[4];
        for (int h = 0; h < 4; h++) {
            if (two)
                pair_to_space(t, &fours[h], pair, true, space + 4 * h);
            else
                pair_to_space(t, &fours[h], pair, false, space + 4 * h);
            scales[h] = pair_scales(t, &fours[h], pair, two, false, open[h]);
        }
        for (int b = 0; b < (two ? 2 : 1); b++)
            for (int run = 0; run < runs; run++) {
                int64_t block = 2 * pair + b, slot = pass_start(n_blocks, (int)(block % 4)) + block / 4;
                uint8_t *to = tile + (slot * runs + run) * size;
                put_steps(less, steps, &from, whole, (bytes ? 64 * pair : 0) + 32 * b + 16 * run, to);
                for (int h = 0; h < 4; h++) {
                    put_four(scales[h]->scale[run], b, to + tile_scales(shape) + 16 * h);
                    if (shape.offsets)
                        put_four(scales[h]->offset[run], b, to + tile_scales(shape) + TILE_HALVES * 64 + 16 * h);
                }
            }
    }
}

INLINE struct range coded_tile(enum dtype t, const struct view *w, int64_t lo, int64_t hi, uint8_t away, uint8_t *tile)
{
    for (int half = 0; half < TILE_HALVES; half++) {
        const int64_t o = lo + 16 * half < hi ? lo + 16 * half
                                              : hi - 1; /* a half that is missing repeats the last row */
        if (!lie_as_bytes(t) || hi - o >= 16)
            coded_half(t, w, true, o, hi, away, tile + half * 64);
        else
            coded_half(t, w, false, o, hi, away, tile + half * 64);
    }
    return (struct range){0, 0};
}

#define CODED_TILE(name, format)                                                                                       \
    struct range tile_##name##__avx512vnni(const struct view *w, int64_t lo, int64_t hi, uint8_t away, uint8_t *tile)  \
    {                                                                                                                  \
        return coded_tile(DT_##format, w, lo, hi, away, tile);                                                         \
    }

#endif
