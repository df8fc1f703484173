/* dtype.c: the table of number formats, built from dtype.def. */
#include "quant/formats.h"

/* value = code * scale + offset, with one rounding: the product of a code and a scale fits f32 in every format with
 * offsets, and where it does not (Q6_K) there is none. */
static void values_of(const struct dtype_info *info, const int8_t *codes, const float *scales, const float *offsets,
                      float *values_out)
{
    int n = info->per_scale ? info->per_scale : info->block;
    for (int i = 0; i < info->block; i++)
        values_out[i] = offsets ? fmaf((float)codes[i], scales[i / n], offsets[i / n])
                                : (float)codes[i] * scales[i / n];
}

/* A format with codes says what they are; its values follow. */
#define UNPACK_PLAIN(name)
#define UNPACK_SIGNED(name)                                                                                            \
    void quant_unpack_##name(const uint8_t *block, const struct sides *sides, float *values_out)                       \
    {                                                                                                                  \
        int8_t codes[DTYPE_MAX_BLOCK];                                                                                 \
        float scales[DTYPE_MAX_SCALES], offsets[DTYPE_MAX_SCALES];                                                     \
        const struct dtype_info *info = dtype_info(DT_##name);                                                         \
        quant_unpack_i8_##name(block, sides, codes, scales, offsets);                                                  \
        values_of(info, codes, scales, info->offsets ? offsets : NULL, values_out);                                    \
    }
#define UNPACK_UNSIGNED(name) UNPACK_SIGNED(name)
#define UNPACK_SHIFTED(name)
#define DTYPE(name, text, block, per_scale, bytes, gguf, codes, scales, offsets, pack) UNPACK_##codes(name)
#include "quant/dtype.def"
#undef DTYPE

#define I8_PLAIN(name) NULL
#define I8_SIGNED(name) quant_unpack_i8_##name
#define I8_UNSIGNED(name) quant_unpack_i8_##name
#define I8_SHIFTED(name) quant_unpack_i8_##name
#define PACK_PACK(name) quant_pack_##name
#define PACK_READ(name) NULL

static const struct dtype_info infos[DT_COUNT] = {
#define DTYPE(name, text, block, per_scale, bytes, gguf, codes, scales, offsets, pack)                                 \
    [DT_##name] = {text,                                                                                               \
                   block,                                                                                              \
                   per_scale,                                                                                          \
                   bytes,                                                                                              \
                   gguf,                                                                                               \
                   CODES_##codes,                                                                                      \
                   PLACE_##scales,                                                                                     \
                   PLACE_##offsets,                                                                                    \
                   quant_unpack_##name,                                                                                \
                   I8_##codes(name),                                                                                   \
                   PACK_##pack(name)},
#include "quant/dtype.def"
#undef DTYPE
    [DT_U8] = {"U8", 1, 1, 1, -1, CODES_PLAIN, PLACE_NONE, PLACE_NONE, NULL, NULL, NULL},
};

/* What buffers, pieces of rows and the sums by 32 rely on. */
#define DTYPE(name, text, block, per_scale, bytes, gguf, codes, scales, offsets, pack)                                 \
    _Static_assert(DTYPE_MAX_BLOCK % (block) == 0, text ": blocks must divide DTYPE_MAX_BLOCK");                       \
    _Static_assert(CODES_##codes == CODES_PLAIN ? (block) == 1 && (per_scale) == 1                                     \
                                                : (block) % 32 == 0 && ((per_scale) % 32 == 0 || (per_scale) == 16),   \
                   text ": values per block or per scale are not of the kinds that dtype.def allows");                 \
    _Static_assert((per_scale) == 0 || (block) % (per_scale) == 0, text ": a block must hold whole scales");           \
    _Static_assert((per_scale) != 0 || PLACE_##scales >= PLACE_U8,                                                     \
                   text ": only scales apart can have the view's group");
#include "quant/dtype.def"
#undef DTYPE

const struct dtype_info *dtype_info(enum dtype t)
{
    return &infos[t];
}

enum dtype dtype_from_gguf(uint32_t type)
{
    for (int t = 0; t < DT_COUNT; t++)
        if (infos[t].gguf_type >= 0 && (uint32_t)infos[t].gguf_type == type)
            return (enum dtype)t;
    return DT_COUNT;
}
