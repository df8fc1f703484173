/* tile_i8_k__avx512vnni.c: tile_i8__avx512vnni.h for all the other formats. */
#include "backend/cpu/avx512/tile_i8__avx512vnni.h"

CODED_OTHERS(CODED_TILE)
