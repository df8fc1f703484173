/* tile_i8_32__avx512vnni.c: tile_i8__avx512vnni.h for the other formats in blocks of 32. */
#include "backend/cpu/avx512/tile_i8__avx512vnni.h"

CODED_BY_32(CODED_TILE)
