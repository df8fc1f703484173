/* The number formats: the facts of the specification, every 16-bit and 8-bit pattern, and packing against a search. */
#include "quant_golden.h"

#include "base/rng.h"
#include "quant/quant.h"

#include <math.h>

static uint32_t bits_of(float f)
{
    uint32_t u;
    memcpy(&u, &f, 4);
    return u;
}

static void test_table(void **state)
{
    (void)state;
    for (int t = 0; t < DT_COUNT; t++) {
        const struct dtype_info *info = dtype_info((enum dtype)t);
        if (info->gguf_type >= 0)
            assert_int_equal(dtype_from_gguf((uint32_t)info->gguf_type), t);
        if (t != DT_U8)
            assert_true(info->unpack && dtype_has_i8(info) == (info->unpack_i8 != NULL));
    }
    assert_int_equal(dtype_from_gguf(39), DT_MXFP4);
    assert_int_equal(dtype_from_gguf(8), DT_Q8_0);
    assert_int_equal(dtype_from_gguf(0xffffffffu), DT_COUNT);
}

/* Every format reads what somebody else reads: a file for each row of dtype.def. */
static void test_golden(void **state)
{
    (void)state;
    for (enum dtype t = 0; t < DT_U8; t++) {
        struct golden g = golden_open(dtype_info(t)->name);
        golden_check(dtype_info(t), &g);
        golden_free(&g);
    }
}

/* Packing keeps within its block and near the values; each format's rule has a test of its own. */
static void test_pack(void **state)
{
    (void)state;
    for (enum dtype t = 0; t < DT_U8; t++) {
        const struct dtype_info *info = dtype_info(t);
        if (!info->pack)
            continue;
        float values[DTYPE_MAX_BLOCK], once[DTYPE_MAX_BLOCK], worst = 0, amax = 0;
        uint8_t block[4 * DTYPE_MAX_BLOCK] = {0}, side[2][4 * DTYPE_MAX_SCALES] = {{0}};
        enum dtype of_side[2] = {info->scales == PLACE_U8 ? DT_U8 : DT_BF16,
                                 info->offsets == PLACE_U8 ? DT_U8 : DT_BF16};
        struct sides_out out = {{side[0], side[1]}, {of_side[0], of_side[1]}};
        struct sides in = {{side[0], side[1]}, {of_side[0], of_side[1]}};
        struct rng r;
        rng_seed(&r, 12);
        for (int i = 0; i < info->block; i++) {
            values[i] = (float)(rng_unit(&r) * 2 - 1);
            amax = fabsf(values[i]) > amax ? fabsf(values[i]) : amax;
        }
        info->pack(values, block, &out);
        for (size_t i = (size_t)info->block_bytes; i < sizeof block; i++)
            assert_int_equal(block[i], 0); /* and nothing beyond */
        info->unpack(block, &in, once);
        for (int i = 0; i < info->block; i++)
            worst = fabsf(once[i] - values[i]) > worst ? fabsf(once[i] - values[i]) : worst;
        if (!(worst <= 0.3f * amax)) /* two bits a value do better */
            fail_msg("%s: packing moves a value by %g, the largest is %g", info->name, (double)worst, (double)amax);
    }
}

/* What a 16-bit float means, from its definition. */
static double half_value(int h, int exponent_bits, int mantissa_bits)
{
    int bias = (1 << (exponent_bits - 1)) - 1, e = (h >> mantissa_bits) & ((1 << exponent_bits) - 1);
    int m = h & ((1 << mantissa_bits) - 1);
    double sign = h & 0x8000 ? -1 : 1, unit = ldexp(1, -mantissa_bits);
    if (e == (1 << exponent_bits) - 1)
        return m ? (double)NAN : sign * (double)INFINITY;
    return e == 0 ? sign * ldexp(m * unit, 1 - bias) : sign * ldexp(1 + m * unit, e - bias);
}

static void every_half(float (*to)(uint16_t), uint16_t (*from)(float), int exponent_bits, int mantissa_bits)
{
    for (int h = 0; h < 65536; h++) {
        double want = half_value(h, exponent_bits, mantissa_bits);
        float got = to((uint16_t)h);
        if (isnan(want)) {
            assert_true(isnan(got) && isnan(to(from(got))));
            continue;
        }
        if ((double)got != want || !signbit(got) != !signbit(want))
            fail_msg("%04x is %a, expected %a", (unsigned)h, (double)got, want);
        assert_int_equal(from(got), h);
        /* Halfway to the next one goes to the even one, a little beside it to the nearer. */
        double next = half_value(h + 1, exponent_bits, mantissa_bits);
        if ((h & 0x7fff) == 0x7fff || isinf(want) || isnan(next) || isinf(next))
            continue;
        float middle = (float)((want + next) / 2);
        assert_int_equal(from(middle), h & 1 ? h + 1 : h);
        assert_int_equal(from(nextafterf(middle, (float)want)), h);
        assert_int_equal(from(nextafterf(middle, (float)next)), h + 1);
    }
}

static float bf16_to(uint16_t h)
{
    return bf16_to_f32(h);
}

static void test_halves(void **state)
{
    (void)state;
    every_half(f16_to_f32, f16_from_f32, 5, 10);
    every_half(bf16_to, bf16_from_f32, 8, 7);
    assert_int_equal(f16_from_f32(65504.0f), 0x7bff);
    assert_int_equal(f16_from_f32(65519.99f), 0x7bff);
    assert_int_equal(f16_from_f32(65520.0f), 0x7c00);
    assert_int_equal(f16_from_f32(-1e30f), 0xfc00);
    assert_int_equal(f16_from_f32(0x1p-25f), 0); /* halfway to the smallest denormal: even */
    assert_int_equal(f16_from_f32(0x1.000002p-25f), 1);
    assert_int_equal(bf16_from_f32(0x1.ffp+127f), 0x7f80); /* rounds up to infinity */
    assert_int_equal(bf16_from_f32(0x1.fefffep+127f), 0x7f7f);
}

static void test_scale_bytes(void **state)
{
    (void)state;
    for (int s = 0; s < 255; s++)
        assert_true((double)e8m0_to_f32((uint8_t)s) == ldexp(1, s - 127));
    assert_int_equal(bits_of(e8m0_to_f32(0)), 0x00400000);
    assert_true(isnan(e8m0_to_f32(255)));
}

static const double fp4[16] = {0, .5, 1, 1.5, 2, 3, 4, 6, 0, -.5, -1, -1.5, -2, -3, -4, -6};

/* Element i of a block has code codes[i], in all layouts, for every scale byte. */
static void test_mxfp4_layouts(void **state)
{
    (void)state;
    uint8_t codes[32], gguf[17], hf[16], pairs[17];
    for (int s = 0; s < 256; s++) {
        for (int i = 0; i < 32; i++)
            codes[i] = (uint8_t)((i * 7 + s) % 16);
        gguf[0] = (uint8_t)s;
        for (int j = 0; j < 16; j++) {
            gguf[1 + j] = (uint8_t)(codes[j] | codes[j + 16] << 4);
            hf[j] = (uint8_t)(codes[2 * j] | codes[2 * j + 1] << 4);
        }
        pairs[0] = (uint8_t)s;
        memcpy(pairs + 1, hf, sizeof hf);
        const uint8_t *blocks[] = {gguf, hf, pairs};
        for (int layout = 0; layout < 3; layout++) {
            static const enum dtype types[] = {DT_MXFP4, DT_MXFP4_HF, DT_MXFP4_PAIRS};
            const struct dtype_info *info = dtype_info(types[layout]);
            float values[32], scale;
            int8_t i8[32];
            struct sides sides = {{&(uint8_t){(uint8_t)s}}, {DT_U8}};
            info->unpack(blocks[layout], &sides, values);
            info->unpack_i8(blocks[layout], &sides, i8, &scale, NULL);
            for (int i = 0; i < 32; i++) {
                double want = fp4[codes[i]] * ldexp(1, s - 127);
                if (s == 255)
                    assert_true(isnan(values[i]) && isnan(scale));
                else if (fabs(want) > 3.4e38)
                    assert_true(isinf(values[i]));
                else
                    assert_true((double)values[i] == want && (double)scale * i8[i] == want);
            }
        }
    }
    /* The specification's own example: bytes 0x21, 0x43 with scale 128 are 1, 2, 3, 4. */
    uint8_t example[16] = {0x21, 0x43};
    float values[32];
    dtype_info(DT_MXFP4_HF)->unpack(example, &(struct sides){{&(uint8_t){128}}, {DT_U8}}, values);
    for (int i = 0; i < 4; i++)
        assert_true(values[i] == (float)(i + 1));
}

/* Values that some block of MXFP4 holds come back, whichever of its scales they had. */
static void test_mxfp4_again(void **state)
{
    enum { LEAST = 3, MOST = 250, ROUNDS = 24 };
    (void)state;
    struct rng r;
    rng_seed(&r, 8);
    for (int round = 0; round < ROUNDS * (MOST - LEAST + 1); round++) {
        float values[32], again[32];
        uint8_t block[17] = {(uint8_t)(LEAST + round / ROUNDS)}, packed[17];
        int codes = 1 << (1 +
                          round % 3); /* magnitudes of the first 2, 4 or 8 codes: small ones alone have other scales */
        for (int i = 1; i < 17; i++)
            for (int half = 0; half < 2; half++)
                block[i] |= (uint8_t)((rng_below(&r, (uint64_t)codes) | rng_below(&r, 2) << 3) << (4 * half));
        dtype_info(DT_MXFP4)->unpack(block, NULL, values);
        dtype_info(DT_MXFP4)->pack(values, packed, NULL);
        dtype_info(DT_MXFP4)->unpack(packed, NULL, again);
        for (int i = 0; i < 32; i++)
            assert_true(again[i] == values[i]);
    }
}

/* Packing takes the nearest of the 16 values at scale floor(log2(amax)) - 2; a tie goes towards zero. */
static void test_mxfp4_pack(void **state)
{
    (void)state;
    struct rng r;
    rng_seed(&r, 3);
    for (int round = 0; round < 3000; round++) {
        float values[32], got[32];
        uint8_t block[17], hf[16], s = 77;
        double amax = 0, size = ldexp(1, (int)rng_below(&r, 250) - 125);
        for (int i = 0; i < 32; i++) {
            values[i] = (float)((rng_unit(&r) * 2 - 1) * size);
            if (round % 3 == 0) /* many exact ties */
                values[i] = (float)(((double)rng_below(&r, 57) - 28) * 0.25 * size);
            amax = fabs((double)values[i]) > amax ? fabs((double)values[i]) : amax;
        }
        dtype_info(DT_MXFP4)->pack(values, block, NULL);
        dtype_info(DT_MXFP4_HF)->pack(values, hf, &(struct sides_out){{&s}, {DT_U8}});
        assert_int_equal(block[0], s);
        int want_s = amax > 0 ? (int)floor(log2(amax)) - 2 + 127 : 0;
        assert_int_equal(s, want_s < 0 ? 0 : want_s);
        dtype_info(DT_MXFP4)->unpack(block, NULL, got);
        for (int i = 0; i < 32; i++) {
            double scale = ldexp(1, s - 127), best = 1e300, pick = 0;
            for (int c = 0; c < 8; c++) { /* magnitudes ascending: the first best is the one nearer to zero */
                double off = fabs(fabs((double)values[i]) - fp4[c] * scale);
                if (off < best) {
                    best = off;
                    pick = fp4[c] * scale;
                }
            }
            assert_true(fabs((double)got[i]) == pick);
            assert_true(pick == 0 || (got[i] < 0) == (values[i] < 0));
        }
        float again[32];
        uint8_t twice[17];
        dtype_info(DT_MXFP4)->pack(got, twice, NULL); /* what was packed once does not change */
        dtype_info(DT_MXFP4)->unpack(twice, NULL, again);
        assert_memory_equal(got, again, sizeof got);
        dtype_info(DT_MXFP4_HF)->unpack(hf, &(struct sides){{&s}, {DT_U8}}, again);
        assert_memory_equal(got, again, sizeof got);
    }
    float bad[32] = {1, NAN};
    uint8_t block[17];
    dtype_info(DT_MXFP4)->pack(bad, block, NULL);
    assert_int_equal(block[0], 255);
}

static void test_q8_0(void **state)
{
    (void)state;
    struct rng r;
    rng_seed(&r, 4);
    const struct dtype_info *info = dtype_info(DT_Q8_0);
    for (int round = 0; round < 2000; round++) {
        float values[32], got[32], scale, amax = 0;
        uint8_t block[34];
        int8_t codes[32];
        for (int i = 0; i < 32; i++) {
            values[i] = (float)((rng_unit(&r) * 2 - 1) * ldexp(1, round % 30 - 15));
            amax = fabsf(values[i]) > amax ? fabsf(values[i]) : amax;
        }
        info->pack(values, block, NULL);
        info->unpack(block, NULL, got);
        info->unpack_i8(block, NULL, codes, &scale, NULL);
        assert_int_equal(block[0] | block[1] << 8, f16_from_f32(amax / 127));
        for (int i = 0; i < 32; i++) {
            assert_true(got[i] == (float)codes[i] * scale);
            assert_true(fabsf(got[i] - values[i]) <= amax / 127 * 0.5f + amax / 1024 + 127 * 0x1p-25f);
        }
    }
    float zero[32] = {0}, bad[32] = {INFINITY}, large[32] = {-3e38f, 1e38f}, got[32];
    uint8_t block[34];
    info->pack(zero, block, NULL);
    for (int i = 0; i < 34; i++)
        assert_int_equal(block[i], 0);
    info->pack(bad, block, NULL);
    info->unpack(block, NULL, got);
    assert_true(isnan(got[0]));
    info->pack(large, block, NULL);
    info->unpack(block, NULL, got);
    assert_true(got[0] == -127 * 65504.0f && got[1] == 127 * 65504.0f && got[2] == 0);
}

static void test_plain(void **state)
{
    (void)state;
    static const enum dtype types[] = {DT_F32, DT_F16, DT_BF16};
    for (int t = 0; t < 3; t++) {
        uint8_t space[5] = {0, 0, 0, 0, 0x55};
        float in = -1.5f, out;
        dtype_info(types[t])->pack(&in, space, NULL);
        dtype_info(types[t])->unpack(space, NULL, &out);
        assert_true(out == in);
        assert_int_equal(space[4], 0x55);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),         cmocka_unit_test(test_halves),     cmocka_unit_test(test_scale_bytes),
        cmocka_unit_test(test_mxfp4_layouts), cmocka_unit_test(test_mxfp4_pack), cmocka_unit_test(test_mxfp4_again),
        cmocka_unit_test(test_q8_0),          cmocka_unit_test(test_plain),      cmocka_unit_test(test_golden),
        cmocka_unit_test(test_pack),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
