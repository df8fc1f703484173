/* tile_i8__avx2.c: tile_i8__avx2.h for the formats in blocks of 32 that most models are in. */
#include "backend/cpu/avx2/tile_i8__avx2.h"

GEMM(q8_0, Q8_0)
GEMM(mxfp4, MXFP4)
GEMM(mxfp4_hf, MXFP4_HF)
CODED_BY_32(GEMM)
