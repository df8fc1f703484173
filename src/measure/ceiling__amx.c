/* ceiling__amx.c: TDPBSSD and TDPBF16PS of whole tiles as fast as they go: 4 independent ones in turn, one in a round.
 */
#include "backend/cpu/amx/tile_config.h"

#include <immintrin.h>
#include <stdint.h>

void ceiling_dots__amx(int64_t rounds);
void ceiling_pairs__amx(int64_t rounds);

/* 8 registers of 16 rows of 64 bytes. */
static const struct tile_config whole_tiles = {
    .palette = 1, .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64}, .rows = {16, 16, 16, 16, 16, 16, 16, 16}};

/* A macro, since tile registers have to be constants. */
#define LOOP(name, multiply)                                                                                           \
    void name(int64_t rounds)                                                                                          \
    {                                                                                                                  \
        _tile_loadconfig(&whole_tiles);                                                                                \
        _tile_zero(4);                                                                                                 \
        _tile_zero(5);                                                                                                 \
        for (; rounds > 0; rounds -= 4) {                                                                              \
            multiply(0, 4, 5);                                                                                         \
            multiply(1, 4, 5);                                                                                         \
            multiply(2, 4, 5);                                                                                         \
            multiply(3, 4, 5);                                                                                         \
        }                                                                                                              \
        _tile_release();                                                                                               \
    }
LOOP(ceiling_dots__amx, _tile_dpbssd)
LOOP(ceiling_pairs__amx, _tile_dpbf16ps)
