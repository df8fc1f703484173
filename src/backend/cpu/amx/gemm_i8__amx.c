/* gemm_i8__amx.c: gemm_i8_512.h with TDPBSSD: one multiplies a block of 16 activation rows with the block of 16 weight
 * rows, 256 exact sums of 32 products (of 16, where a scale serves 16). The panel's codes are its first tile as they lie,
 * half a tile of weights its second.
 *
 * What a core can do besides is what limits: sums leave a tile register only through memory, and each takes a conversion,
 * a scale and an FMA. A block's sums are therefore computed AHEAD blocks before they are stored, and are read a block
 * after that: none of the three waits for another. */
#include "backend/cpu/amx/tile_config.h"
#include "backend/cpu/avx512/gemm_i8__avx512vnni.h"

enum { GROUP_ROWS = 16, GROUP_HALVES = 1, SHAPED_ROWS = 4, SIGNED_TILES = true };

typedef const int32_t *sums_of_block; /* [GROUP_ROWS][16] */

INLINE __m512i row_sums(sums_of_block sums, int half, int r)
{
    (void)half;
    return _mm512_load_si512(sums + 16 * r);
}

#define ISA(name) name##__amx
#include "backend/cpu/body/gemm_i8_512.h"

enum { AHEAD = 4 /* tile registers 0 to 3 hold sums; 4 and 6 activations, 5 and 7 weights */ };

static void sums_open(struct shape shape)
{
    struct tile_config config = {.palette = 1};
    for (int i = 0; i < 8; i++) {
        bool weights = i == 5 || i == 7, activations = i == 4 || i == 6;
        config.rows[i] = (uint8_t)(weights ? steps_of(shape) : GROUP_ROWS);
        config.row_bytes[i] = (uint16_t)(activations ? 4 * steps_of(shape) : 64);
    }
    /* To GCC 12 neither this instruction nor a tile load reads more than its first bytes: what they read is written now. */
    __asm__ volatile("" : : "r"(&config) : "memory");
    _tile_loadconfig(&config);
}

static void sums_close(void)
{
    _tile_release();
}

/* The sums of block b, where there is one, into register `sums`. */
#define MULTIPLY_BLOCK(sums, activations, weights, b)                                                                  \
    do {                                                                                                               \
        if ((b) < n_blocks) {                                                                                          \
            _tile_loadd(activations, panel + (b) * panel_block(shape), 4 * steps_of(shape));                           \
            _tile_loadd(weights, tile + (b) * tile_block(shape), TILE_STEP);                                           \
            _tile_zero(sums);                                                                                          \
            _tile_dpbssd(sums, activations, weights);                                                                  \
        }                                                                                                              \
    } while (0)

/* Block b's sums to memory, those of a later one begun, and block b - 1's, which are in memory, taken into p. */
#define STEP(turn, activations, weights, b)                                                                            \
    do {                                                                                                               \
        if ((b) < n_blocks)                                                                                            \
            _tile_stored(turn, sums[turn], 64);                                                                        \
        MULTIPLY_BLOCK(turn, activations, weights, (b) + AHEAD);                                                       \
        if ((b) > 0 && (b) <= n_blocks)                                                                                \
            take_block(shape, tile, panel, (b) - 1, scaling, n, sums[((turn) + AHEAD - 1) % AHEAD], fetch, p);         \
    } while (0)

INLINE void take_block(struct shape shape, const uint8_t *tile, const uint8_t *panel, int64_t b, enum scaling scaling,
                       int n, sums_of_block sums, struct fetch *fetch, __m512 p[GROUP_HALVES][GROUP_ROWS])
{
    fetch_some(fetch);
    block_fma(shape, scaling, tile + b * tile_block(shape) + tile_scales(shape),
              panel + b * panel_block(shape) + panel_scales(shape), n, sums, p);
}

INLINE void pass_dots(struct shape shape, const uint8_t *tile, const uint8_t *panel, int64_t n_blocks, enum scaling scaling,
                      int n, struct fetch *fetch, __m512 p[GROUP_HALVES][GROUP_ROWS])
{
    int32_t sums[AHEAD][GROUP_ROWS * 16] __attribute__((aligned(64)));
    UNROLL
    for (int r = 0; r < n; r++)
        p[0][r] = _mm512_setzero_ps();
    MULTIPLY_BLOCK(0, 4, 5, 0);
    MULTIPLY_BLOCK(1, 6, 7, 1);
    MULTIPLY_BLOCK(2, 4, 5, 2);
    MULTIPLY_BLOCK(3, 6, 7, 3);
    for (int64_t b = 0; b <= n_blocks; b += AHEAD) { /* one step more than blocks: for the last one's sums */
        STEP(0, 4, 5, b);
        STEP(1, 6, 7, b + 1);
        STEP(2, 4, 5, b + 2);
        STEP(3, 6, 7, b + 3);
    }
}
