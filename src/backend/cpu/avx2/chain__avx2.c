/* chain__avx2.c: body/chain_tiles.h with 6 rows by 16 columns: 12 sums, and room for a row of b and a value of a. */
#include "backend/cpu/avx2/vec__avx2.h"

enum { T_ROWS = 6, T_WIDE = 1 };

#include "backend/cpu/body/chain_tiles.h"
