/* linear_t__avx512vnni.c: body/linear_t.h with all 16 lanes at once: 16 registers. */
#include "backend/cpu/avx512/vec__avx512vnni.h"

enum { T_LANES = 16, T_ACTS = 1 };

#include "backend/cpu/body/linear_t.h"
