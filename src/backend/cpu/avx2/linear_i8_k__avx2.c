/* linear_i8_k__avx2.c: linear_i8_few__avx2.h for the formats in blocks of 256 (a file of its own: the compiler takes its time). */
#include "backend/cpu/avx2/linear_i8_few__avx2.h"

CODED_K(LINEAR_I8_FEW)
