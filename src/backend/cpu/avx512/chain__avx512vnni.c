/* chain__avx512vnni.c: body/chain_tiles.h with 8 rows by 48 columns: 24 of 32 registers are sums, and of what a sum
 * loads there is less than with 12 by 32. */
#include "backend/cpu/avx512/vec__avx512vnni.h"

enum { T_ROWS = 8, T_WIDE = 3 };

#include "backend/cpu/body/chain_tiles.h"
