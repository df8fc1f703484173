/* gemm_i8__avx512vnni.h: linear_i8_* for many activation rows (gemm_i8__avx512vnni.c; same arguments and bits as for few),
 * and the tiles of weights that they work on (tile_i8__avx512vnni.c). */
#ifndef OSSO_BACKEND_GEMM_I8_AVX512VNNI_H
#define OSSO_BACKEND_GEMM_I8_AVX512VNNI_H

#include "backend/cpu/avx512/avx512.h"
#include "backend/cpu/kernels.h"

linear_fn gemm_i8_q8_0__avx512vnni, gemm_i8_mxfp4__avx512vnni, gemm_i8_mxfp4_hf__avx512vnni;

/* A tile is LINEAR_TILE weight rows as unsigned bytes, in halves of 16 rows: a vector is 4 inputs of each of 16 rows. */
enum { TILE_HALVES = LINEAR_TILE / 16, STEPS = QUANT_BLOCK / 4 };
/* A block of a tile: per step a vector of each half; then the scales of each half. */
enum { TILE_STEP = TILE_HALVES * 64, TILE_SCALES = STEPS * TILE_STEP, TILE_BLOCK = TILE_SCALES + TILE_HALVES * 64 };

/* Tiles and panels hold their blocks in the order of the passes: 0, 4, 8, ..., 1, 5, ..., 2, 6, ..., 3, 7, ... */
INLINE int64_t pass_blocks(int64_t n_blocks, int pass)
{
    return (n_blocks - pass + 3) / 4;
}

INLINE int64_t pass_start(int64_t n_blocks, int pass)
{
    int64_t at = 0;
    for (int before = 0; before < pass; before++)
        at += pass_blocks(n_blocks, before);
    return at;
}

/* The smallest and the largest of some positive floats, as bits. */
struct range {
    uint32_t lo, hi;
};

/* Rows [lo, hi), at most LINEAR_TILE and not none, as a tile of all blocks of 32 inputs; what is missing of it repeats the
 * last row. The range of the scales. */
typedef struct range tile_fn(const struct view *w, int64_t lo, int64_t hi, uint8_t *tile);
tile_fn tile_q8_0__avx512vnni, tile_mxfp4__avx512vnni, tile_mxfp4_hf__avx512vnni;

#endif
