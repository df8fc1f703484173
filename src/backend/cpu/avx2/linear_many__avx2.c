/* linear_many__avx2.c: body/linear_many.h with 6 rows by 16 outputs: 12 of 16 registers are sums. */
#include "backend/cpu/avx2/linear_many__avx2.h"
#include "backend/cpu/avx2/vec__avx2.h"

#include "backend/cpu/body/linear_many.h"

void many_turn_acts__avx2(const struct gather *in, float *x)
{
    many_turn_acts(in, x);
}

void linear_many__avx2(const struct view *w, int n, const float *x, float *y, int64_t y_stride, float *panel)
{
    linear_many(w, n, x, y, y_stride, panel);
}
