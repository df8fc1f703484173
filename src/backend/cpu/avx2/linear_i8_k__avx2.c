/* linear_i8_k__avx2.c: linear_i8_few__avx2.h for all the other formats (a file of its own, for the compiler takes its time). */
#include "backend/cpu/avx2/linear_i8_few__avx2.h"

CODED_OTHERS(LINEAR_I8_FEW)
