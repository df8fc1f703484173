/* codes_arm.h: the load and the unpack of every format that ARM has integer kernels for: 32 codes of a row's block, and
 * its scale and offset. What a format adds to NEON, SDOT and SMMLA. */
#ifndef OSSO_BACKEND_CODES_ARM_H
#define OSSO_BACKEND_CODES_ARM_H

#include "backend/cpu/arm/neon.h"

#include "backend/view.h"

#include <math.h>

/* The 32 codes of a block. */
struct codes {
    int8x16_t lo, hi;
};

INLINE struct codes load_codes(const void *at)
{
    return (struct codes){vld1q_s8(at), vld1q_s8((const int8_t *)at + 16)};
}

/* Weights of a format: t is a constant everywhere. */
INLINE int64_t block_bytes(enum dtype t)
{
    switch (t) {
    case DT_Q8_0: return 34;
    case DT_MXFP4:
    case DT_MXFP4_PAIRS: return 17;
    case DT_Q4_0:
    case DT_IQ4_NL: return 18;
    case DT_Q4_1: return 20;
    case DT_Q5_0: return 22;
    case DT_Q5_1: return 24;
    case DT_AFFINE8: return 32;
    default: return 16;
    }
}

INLINE bool has_offsets(enum dtype t)
{
    return t == DT_Q4_1 || t == DT_Q5_1 || t == DT_AFFINE4 || t == DT_AFFINE8;
}

INLINE bool in_pairs(enum dtype t)
{
    return t == DT_MXFP4_HF || t == DT_MXFP4_PAIRS || t == DT_AFFINE4;
}

/* Low halves, then high ones, of 16 bytes. */
INLINE struct codes halves_of(uint8x16_t both)
{
    return (struct codes){vreinterpretq_s8_u8(vandq_u8(both, vdupq_n_u8(15))),
                          vreinterpretq_s8_u8(vshrq_n_u8(both, 4))};
}

INLINE struct codes named_codes(int8x16_t table, uint8x16_t both)
{
    struct codes c = halves_of(both);
    return (struct codes){vqtbl1q_s8(table, vreinterpretq_u8_s8(c.lo)), vqtbl1q_s8(table, vreinterpretq_u8_s8(c.hi))};
}

INLINE struct codes less(struct codes c, int8_t n)
{
    return (struct codes){vsubq_s8(c.lo, vdupq_n_s8(n)), vsubq_s8(c.hi, vdupq_n_s8(n))};
}

/* Fifth bits of 16 codes, as 16 where set. */
INLINE int8x16_t fifth_bits(const uint8_t *at)
{
    static const uint8_t each[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    uint8x16_t bytes = vcombine_u8(vdup_n_u8(at[0]), vdup_n_u8(at[1]));
    return vreinterpretq_s8_u8(vandq_u8(vtstq_u8(bytes, vld1q_u8(each)), vdupq_n_u8(16)));
}

INLINE struct codes q5_codes(const uint8_t *bits)
{
    struct codes c = halves_of(vld1q_u8(bits + 4));
    return (struct codes){vorrq_s8(c.lo, fifth_bits(bits)), vorrq_s8(c.hi, fifth_bits(bits + 2))};
}

INLINE int8x16_t iq4_table(void)
{
    static const int8_t values[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
    return vld1q_s8(values);
}

/* The codes of block b; those in pairs with the even elements in lo and the odd ones in hi. */
INLINE struct codes weight_codes(enum dtype t, const uint8_t *row, int64_t b)
{
    const uint8_t *block = row + b * block_bytes(t);
    switch (t) {
    case DT_Q8_0: return load_codes(block + 2);
    case DT_Q4_0: return less(halves_of(vld1q_u8(block + 2)), 8);
    case DT_Q4_1: return halves_of(vld1q_u8(block + 4));
    case DT_Q5_0: return less(q5_codes(block + 2), 16);
    case DT_Q5_1: return q5_codes(block + 4);
    case DT_IQ4_NL: return named_codes(iq4_table(), vld1q_u8(block + 2));
    case DT_AFFINE4: return halves_of(vld1q_u8(block));
    case DT_AFFINE8: return less(load_codes(block), -128); /* which wraps: the top bit is turned */
    case DT_MXFP4_HF: return named_codes(code_table(), vld1q_u8(block));
    default: return named_codes(code_table(), vld1q_u8(block + 1));
    }
}

/* Where the scales and offsets of a row are that do not lie in it; for others the row. */
struct row {
    const uint8_t *data, *side[2];
    enum dtype side_dtype[2];
    int per_group; /* blocks that share a scale, as a shift */
};

INLINE struct row row_of(const struct view *w, int64_t o)
{
    struct row row = {.data = w->data + o * w->row_stride,
                      .side_dtype = {w->side[0].dtype, w->side[1].dtype},
                      .per_group = w->group >= 32 ? __builtin_ctzll((unsigned long long)w->group / 32) : 0};
    for (int i = 0; i < 2; i++)
        row.side[i] = w->side[i].data ? w->side[i].data + o * w->side[i].stride : NULL;
    return row;
}

INLINE float side_value(const struct row *row, int which, int64_t i)
{
    float f;
    if (row->side_dtype[which] == DT_BF16)
        return bf16_to_f32(u16_at(row->side[which] + 2 * i));
    if (row->side_dtype[which] == DT_F16)
        return f16_at(row->side[which] + 2 * i);
    memcpy(&f, row->side[which] + 4 * i, 4);
    return f;
}

INLINE float weight_scale(enum dtype t, const struct row *row, int64_t b)
{
    const uint8_t *block = row->data + b * block_bytes(t);
    switch (t) {
    case DT_MXFP4:
    case DT_MXFP4_PAIRS: return e8m0_half(*block);
    case DT_MXFP4_HF: return e8m0_half(row->side[0][b]);
    case DT_AFFINE4:
    case DT_AFFINE8: return side_value(row, 0, b >> row->per_group);
    default: return f16_at(block);
    }
}

/* AFFINE8's codes are 128 less than the format's. */
INLINE float weight_offset(enum dtype t, const struct row *row, int64_t b)
{
    if (t == DT_AFFINE4 || t == DT_AFFINE8) {
        float offset = side_value(row, 1, b >> row->per_group);
        return t == DT_AFFINE8 ? fmaf(128, weight_scale(t, row, b), offset) : offset;
    }
    return has_offsets(t) ? f16_at(row->data + b * block_bytes(t) + 2) : 0;
}

/* The scales of blocks b .. b + 3. */
INLINE float32x4_t weight_scales(enum dtype t, const struct row *row, int64_t b)
{
    const uint8_t *block = row->data + b * block_bytes(t);
    const int64_t step = block_bytes(t);
    if (t == DT_MXFP4_HF) {
        uint32_t four;
        memcpy(&four, row->side[0] + b, 4);
        return half_scales(vmovl_u16(vget_low_u16(vmovl_u8(vreinterpret_u8_u32(vdup_n_u32(four))))));
    }
    if (t == DT_MXFP4 || t == DT_MXFP4_PAIRS)
        return half_scales((uint32x4_t){block[0], block[17], block[34], block[51]});
    if (t == DT_AFFINE4 || t == DT_AFFINE8)
        return (float32x4_t){weight_scale(t, row, b), weight_scale(t, row, b + 1), weight_scale(t, row, b + 2),
                             weight_scale(t, row, b + 3)};
    uint16x4_t h = {u16_at(block), u16_at(block + step), u16_at(block + 2 * step), u16_at(block + 3 * step)};
    return vcvt_f32_f16(vreinterpret_f16_u16(h));
}

INLINE float32x4_t weight_offsets(enum dtype t, const struct row *row, int64_t b)
{
    return (float32x4_t){weight_offset(t, row, b), weight_offset(t, row, b + 1), weight_offset(t, row, b + 2),
                         weight_offset(t, row, b + 3)};
}

#endif
