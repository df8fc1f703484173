/* linear_i8_streams__avx2.c: linear_i8_few__avx2.h for codes that are a stream of bits, and NVFP4's. */
#include "backend/cpu/avx2/linear_i8_few__avx2.h"

CODED_STREAMS(LINEAR_I8_FEW)
