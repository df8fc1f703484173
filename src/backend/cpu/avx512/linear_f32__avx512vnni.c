/* linear_f32__avx512vnni.c: body/linear_f32.h with 4 weight rows by up to 4 activation rows, 16 registers; of many
 * activation rows 12 by 32 outputs: 24 of 32 registers are sums. */
#include "backend/cpu/avx512/vec__avx512vnni.h"

enum { ONE_ACT_ROWS = 4, MANY_ROWS = 4, MANY_ACTS = 4, FEW_ACTS = 2 };
/* The first activation rows wait for memory. */
#define STREAMS(first, n_acts) ((first) == 0)
#define MANY_TILE 12
#define MANY_WIDE 2
#define MANY_CHUNK 1024
#define MANY_KEPT (1024 * 256)

#include "backend/cpu/body/linear_f32.h"
