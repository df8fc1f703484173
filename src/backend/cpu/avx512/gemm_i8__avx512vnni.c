/* gemm_i8__avx512vnni.c: gemm_i8_512.h with VPDPBUSD: one with 4 broadcast activation bytes advances 16 outputs.
 *
 * A step of the inner loop is 2 vectors of weights times 5 activation rows: 10 independent sums for 7 loads (5 rows are a
 * little faster than 6: measured). */
#include "backend/cpu/avx512/gemm_i8__avx512vnni.h"

enum { GROUP_ROWS = 5, GROUP_HALVES = TILE_HALVES, SHAPED_ROWS = 1, SIGNED_TILES = false };

typedef __m512i (*sums_of_block)[GROUP_ROWS];

INLINE __m512i row_sums(sums_of_block sums, int half, int r)
{
    return sums[half][r];
}

#define ISA(name) name##__avx512vnni
#include "backend/cpu/body/gemm_i8_512.h"

static void sums_open(struct shape shape)
{
    (void)shape;
}

static void sums_close(void) {}

INLINE void pass_dots(struct shape shape, const uint8_t *tile, const uint8_t *panel, int64_t n_blocks, enum scaling scaling,
                      int n, struct fetch *fetch, __m512 p[GROUP_HALVES][GROUP_ROWS])
{
    const int steps = steps_of(shape);
    UNROLL
    for (int r = 0; r < n; r++)
        p[0][r] = p[1][r] = _mm512_setzero_ps();
    for (int64_t b = 0; b < n_blocks; b++, tile += tile_block(shape), panel += panel_block(shape)) {
        const uint8_t *behind = panel + panel_scales(shape);
        __m512i sum[TILE_HALVES][GROUP_ROWS];
        fetch_some(fetch);
        UNROLL
        for (int r = 0; r < n; r++)
            sum[0][r] = sum[1][r] = broadcast_dword(behind + START + 4 * r);
        UNROLL
        for (int k = 0; k < steps; k++) {
            __m512i w0 = _mm512_load_si512(tile + k * TILE_STEP), w1 = _mm512_load_si512(tile + k * TILE_STEP + 64);
            UNROLL
            for (int r = 0; r < n; r++) {
                __m512i a = broadcast_dword(panel + r * 4 * steps + 4 * k);
                sum[0][r] = _mm512_dpbusd_epi32(sum[0][r], w0, a);
                sum[1][r] = _mm512_dpbusd_epi32(sum[1][r], w1, a);
            }
        }
        block_fma(shape, scaling, tile + tile_scales(shape), behind, n, sum, p);
    }
}
