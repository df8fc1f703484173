/* chain__neon.c: body/chain_tiles.h with 6 rows by 16 columns: 24 of 32 registers are sums. */
#include "backend/cpu/arm/vec__neon.h"

enum { T_ROWS = 6, T_WIDE = 1 };

#include "backend/cpu/body/chain_tiles.h"
