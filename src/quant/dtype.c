/* dtype.c: the table of number formats, built from dtype.def. */
#include "base/checked.h"
#include "quant/formats.h"

/* A format whose line ends in 0 has no int8 form and need not define one. */
#define I8_0(name) NULL
#define I8_1(name) quant_unpack_i8_##name

static const struct dtype_info infos[DT_COUNT] = {
#define DTYPE(name, text, block, bytes, gguf, i8)                                                                      \
    [DT_##name] = {text, block, bytes, gguf, i8, quant_unpack_##name, I8_##i8(name), quant_pack_##name},
#include "quant/dtype.def"
#undef DTYPE
    [DT_U8] = {"U8", 1, 1, -1, false, NULL, NULL, NULL},
};

const struct dtype_info *dtype_info(enum dtype t)
{
    return &infos[t];
}

enum dtype dtype_from_name(const char *name)
{
    for (int t = 0; t < DT_COUNT; t++)
        if (strcmp(infos[t].name, name) == 0)
            return (enum dtype)t;
    return DT_COUNT;
}

enum dtype dtype_from_gguf(uint32_t type)
{
    for (int t = 0; t < DT_COUNT; t++)
        if (infos[t].gguf_type >= 0 && (uint32_t)infos[t].gguf_type == type)
            return (enum dtype)t;
    return DT_COUNT;
}

bool dtype_bytes(enum dtype t, uint64_t count, uint64_t *bytes_out)
{
    const struct dtype_info *info = &infos[t];
    return count % (uint64_t)info->block == 0 &&
           ck_mul(count / (uint64_t)info->block, (uint64_t)info->block_bytes, bytes_out);
}
