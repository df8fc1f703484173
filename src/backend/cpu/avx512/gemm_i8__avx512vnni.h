/* gemm_i8__avx512vnni.h: linear_i8_* for many activation rows (gemm_i8_512.h; same arguments and bits as for few), and the
 * tiles of weights that they work on (tile_i8__avx512vnni.c). */
#ifndef OSSO_BACKEND_GEMM_I8_AVX512VNNI_H
#define OSSO_BACKEND_GEMM_I8_AVX512VNNI_H

#include "backend/cpu/avx512/avx512.h"

#include "backend/cpu/avx2/scales__avx2.h"
#include "backend/cpu/kernels.h"

#define GEMM_DECLARE(name, format) linear_fn gemm_i8_##name##__avx512vnni, gemm_i8_##name##__amx;
CODED_BY_32(GEMM_DECLARE)
CODED_OTHERS(GEMM_DECLARE)
GEMM_DECLARE(q8_0, Q8_0)
GEMM_DECLARE(mxfp4, MXFP4)
GEMM_DECLARE(mxfp4_hf, MXFP4_HF)
#undef GEMM_DECLARE

/* What the loops depend on of a format: a block is what one scale serves, 32 values or 16. */
struct shape {
    bool runs, offsets;
};

INLINE struct shape shape_of(enum dtype t)
{
    return (struct shape){kind_of(t) == RUNS, offsets_of(t)};
}

/* What codes are shifted by to be unsigned. */
INLINE int32_t shift_of(enum dtype t)
{
    return kind_of(t) == WIDE ? 128 : offsets_of(t) ? 0 : bias_of(t);
}

/* A tile is LINEAR_TILE weight rows as bytes, in halves of 16 rows: a vector is 4 inputs of each of 16 rows. */
enum { TILE_HALVES = LINEAR_TILE / 16, STEPS = QUANT_BLOCK / 4, TILE_STEP = TILE_HALVES * 64 };

INLINE int steps_of(struct shape s)
{
    return s.runs ? STEPS / 2 : STEPS;
}

/* A block of a tile: per step a vector of each half; then the scales of each half, then the offsets. */
INLINE int tile_scales(struct shape s)
{
    return steps_of(s) * TILE_STEP;
}

INLINE int tile_block(struct shape s)
{
    return tile_scales(s) + TILE_HALVES * 64 * (s.offsets ? 2 : 1);
}

INLINE int blocks_of_32(struct shape s)
{
    return s.runs ? 2 : 1;
}

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

/* Rows [lo, hi), at most LINEAR_TILE and not none, as a tile of all blocks; what is missing of it repeats the last row. Codes
 * are shifted to be unsigned (shift_of), less `away`. The range of the scales where they are powers of two, else 0, which
 * is no normal number. */
typedef struct range tile_fn(const struct view *w, int64_t lo, int64_t hi, uint8_t away, uint8_t *tile);
#define TILE_DECLARE(name, format) tile_##name##__avx512vnni,
tile_fn CODED_BY_32(TILE_DECLARE) CODED_OTHERS(TILE_DECLARE) tile_q8_0__avx512vnni, tile_mxfp4__avx512vnni,
    tile_mxfp4_hf__avx512vnni;
#undef TILE_DECLARE

#endif
