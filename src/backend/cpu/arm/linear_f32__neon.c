/* linear_f32__neon.c: body/linear_f32.h with 4 weight rows by one activation row, or 2 by 2: 16 registers. */
#include "backend/cpu/arm/vec__neon.h"

enum { ONE_ACT_ROWS = 4, MANY_ROWS = 2, MANY_ACTS = 2, FEW_ACTS = 1 };
/* One activation row waits for memory. */
#define STREAMS(first, n_acts) ((n_acts) == 1)

#include "backend/cpu/body/linear_f32.h"
