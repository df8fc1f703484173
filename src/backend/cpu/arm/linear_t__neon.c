/* linear_t__neon.c: body/linear_t.h with one lane at a time, by 4 activation rows: 16 sums. */
#include "backend/cpu/arm/vec__neon.h"

enum { T_LANES = 1, T_ACTS = 4 };

#include "backend/cpu/body/linear_t.h"
