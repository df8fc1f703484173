/* gemm_i8__avx512vnni.h: linear_i8_* for many activation rows; same arguments, same bits as for few. */
#ifndef OSSO_BACKEND_GEMM_I8_AVX512VNNI_H
#define OSSO_BACKEND_GEMM_I8_AVX512VNNI_H

#include "backend/cpu/kernels.h"

linear_fn gemm_i8_q8_0__avx512vnni, gemm_i8_mxfp4__avx512vnni, gemm_i8_mxfp4_hf__avx512vnni;

#endif
