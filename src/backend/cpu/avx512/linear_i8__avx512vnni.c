/* linear_i8__avx512vnni.c: linear_i8_few__avx512vnni.h for the formats that most models are in. */
#include "backend/cpu/avx512/linear_i8_few__avx512vnni.h"

LINEAR_I8_FEW(q8_0, Q8_0)
LINEAR_I8_FEW(mxfp4, MXFP4)
LINEAR_I8_FEW(mxfp4_hf, MXFP4_HF)
