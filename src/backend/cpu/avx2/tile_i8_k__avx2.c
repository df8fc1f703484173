/* tile_i8_k__avx2.c: tile_i8__avx2.h for all the other formats. */
#include "backend/cpu/avx2/tile_i8__avx2.h"

CODED_OTHERS(GEMM)
