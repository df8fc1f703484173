/* linear_i8_32__avx512vnni.c: linear_i8_few__avx512vnni.h for the other formats in blocks of 32 (files of their own: the
 * compiler takes its time). */
#include "backend/cpu/avx512/linear_i8_few__avx512vnni.h"

CODED_BY_32(LINEAR_I8_FEW)
