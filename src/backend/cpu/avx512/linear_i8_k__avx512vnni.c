/* linear_i8_k__avx512vnni.c: linear_i8_few__avx512vnni.h for all the other formats. */
#include "backend/cpu/avx512/linear_i8_few__avx512vnni.h"

CODED_OTHERS(LINEAR_I8_FEW)
