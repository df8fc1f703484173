/* ceiling__amx.c: TDPBSSD of whole tiles as fast as it goes: 4 independent ones in turn, one in a round. */
#include "backend/cpu/amx/tile_config.h"

#include <immintrin.h>
#include <stdint.h>

void ceiling_dots__amx(int64_t rounds);

/* 8 registers of 16 rows of 64 bytes. */
static const struct tile_config whole_tiles = {
    .palette = 1, .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64}, .rows = {16, 16, 16, 16, 16, 16, 16, 16}};

void ceiling_dots__amx(int64_t rounds)
{
    _tile_loadconfig(&whole_tiles);
    _tile_zero(4);
    _tile_zero(5);
    for (; rounds > 0; rounds -= 4) {
        _tile_dpbssd(0, 4, 5);
        _tile_dpbssd(1, 4, 5);
        _tile_dpbssd(2, 4, 5);
        _tile_dpbssd(3, 4, 5);
    }
    _tile_release();
}
