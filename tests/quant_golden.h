/* quant_golden.h: tests/golden/quant/<format>.bin: blocks and the exact values that somebody else's decoder reads in
 * them (tools/golden/golden_quant.py says what lies where). */
#ifndef OSSO_QUANT_GOLDEN_H
#define OSSO_QUANT_GOLDEN_H

#include "quant/quant.h"
#include "test.h"

#include <math.h>

struct golden {
    uint8_t *file;
    uint32_t n, block, block_bytes, side_bytes[2];
    const uint8_t *blocks, *sides[2];
    const float *values;
};

static inline struct golden golden_open(const char *name)
{
    char relative[128], path[512];
    enum { HEAD = 5 * 4, MOST = 1 << 20 };
    struct golden g = {.file = malloc(MOST)};
    snprintf(relative, sizeof relative, "tests/golden/quant/%s.bin", name);
    FILE *f = fopen(test_path(path, sizeof path, relative), "rb");
    if (!f)
        fail_msg("%s is missing: every format needs blocks and values that osso did not make (docs/adding-a-format.md)",
                 relative);
    size_t size = fread(g.file, 1, MOST, f);
    fclose(f);
    assert_true(size > HEAD);
    memcpy(&g.n, g.file, HEAD);
    g.blocks = g.file + HEAD;
    g.sides[0] = g.blocks + g.n * g.block_bytes;
    g.sides[1] = g.sides[0] + g.n * g.side_bytes[0];
    const uint8_t *values = g.sides[1] + g.n * g.side_bytes[1];
    size_t count = (size_t)g.n * g.block;
    assert_true(size == (size_t)(values - g.file) + count * 4);
    float *copy = malloc(count * 4);
    memcpy(copy, values, count * 4);
    g.values = copy;
    return g;
}

static inline void golden_free(struct golden *g)
{
    free(g->file);
    free((void *)(uintptr_t)g->values);
}

static inline struct sides golden_sides(const struct golden *g, uint32_t b)
{
    struct sides sides;
    for (int i = 0; i < 2; i++) {
        sides.data[i] = g->sides[i] + b * g->side_bytes[i];
        sides.dtype[i] = g->side_bytes[i] == 1 ? DT_U8 : DT_BF16;
    }
    return sides;
}

/* Both of a format's decoders against the file, to the bit but for the sign of a zero and what kind of NaN. */
static inline void golden_check(const struct dtype_info *info, const struct golden *g)
{
    assert_int_equal(g->block, info->block);
    assert_int_equal(g->block_bytes, info->block_bytes);
    assert_int_equal(g->side_bytes[0], info->scales == PLACE_U8 ? 1 : info->scales == PLACE_ANY ? 2 : 0);
    assert_int_equal(g->side_bytes[1], info->offsets == PLACE_U8 ? 1 : info->offsets == PLACE_ANY ? 2 : 0);
    for (uint32_t b = 0; b < g->n; b++) {
        const uint8_t *block = g->blocks + b * g->block_bytes;
        struct sides sides = golden_sides(g, b);
        float values[DTYPE_MAX_BLOCK], scales[DTYPE_MAX_SCALES] = {0}, offsets[DTYPE_MAX_SCALES] = {0};
        int8_t codes[DTYPE_MAX_BLOCK];
        info->unpack(block, &sides, values);
        if (dtype_has_i8(info))
            info->unpack_i8(block, &sides, codes, scales, offsets);
        for (int i = 0; i < info->block; i++) {
            float want = g->values[b * g->block + (uint32_t)i];
            if (!(values[i] == want) && !(isnan(values[i]) && isnan(want)))
                fail_msg("%s: value %d of block %u is %a, expected %a", info->name, i, b, (double)values[i],
                         (double)want);
            if (!dtype_has_i8(info))
                continue;
            int s = info->per_scale ? i / info->per_scale : 0;
            float coded = fmaf((float)codes[i], scales[s], offsets[s]);
            if (!(coded == want))
                fail_msg("%s: value %d of block %u is %a by its code, expected %a", info->name, i, b, (double)coded,
                         (double)want);
            if (info->codes == CODES_UNSIGNED)
                assert_true(codes[i] >= 0);
        }
    }
}

#endif
