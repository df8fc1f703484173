/* q6_k.c: GGUF's Q6_K: 256 values in 210 bytes: 128 bytes with the low 4 bits, 64 with the high 2, 16 int8 scales (one
 * for each 16 values), f16 d. Of 128 values 64 share the bytes of nibbles, and all four 32s those of bit pairs.
 * value = d * scale * (code - 32) */
#include "quant/formats.h"

enum { BLOCK = 256, SCALES = 16 };

void quant_unpack_i8_Q6_K(const uint8_t *block, const struct sides *sides, int8_t *codes_out, float *scales_out,
                          float *offsets_out)
{
    (void)sides, (void)offsets_out;
    for (int i = 0; i < BLOCK; i++) {
        int half = i / 128, in = i % 128;
        int low = block[half * 64 + in % 64] >> (in / 64 * 4) & 15;
        int high = block[128 + half * 32 + in % 32] >> (in / 32 * 2) & 3;
        codes_out[i] = (int8_t)((low | high << 4) - 32);
    }
    for (int s = 0; s < SCALES; s++)
        scales_out[s] = f16_to_f32(load_u16(block + 208)) * (float)(int8_t)block[192 + s];
}
