/* nvfp4.c: GGUF's NVFP4: 64 values in 36 bytes: four scale bytes, one for each 16 values, then 8 bytes of codes for
 * each (low nibbles 0..7, high nibbles 8..15). Codes are MXFP4's; a scale is an unsigned FP8 with 4 bits of exponent
 * and 3 of mantissa, whose 0x7f (NaN) is read as 0, as ggml does. As int8 the values are doubled and the scale is
 * halved. */
#include "quant/formats.h"

enum { RUNS = 4, RUN = 16 };

static float scale(uint8_t byte)
{
    int exponent = byte >> 3 & 15, mantissa = byte & 7;
    if ((byte & 0x7f) == 0x7f)
        return 0;
    return exponent == 0 ? ldexpf((float)mantissa, -9) : ldexpf((float)(8 + mantissa), exponent - 10);
}

void quant_unpack_i8_NVFP4(const uint8_t *block, const struct sides *sides, int8_t *codes_out, float *scales_out,
                           float *offsets_out)
{
    static const int8_t doubled[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
    (void)sides, (void)offsets_out;
    for (int s = 0; s < RUNS; s++) {
        scales_out[s] = scale(block[s]) * 0.5f;
        for (int t = 0; t < RUN; t++)
            codes_out[RUN * s + t] = doubled[block[RUNS + 8 * s + t % 8] >> (t / 8 * 4) & 15];
    }
}
