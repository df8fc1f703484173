/* scales__avx2.h: the scales and offsets of four rows' pairs of blocks, in the order [block][row] in which four rows'
 * sums come out of a transposition. A block of 256 is opened as a whole, for its four pairs. */
#ifndef OSSO_BACKEND_SCALES_AVX2_H
#define OSSO_BACKEND_SCALES_AVX2_H

#include "backend/cpu/avx2/codes__avx2.h"

/* In RUNS [1] is what the last 16 values of each block have. */
struct pair_scales {
    __m256 scale[2], offset[2];
};

/* 8 E8M0 bytes s to 2^(s-128), exactly: that has the bits (s - 1) << 23, except where it is a denormal (s < 2) or NaN
 * (s = 255). No model has such scales, and looking for them takes no vector unit. */
INLINE __m256 half_scales(uint64_t s)
{
    const uint64_t ones = 0x0101010101010101u;
    uint64_t odd = (((s - 2 * ones) & ~s) | ((~s - ones) & s)) & ones
                                                                     << 7; /* the top bit where a byte is 0, 1 or 255 */
    if (__builtin_expect(odd == 0, true))
        return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu8_epi32(_mm_cvtsi64_si128((int64_t)(s - ones))), 23));
    __m256i whole = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128((int64_t)s));
    __m256i bits = _mm256_max_epi32(_mm256_slli_epi32(whole, 23), _mm256_set1_epi32(0x00400000)); /* 2^-127 */
    bits = _mm256_or_si256(bits, _mm256_cmpeq_epi32(whole, _mm256_set1_epi32(255)));
    return _mm256_mul_ps(_mm256_castsi256_ps(bits), _mm256_set1_ps(0.5f));
}

/* A byte of each row, `here` and `there`. */
INLINE __m256 e8m0_of(const uint8_t *const *rows, int64_t here, int64_t there, bool two)
{
    uint64_t s = 0;
    UNROLL
    for (int r = 0; r < 4; r++)
        s |= (uint64_t)rows[r][here] << (8 * r) | (two ? (uint64_t)rows[r][there] << (8 * r + 32) : 0);
    return half_scales(s);
}

INLINE uint16_t u16_at(const uint8_t *at)
{
    uint16_t v;
    memcpy(&v, at, sizeof v);
    return v;
}

INLINE uint32_t u32_at(const uint8_t *at)
{
    uint32_t v;
    memcpy(&v, at, sizeof v);
    return v;
}

/* Two bytes of each row, put together outside the vector units, which have enough to do. */
INLINE uint64_t four_u16(const uint8_t *const *rows, int64_t at)
{
    uint64_t s = 0;
    UNROLL
    for (int r = 0; r < 4; r++)
        s |= (uint64_t)u16_at(rows[r] + at) << (16 * r);
    return s;
}

INLINE __m128i u16_of(const uint8_t *const *rows, int64_t here, int64_t there, bool two)
{
    return _mm_set_epi64x(two ? (int64_t)four_u16(rows, there) : 0, (int64_t)four_u16(rows, here));
}

INLINE __m256 f16_of(const uint8_t *const *rows, int64_t here, int64_t there, bool two)
{
    return _mm256_cvtph_ps(u16_of(rows, here, there, two));
}

/* A scale and an offset that lie side by side, as f16. */
INLINE void both_f16_of(const uint8_t *const *rows, int64_t here, int64_t there, bool two, struct pair_scales *out)
{
    const __m256i apart = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 1, 4, 5, 8, 9, 12, 13, 2, 3, 6, 7, 10, 11, 14, 15));
    uint64_t s[4] = {0};
    UNROLL
    for (int r = 0; r < 4; r++) {
        s[r / 2] |= (uint64_t)u32_at(rows[r] + here) << (32 * (r % 2));
        s[2 + r / 2] |= two ? (uint64_t)u32_at(rows[r] + there) << (32 * (r % 2)) : 0;
    }
    __m256i v = _mm256_set_epi64x((int64_t)s[3], (int64_t)s[2], (int64_t)s[1], (int64_t)s[0]);
    v = _mm256_permute4x64_epi64(_mm256_shuffle_epi8(v, apart), 0xd8);
    out->scale[0] = _mm256_cvtph_ps(_mm256_castsi256_si128(v));
    out->offset[0] = _mm256_cvtph_ps(_mm256_extracti128_si256(v, 1));
}

/* What lies apart: value `here` (and `there`) of each row. */
INLINE __m256 side_of(const struct code_rows *rows, int which, int64_t here, int64_t there, bool two)
{
    const uint8_t *const *side = rows->side[which];
    if (rows->side_dtype[which] != DT_F32) {
        __m128i v = here == there ? _mm_set1_epi64x((int64_t)four_u16(side, 2 * here))
                                  : u16_of(side, 2 * here, 2 * there, two);
        return rows->side_dtype[which] == DT_F16 ? _mm256_cvtph_ps(v)
                                                 : _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(v), 16));
    }
    float s[8] = {0};
    for (int r = 0; r < 4; r++) {
        memcpy(&s[r], side[r] + 4 * here, 4);
        if (two)
            memcpy(&s[r + 4], side[r] + 4 * there, 4);
    }
    return _mm256_loadu_ps(s);
}

/* NVFP4's four scale bytes of each row: unsigned FP8 as float bits with the exponent moved, the half of doubled codes
 * with it; 0x7f and 0xff are 0. */
INLINE __m256 fp8_of(__m128i bytes)
{
    __m256i b = _mm256_and_si256(_mm256_cvtepu8_epi32(bytes), _mm256_set1_epi32(0x7f));
    b = _mm256_andnot_si256(_mm256_cmpeq_epi32(b, _mm256_set1_epi32(0x7f)), b);
    return _mm256_mul_ps(_mm256_castsi256_ps(_mm256_slli_epi32(b, 20)), _mm256_set1_ps(0x1p119f));
}

INLINE void nvfp4_scales(const struct code_rows *rows, int64_t block, struct pair_scales *out)
{
    const __m128i by_run = _mm_setr_epi8(0, 4, 8, 12, 2, 6, 10, 14, 1, 5, 9, 13, 3, 7, 11, 15);
    uint64_t s[2] = {0};
    UNROLL
    for (int r = 0; r < 4; r++)
        s[r / 2] |= (uint64_t)u32_at(rows->data[r] + block * 36) << (32 * (r % 2));
    __m128i bytes = _mm_shuffle_epi8(_mm_set_epi64x((int64_t)s[1], (int64_t)s[0]), by_run);
    out->scale[0] = fp8_of(bytes);
    out->scale[1] = fp8_of(_mm_srli_si128(bytes, 8));
}

/* Four rows' 8 values to four pairs' [block][row]. */
INLINE void turn_scales(const __m256 *r, __m256 *out)
{
    __m256 a = _mm256_unpacklo_ps(r[0], r[1]), b = _mm256_unpackhi_ps(r[0], r[1]);
    __m256 c = _mm256_unpacklo_ps(r[2], r[3]), d = _mm256_unpackhi_ps(r[2], r[3]);
    __m256 b04 = _mm256_shuffle_ps(a, c, 0x44), b15 = _mm256_shuffle_ps(a, c, 0xee);
    __m256 b26 = _mm256_shuffle_ps(b, d, 0x44), b37 = _mm256_shuffle_ps(b, d, 0xee);
    out[0] = _mm256_permute2f128_ps(b04, b15, 0x20);
    out[1] = _mm256_permute2f128_ps(b26, b37, 0x20);
    out[2] = _mm256_permute2f128_ps(b04, b15, 0x31);
    out[3] = _mm256_permute2f128_ps(b26, b37, 0x31);
}

/* Bytes (signed) times d. */
INLINE __m256 scaled_bytes(__m128i bytes, float d)
{
    return _mm256_mul_ps(_mm256_set1_ps(d), _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes)));
}

INLINE float f16_at(const uint8_t *at)
{
    return _cvtsh_ss(u16_at(at));
}

/* Q4_K's and Q5_K's: scales in the low 8 bytes, minimums in the high ones. q4_k.c says where they are. */
INLINE __m128i q4_k_bytes(const uint8_t *at)
{
    uint32_t a = u32_at(at), b = u32_at(at + 4), c = u32_at(at + 8);
    return _mm_setr_epi32((int)(a & 0x3f3f3f3f), (int)((c & 0x0f0f0f0f) | (a >> 6 & 0x03030303) << 4),
                          (int)(b & 0x3f3f3f3f), (int)((c >> 4 & 0x0f0f0f0f) | (b >> 6 & 0x03030303) << 4));
}

/* Q3_K's 16 (q2_k.c). */
INLINE __m128i q3_k_bytes(const uint8_t *at)
{
    int32_t high = (int32_t)u32_at(at + 8);
    __m128i low = _mm_loadl_epi64((const void *)at);
    low = _mm_and_si128(_mm_unpacklo_epi64(low, _mm_srli_epi16(low, 4)), _mm_set1_epi8(15));
    __m128i top = _mm_and_si128(_mm_srlv_epi32(_mm_set1_epi32(high), _mm_setr_epi32(0, 2, 4, 6)), _mm_set1_epi8(3));
    return _mm_sub_epi8(_mm_or_si128(low, _mm_slli_epi16(top, 4)), _mm_set1_epi8(32));
}

/* IQ4_XS's 8 (iq4.c). */
INLINE __m256 iq4_xs_scales(const uint8_t *block)
{
    const __m256i twos = _mm256_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14);
    uint16_t high = u16_at(block + 2);
    int32_t low = (int32_t)u32_at(block + 4);
    __m256i l = _mm256_srlv_epi32(_mm256_set1_epi32(low), _mm256_slli_epi32(twos, 1));
    __m256i h = _mm256_srlv_epi32(_mm256_set1_epi32(high), twos);
    __m256i s = _mm256_or_si256(_mm256_and_si256(l, _mm256_set1_epi32(15)),
                                _mm256_slli_epi32(_mm256_and_si256(h, _mm256_set1_epi32(3)), 4));
    return _mm256_mul_ps(_mm256_set1_ps(f16_at(block)), _mm256_cvtepi32_ps(_mm256_sub_epi32(s, _mm256_set1_epi32(32))));
}

/* 16 bytes times d: those of first 16s in [0], of last 16s in [1]. */
INLINE void runs_of(__m128i bytes, float d, __m256 *first, __m256 *last)
{
    const __m128i apart = _mm_setr_epi8(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15);
    bytes = _mm_shuffle_epi8(bytes, apart);
    *first = scaled_bytes(bytes, d);
    *last = scaled_bytes(_mm_srli_si128(bytes, 8), d);
}

/* One row's block of 256: what[0] and what[1] are the scales, what[2] and what[3] the offsets. */
INLINE void k_scales_of(enum dtype t, const uint8_t *block, __m256 *what)
{
    const __m128i nibble = _mm_set1_epi8(15);
    __m128i v;
    switch (t) {
    case DT_Q4_K:
    case DT_Q5_K:
        v = q4_k_bytes(block + 4);
        what[0] = scaled_bytes(v, f16_at(block));
        what[2] = scaled_bytes(_mm_srli_si128(v, 8), -f16_at(block + 2));
        return;
    case DT_IQ4_XS: what[0] = iq4_xs_scales(block); return;
    case DT_Q2_K:
        v = _mm_loadu_si128((const void *)block);
        runs_of(_mm_and_si128(v, nibble), f16_at(block + 80), &what[0], &what[1]);
        runs_of(_mm_and_si128(_mm_srli_epi16(v, 4), nibble), -f16_at(block + 82), &what[2], &what[3]);
        return;
    case DT_Q3_K: runs_of(q3_k_bytes(block + 96), f16_at(block + 108), &what[0], &what[1]); return;
    default: runs_of(_mm_loadu_si128((const void *)(block + 192)), f16_at(block + 208), &what[0], &what[1]);
    }
}

/* The four pairs of a block of 256. */
INLINE void k_scales(enum dtype t, const struct code_rows *rows, int64_t block, struct pair_scales out[4])
{
    __m256 what[4][4], turned[4], row[4];
    UNROLL
    for (int r = 0; r < 4; r++)
        k_scales_of(t, rows->data[r] + block * bytes_of(t), what[r]);
    UNROLL
    for (int i = 0; i < 4; i++) {
        if ((i % 2 && kind_of(t) != RUNS) || (i / 2 && !offsets_of(t)))
            continue;
        UNROLL
        for (int r = 0; r < 4; r++)
            row[r] = what[r][i];
        turn_scales(row, turned);
        UNROLL
        for (int j = 0; j < 4; j++)
            *(i / 2 ? &out[j].offset[i % 2] : &out[j].scale[i % 2]) = turned[j];
    }
}

/* Scales of a pair, `open` being four of a block of 256 that are kept from pair to pair. Codes of AFFINE8 are 128 less
 * than the format's; where they serve as they are (`exact`) the caller has put that right. */
INLINE const struct pair_scales *pair_scales(enum dtype t, const struct code_rows *rows, int64_t pair, bool two,
                                             bool exact, struct pair_scales open[4])
{
    const int b = bytes_of(t);
    const int64_t here = 2 * pair, there = here + 1;
    if (block_of(t) == 256) {
        if (pair % 4 == 0)
            k_scales(t, rows, pair / 4, open);
        return &open[pair % 4];
    }
    if (t == DT_NVFP4) {
        nvfp4_scales(rows, pair, open);
    } else if (t == DT_MXFP4_HF) {
        open->scale[0] = e8m0_of(rows->side[0], here, there, two);
    } else if (t == DT_MXFP4 || t == DT_MXFP4_PAIRS) {
        open->scale[0] = e8m0_of(rows->data, here * b, there * b, two);
    } else if (apart_of(t)) {
        int64_t a = here >> rows->per_group, c = there >> rows->per_group;
        open->scale[0] = side_of(rows, 0, a, c, two);
        open->offset[0] = side_of(rows, 1, a, c, two);
        if (t == DT_AFFINE8 && !exact)
            open->offset[0] = _mm256_fmadd_ps(_mm256_set1_ps(128), open->scale[0], open->offset[0]);
    } else if (offsets_of(t)) {
        both_f16_of(rows->data, here * b, there * b, two, open);
    } else {
        open->scale[0] = f16_of(rows->data, here * b, there * b, two);
    }
    return open;
}

/* Block b (0, 1) of a pair's scales or offsets of 4 rows. */
INLINE void put_four(__m256 values, int b, uint8_t *to)
{
    _mm_store_ps((void *)to, b ? _mm256_extractf128_ps(values, 1) : _mm256_castps256_ps128(values));
}

#endif
