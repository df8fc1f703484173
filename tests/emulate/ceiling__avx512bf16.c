/* ceiling__avx512bf16.c of VARIANT=emu512, as its neighbour. */
#include <stdint.h>

void ceiling_pairs__avx512bf16(int64_t rounds);

void ceiling_pairs__avx512bf16(int64_t rounds)
{
    (void)rounds;
}
