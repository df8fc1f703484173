/* chain__avx512vnni.c: body/chain_tiles.h with 12 rows by 32 columns: 24 of 32 registers are sums. */
#include "backend/cpu/avx512/vec__avx512vnni.h"

enum { T_ROWS = 12, T_WIDE = 2 };

#include "backend/cpu/body/chain_tiles.h"
