/* chain_bf16__avx512vnni.c: body/chain_bf16_fma.h with 12 rows by 32 columns. */
#include "backend/cpu/avx512/vec__avx512vnni.h"

enum { T_ROWS = 12, T_WIDE = 2 };

#include "backend/cpu/body/chain_bf16_fma.h"
