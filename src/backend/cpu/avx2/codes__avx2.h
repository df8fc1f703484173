/* codes__avx2.h: the load and the unpack of every format with codes, for 256-bit vectors: what a format adds to AVX2
 * and AVX-512. Kernels ask for a pair of blocks of 32 values: codes of one row (pair_codes), scales and offsets of four
 * (pair_scales). A format of larger blocks has several pairs in one.
 *
 * Codes come as bytes in one of three kinds (kind_of):
 *   NARROW   unsigned, bias_of(t) more than the format's own: exact sums of a block's products with the activations
 *            stay in int16 once the bias is taken off again
 *   WIDE     signed, as the format has them
 *   RUNS     as NARROW, but a scale serves 16 values
 * Where a format has offsets its codes are unsigned by themselves, and the bias exists only while int16 is the sum. */
#ifndef OSSO_BACKEND_CODES_AVX2_H
#define OSSO_BACKEND_CODES_AVX2_H

#include "backend/view.h"

#include <immintrin.h>
#include <string.h>

#ifndef INLINE
#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 16")
#endif

/* Everything that is read through this file alone: CODED(name, format), blocks of 32 first. */
#define CODED_BY_32(X)                                                                                                 \
    X(q4_0, Q4_0)                                                                                                      \
    X(q4_1, Q4_1)                                                                                                      \
    X(q5_0, Q5_0)                                                                                                      \
    X(q5_1, Q5_1)                                                                                                      \
    X(iq4_nl, IQ4_NL) X(mxfp4_pairs, MXFP4_PAIRS) X(affine4, AFFINE4) X(affine8, AFFINE8)
#define CODED_K(X)                                                                                                     \
    X(iq4_xs, IQ4_XS)                                                                                                  \
    X(q2_k, Q2_K)                                                                                                      \
    X(q3_k, Q3_K)                                                                                                      \
    X(q4_k, Q4_K)                                                                                                      \
    X(q5_k, Q5_K)                                                                                                      \
    X(q6_k, Q6_K)
#define CODED_STREAMS(X) X(nvfp4, NVFP4) X(affine2, AFFINE2) X(affine3, AFFINE3) X(affine5, AFFINE5) X(affine6, AFFINE6)
#define CODED_OTHERS(X) CODED_K(X) CODED_STREAMS(X)

enum kind { NARROW, WIDE, RUNS };

INLINE enum kind kind_of(enum dtype t)
{
    switch (t) {
    case DT_Q8_0:
    case DT_IQ4_NL:
    case DT_IQ4_XS:
    case DT_AFFINE6:
    case DT_AFFINE8: return WIDE;
    case DT_Q2_K:
    case DT_Q3_K:
    case DT_Q6_K:
    case DT_NVFP4: return RUNS;
    default: return NARROW;
    }
}

/* 16 or, in RUNS, 8 products of an unsigned code and an activation of up to 127 meet in one int16 sum, which wraps:
 * what counts is that 16 (8) times the largest |code - bias| fits. Codes of up to 31 without a bias of their own
 * take 16. */
INLINE int bias_of(enum dtype t)
{
    switch (t) {
    case DT_MXFP4:
    case DT_MXFP4_HF:
    case DT_MXFP4_PAIRS:
    case DT_NVFP4: return 12;
    case DT_Q4_0: return 8;
    case DT_Q3_K: return 4;
    case DT_Q6_K: return 32;
    default: return 16;
    }
}

/* dtype.def's columns as constants. */
#define DTYPE(name, text, block, per_scale, bytes, gguf, codes, scales, offsets, pack)                                 \
    case DT_##name: return FIELD(block, per_scale, bytes, PLACE_##scales, PLACE_##offsets);
INLINE int block_of(enum dtype t)
{
    switch (t) {
#define FIELD(block, per_scale, bytes, scales, offsets) block
#include "quant/dtype.def"
#undef FIELD
    default: return 0;
    }
}
INLINE int bytes_of(enum dtype t)
{
    switch (t) {
#define FIELD(block, per_scale, bytes, scales, offsets) bytes
#include "quant/dtype.def"
#undef FIELD
    default: return 0;
    }
}
INLINE bool offsets_of(enum dtype t)
{
    switch (t) {
#define FIELD(block, per_scale, bytes, scales, offsets) (offsets) != PLACE_NONE
#include "quant/dtype.def"
#undef FIELD
    default: return false;
    }
}
INLINE bool apart_of(enum dtype t)
{
    switch (t) {
#define FIELD(block, per_scale, bytes, scales, offsets) (scales) >= PLACE_U8
#include "quant/dtype.def"
#undef FIELD
    default: return false;
    }
}
#undef DTYPE

/* Low halves of a block's bytes are its even values, high ones the odd ones: activations are put in that order. */
INLINE bool in_pairs(enum dtype t)
{
    return t == DT_MXFP4_HF || t == DT_MXFP4_PAIRS || t == DT_AFFINE4;
}

/* A row's bytes are its codes, 128 more than pair_codes gives: whoever turns many rows turns them where they lie. */
INLINE bool lie_as_bytes(enum dtype t)
{
    return t == DT_AFFINE8;
}

/* Four rows of a matrix; missing ones repeat the last. */
struct code_rows {
    const uint8_t *data[4], *side[2][4];
    enum dtype side_dtype[2];
    int per_group; /* blocks of 32 that share a scale where the view says so: as a shift */
};

INLINE struct code_rows code_rows(const struct view *w, int64_t o, int64_t hi)
{
    struct code_rows rows = {.side_dtype = {w->side[0].dtype, w->side[1].dtype},
                             .per_group = w->group >= 32 ? __builtin_ctzll((unsigned long long)w->group / 32) : 0};
    UNROLL
    for (int r = 0; r < 4; r++) {
        int64_t at = o + r < hi ? o + r : hi - 1;
        rows.data[r] = w->data + at * w->row_stride;
        for (int i = 0; i < 2; i++)
            rows.side[i][r] = w->side[i].data ? w->side[i].data + at * w->side[i].stride : NULL;
    }
    return rows;
}

/* ---- codes ---------------------------------------------------------------------------------------------- */

/* 16 bytes from here and, if there is a second block, 16 from there. */
INLINE __m256i halves(const uint8_t *here, const uint8_t *there, bool two)
{
    __m256i v = _mm256_zextsi128_si256(_mm_loadu_si128((const void *)here));
    return two ? _mm256_inserti128_si256(v, _mm_loadu_si128((const void *)there), 1) : v;
}

INLINE __m256i low_bits(__m256i v, int mask)
{
    return _mm256_and_si256(v, _mm256_set1_epi8((char)mask));
}

/* The low `bits` bits of each byte after a shift by n. */
INLINE __m256i bits_from(__m256i v, int n, int mask)
{
    return low_bits(_mm256_srl_epi16(v, _mm_cvtsi32_si128(n)), mask);
}

INLINE __m256i table_of(__m128i table, __m256i codes)
{
    return _mm256_shuffle_epi8(_mm256_broadcastsi128_si256(table), low_bits(codes, 15));
}

/* MXFP4's doubled table plus 12. */
INLINE __m256i code_values(__m256i codes)
{
    return table_of(_mm_setr_epi8(12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0), codes);
}

INLINE __m256i iq4_values(__m256i codes)
{
    return table_of(_mm_setr_epi8(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113), codes);
}

/* Fifth bits: 32 of one block in each half of `bits`, of which the bytes `at` say 16. As 16 where set. */
INLINE __m256i fifth_bits(__m256i bits, int at)
{
    const __m256i each = _mm256_set1_epi64x((int64_t)0x8040201008040201u);
    const __m256i bytes = _mm256_broadcastsi128_si256(
        _mm_set_epi64x(0x0101010101010101 * (at + 1), 0x0101010101010101 * at));
    __m256i v = _mm256_and_si256(_mm256_shuffle_epi8(bits, bytes), each);
    return low_bits(_mm256_cmpeq_epi8(v, each), 16);
}

INLINE void q5_codes(const uint8_t *at, int bytes, int bits_at, bool two, __m256i *first_out, __m256i *last_out)
{
    __m256i bits = halves(at + bits_at, at + bytes + bits_at,
                          two); /* of which 4 bytes count: a block has the 12 others */
    __m256i v = halves(at + bits_at + 4, at + bytes + bits_at + 4, two);
    *first_out = _mm256_or_si256(low_bits(v, 15), fifth_bits(bits, 0));
    *last_out = _mm256_or_si256(low_bits(_mm256_srli_epi16(v, 4), 15), fifth_bits(bits, 2));
}

/* 32 codes of k bits, a stream, low bits first: four of them fall into 32 bits, then each into its byte. Of both halves
 * of the codes 16 bytes (of short blocks 8) are loaded that lie within the block. */
INLINE __m256i stream_codes(const uint8_t *at, int k)
{
    const int load = k < 4 ? 8 : 16, skip = load - 2 * k, mask = (1 << k) - 1;
#define QUAD(j, from)                                                                                                  \
    (char)((from) + k * (j) / 2), (char)((from) + k * (j) / 2 + 1), (char)((from) + k * (j) / 2 + 2),                  \
        (char)((from) + k * (j) / 2 + 3)
    const __m256i where = _mm256_setr_epi8(QUAD(0, 0), QUAD(1, 0), QUAD(2, 0), QUAD(3, 0), QUAD(0, skip), QUAD(1, skip),
                                           QUAD(2, skip), QUAD(3, skip));
#undef QUAD
    const uint8_t *back = at + 4 * k - load;
    __m128i lo = k < 4 ? _mm_loadl_epi64((const void *)at) : _mm_loadu_si128((const void *)at);
    __m128i hi = k < 4 ? _mm_loadl_epi64((const void *)back) : _mm_loadu_si128((const void *)back);
    __m256i x = _mm256_shuffle_epi8(_mm256_set_m128i(hi, lo), where), y;
    if (k % 2)
        x = _mm256_srlv_epi32(x, _mm256_setr_epi32(0, 4, 0, 4, 0, 4, 0, 4));
    y = _mm256_and_si256(x, _mm256_set1_epi32(mask));
    UNROLL
    for (int i = 1; i < 4; i++)
        y = _mm256_or_si256(
            y, _mm256_and_si256(_mm256_slli_epi32(x, i * (8 - k)), _mm256_set1_epi32((int)((unsigned)mask << 8 * i))));
    return y;
}

/* Two blocks of 32 codes to the pair's first and last 16s. */
INLINE void pair_of(__m256i here, __m256i there, __m256i *first_out, __m256i *last_out)
{
    *first_out = _mm256_permute2x128_si256(here, there, 0x20);
    *last_out = _mm256_permute2x128_si256(here, there, 0x31);
}

/* Pair j (0..3) of a block of 256. */
INLINE void k_codes(enum dtype t, const uint8_t *block, int j, __m256i *first_out, __m256i *last_out)
{
    const int half = j / 2, in = j % 2;
#define BYTES(at) _mm256_loadu_si256((const void *)(block + (at)))
    __m256i here, there;
    if (t == DT_Q4_K || t == DT_Q5_K) {
        __m256i v = BYTES((t == DT_Q4_K ? 16 : 48) + 32 * j);
        here = low_bits(v, 15), there = low_bits(_mm256_srli_epi16(v, 4), 15);
        if (t == DT_Q5_K) {
            here = _mm256_or_si256(here, _mm256_slli_epi16(bits_from(BYTES(16), 2 * j, 1), 4));
            there = _mm256_or_si256(there, _mm256_slli_epi16(bits_from(BYTES(16), 2 * j + 1, 1), 4));
        }
    } else if (t == DT_Q6_K) {
        __m256i high = BYTES(128 + 32 * half);
        here = bits_from(BYTES(64 * half), 4 * in, 15), there = bits_from(BYTES(64 * half + 32), 4 * in, 15);
        here = _mm256_or_si256(here, _mm256_slli_epi16(bits_from(high, 4 * in, 3), 4));
        there = _mm256_or_si256(there, _mm256_slli_epi16(bits_from(high, 4 * in + 2, 3), 4));
    } else {
        __m256i two = BYTES((t == DT_Q2_K ? 16 : 32) + 32 * half);
        here = bits_from(two, 4 * in, 3), there = bits_from(two, 4 * in + 2, 3);
        if (t == DT_Q3_K) {
            here = _mm256_or_si256(here, _mm256_slli_epi16(bits_from(BYTES(0), 2 * j, 1), 2));
            there = _mm256_or_si256(there, _mm256_slli_epi16(bits_from(BYTES(0), 2 * j + 1, 1), 2));
        }
    }
#undef BYTES
    pair_of(here, there, first_out, last_out);
}

/* The first and the last 16 values of a row's pair of blocks, each block's in a half (if not `two`, only its first
 * exists). A format in pairs has its even and its odd values there. */
INLINE void pair_codes(enum dtype t, const uint8_t *row, int64_t pair, bool two, __m256i *first_out, __m256i *last_out)
{
    const int b = bytes_of(t);
    const uint8_t *at = row + pair * 64 / block_of(t) * b;
    __m256i v;
    switch (t) {
    case DT_Q8_0: *first_out = halves(at + 2, at + 36, two), *last_out = halves(at + 18, at + 52, two); return;
    case DT_AFFINE8:
        v = _mm256_set1_epi8((char)0x80);
        *first_out = _mm256_xor_si256(halves(at, at + 32, two), v);
        *last_out = _mm256_xor_si256(halves(at + 16, at + 48, two), v);
        return;
    case DT_MXFP4:
    case DT_MXFP4_PAIRS:
    case DT_MXFP4_HF:
        v = halves(at + b - 16, at + 2 * b - 16, two);
        *first_out = code_values(v), *last_out = code_values(_mm256_srli_epi16(v, 4));
        return;
    case DT_Q4_0:
    case DT_Q4_1:
    case DT_AFFINE4:
        v = halves(at + b - 16, at + 2 * b - 16, two);
        *first_out = low_bits(v, 15), *last_out = low_bits(_mm256_srli_epi16(v, 4), 15);
        return;
    case DT_IQ4_NL:
    case DT_IQ4_XS:
        v = t == DT_IQ4_NL ? halves(at + 2, at + 20, two)
                           : halves(at + 8 + pair % 4 * 32, at + 24 + pair % 4 * 32, two);
        *first_out = iq4_values(v), *last_out = iq4_values(_mm256_srli_epi16(v, 4));
        return;
    case DT_Q5_0:
    case DT_Q5_1: q5_codes(at, b, b - 20, two, first_out, last_out); return;
    case DT_NVFP4:
        v = _mm256_loadu_si256((const void *)(at + 4));
        *first_out = code_values(_mm256_unpacklo_epi64(v, _mm256_srli_epi16(v, 4)));
        *last_out = code_values(_mm256_unpackhi_epi64(v, _mm256_srli_epi16(v, 4)));
        return;
    case DT_AFFINE2:
    case DT_AFFINE3:
    case DT_AFFINE5:
    case DT_AFFINE6:
        v = stream_codes(at, b / 4);
        pair_of(v, two ? stream_codes(at + b, b / 4) : v, first_out, last_out);
        return;
    default: k_codes(t, at, (int)(pair % 4), first_out, last_out);
    }
}

/* A pair of blocks of 4 rows, a row's values side by side. Where they lie so anyway nothing is put anywhere. */
INLINE void pair_to_space(enum dtype t, const struct code_rows *four, int64_t pair, bool two, uint8_t (*space)[64])
{
    if (lie_as_bytes(t))
        return;
    UNROLL
    for (int r = 0; r < 4; r++) {
        __m256i first, last;
        pair_codes(t, four->data[r], pair, two, &first, &last);
        _mm256_store_si256((void *)space[r], _mm256_permute2x128_si256(first, last, 0x20));
        _mm256_store_si256((void *)(space[r] + 32), _mm256_permute2x128_si256(first, last, 0x31));
    }
}

#endif
