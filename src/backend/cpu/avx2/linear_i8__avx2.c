/* linear_i8__avx2.c: linear_i8_few__avx2.h for the formats in blocks of 32 that most models are in. */
#include "backend/cpu/avx2/linear_i8_few__avx2.h"

LINEAR_I8_FEW(q8_0, Q8_0)
LINEAR_I8_FEW(mxfp4, MXFP4)
LINEAR_I8_FEW(mxfp4_hf, MXFP4_HF)
CODED_BY_32(LINEAR_I8_FEW)
