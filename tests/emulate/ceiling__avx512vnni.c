/* ceiling__avx512vnni.c of VARIANT=emu512, for the ones in src/measure, which are assembly: nothing is measured there.
 */
#include <stdint.h>

void ceiling_dots__avx512vnni(int64_t rounds);
void ceiling_fmas__avx512vnni(int64_t rounds);

void ceiling_dots__avx512vnni(int64_t rounds)
{
    (void)rounds;
}

void ceiling_fmas__avx512vnni(int64_t rounds)
{
    (void)rounds;
}
