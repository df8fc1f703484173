/* chain_bf16__avx2.c: body/chain_bf16_fma.h with 6 rows by 16 columns. */
#include "backend/cpu/avx2/vec__avx2.h"

enum { T_ROWS = 6, T_WIDE = 1 };

#include "backend/cpu/body/chain_bf16_fma.h"
