/* linear_t__avx2.c: body/linear_t.h with 4 lanes at a time: 8 sums. All 32 would not fit in the registers. */
#include "backend/cpu/avx2/vec__avx2.h"

enum { T_LANES = 4, T_ACTS = 1 };

#include "backend/cpu/body/linear_t.h"
