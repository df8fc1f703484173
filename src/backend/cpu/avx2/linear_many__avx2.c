/* linear_many__avx2.c: body/linear_many.h with 6 rows by 16 outputs: 12 of 16 registers are sums. */
#include "backend/cpu/avx2/linear_many__avx2.h"
#include "backend/cpu/avx2/vec__avx2.h"

#include "backend/cpu/body/linear_many.h"

void many_pack__avx2(const struct gather *in, float *out)
{
    many_pack(in, out);
}

void linear_many__avx2(const struct view *w, const float *acts, int n, struct fetch fetch, float *y, int64_t y_stride,
                       float *space)
{
    linear_many(w, acts, n, fetch, y, y_stride, space);
}
