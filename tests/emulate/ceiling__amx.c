/* ceiling__amx.c of VARIANT=emu512, as its neighbour. */
#include <stdint.h>

void ceiling_dots__amx(int64_t rounds);
void ceiling_pairs__amx(int64_t rounds);

void ceiling_dots__amx(int64_t rounds)
{
    (void)rounds;
}

void ceiling_pairs__amx(int64_t rounds)
{
    (void)rounds;
}
