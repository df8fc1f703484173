/* linear_i8__amx.c: from how many activation rows on a product is AMX's; fewer are avx512vnni's. */
#include "backend/cpu/avx512/gemm_i8__avx512vnni.h"

#include "backend/cpu/tables.h"

/* Measured: 16 rows are as fast either way, 17 to 23 slower in two parts of 16, one of them nearly empty. */
enum { AMX_FROM = 24 };

#define LINEAR_AMX(name, format)                                                                                       \
    void linear_i8_##name##__amx(const struct view *w, int64_t lo, int64_t hi, const struct gather *in, float *y,      \
                                 int64_t y_stride, void *workspace)                                                    \
    {                                                                                                                  \
        linear_fn *linear = in->n < AMX_FROM ? linear_i8_##name##__avx512vnni : gemm_i8_##name##__amx;                 \
        linear(w, lo, hi, in, y, y_stride, workspace);                                                                 \
    }
LINEAR_AMX(q8_0, Q8_0)
LINEAR_AMX(mxfp4, MXFP4)
LINEAR_AMX(mxfp4_hf, MXFP4_HF)
CODED_BY_32(LINEAR_AMX)
CODED_OTHERS(LINEAR_AMX)
