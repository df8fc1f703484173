/* quad__avx512vnni.h: the loads of linear_i8__avx512vnni.c: 4 weight rows x 1 group of 4 blocks as unsigned bytes. */
#ifndef OSSO_BACKEND_QUAD_AVX512VNNI_H
#define OSSO_BACKEND_QUAD_AVX512VNNI_H

#include "backend/cpu/avx512/avx512.h"

#include "backend/cpu/avx2/scales__avx2.h"
#include "backend/cpu/fetch.h"

#include <string.h>

struct quad {
    __m512i lo[4], hi[4];
    __m512 scale[2], offset[2]; /* [block][row]; [1] of the last 16 values in RUNS */
};

/* Four rows of a matrix; the missing ones of a last quad repeat the last row. */
struct rows {
    const uint8_t *data[4], *scales[4];
    struct code_rows coded;
    struct ahead ahead;
    const uint8_t *ahead_scales;
};

/* load_*: fills *q with group g; `blocks` (1..4) of its blocks exist. */

/* One byte all over each 128-bit quarter. */
INLINE __m512i quarters_of(char a, char b, char c, char d)
{
    __m512i v = _mm512_castsi128_si512(_mm_set1_epi8(a));
    v = _mm512_inserti32x4(v, _mm_set1_epi8(b), 1);
    v = _mm512_inserti32x4(v, _mm_set1_epi8(c), 2);
    return _mm512_inserti32x4(v, _mm_set1_epi8(d), 3);
}

INLINE void load_mxfp4(const struct rows *rows, int64_t g, int blocks, struct quad *q)
{
    /* Byte j of quarter b is byte 17 b + 1 + j of the group; quarter 3 ends beyond 64 bytes and is loaded by itself. */
    const __m128i one_to_16 = _mm_setr_epi8(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16);
    const __m512i scale_at = quarters_of(0, 17, 34, 51);
    const __m512i where = _mm512_add_epi8(_mm512_broadcast_i32x4(one_to_16), scale_at);
    const __m512i table = mxfp4_table();
    __m512i s24 = _mm512_setzero_si512();
    fetch_ahead(&rows->ahead, g * 4 * 68, 4 * 68, true);
    UNROLL
    for (int r = 0; r < 4; r++) {
        const uint8_t *at = rows->data[r] + g * 68;
        __m512i raw, codes;
        if (blocks == 4) {
            raw = _mm512_loadu_si512(at);
            codes = _mm512_mask_broadcast_i32x4(_mm512_permutexvar_epi8(where, raw), 0xf000,
                                                _mm_loadu_si128((const void *)(at + 52)));
        } else {
            raw = _mm512_maskz_loadu_epi8(((__mmask64)1 << (17 * blocks)) - 1, at);
            codes = _mm512_permutexvar_epi8(where, raw);
        }
        q->lo[r] = _mm512_permutexvar_epi8(codes, table);
        q->hi[r] = _mm512_permutexvar_epi8(_mm512_srli_epi16(codes, 4), table);
        s24 = _mm512_mask_permutexvar_epi8(s24, 0x0008000800080008u << (4 * r), scale_at, raw);
    }
    q->scale[0] = mxfp4_scales(s24);
}

INLINE void load_mxfp4_hf(const struct rows *rows, int64_t g, int blocks, struct quad *q)
{
    const __m512i table = mxfp4_table();
    uint32_t scales[4] = {0};
    fetch_ahead(&rows->ahead, g * 4 * 64, 4 * 64, true);
    _mm_prefetch((const char *)(rows->ahead_scales + g * 16), _MM_HINT_T0);
    UNROLL
    for (int r = 0; r < 4; r++) {
        const uint8_t *at = rows->data[r] + g * 64;
        __m512i raw = blocks == 4 ? _mm512_loadu_si512(at)
                                  : _mm512_maskz_loadu_epi8(((__mmask64)1 << (16 * blocks)) - 1, at);
        q->lo[r] = _mm512_permutexvar_epi8(raw, table); /* the even values, as the panel has them */
        q->hi[r] = _mm512_permutexvar_epi8(_mm512_srli_epi16(raw, 4), table);
        if (blocks == 4)
            memcpy(&scales[r], rows->scales[r] + g * 4, 4);
        else
            for (int b = 0; b < blocks; b++)
                scales[r] |= (uint32_t)rows->scales[r][g * 4 + b] << (8 * b);
    }
    __m128i by_row = _mm_setr_epi32((int)scales[0], (int)scales[1], (int)scales[2], (int)scales[3]);
    __m128i by_block = _mm_shuffle_epi8(by_row, _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
    q->scale[0] = mxfp4_scales(_mm512_slli_epi32(_mm512_cvtepu8_epi32(by_block), 24));
}

/* 16 bytes of each of 4 blocks that lie `bytes` apart. Loads of 64 bytes would do with half as many, but nearly all of
 * them would lie across two lines, and two lines that are still on their way from memory cost a third of the speed (Zen
 * 5).
 */
INLINE __m512i four_blocks(const uint8_t *at, int bytes)
{
    __m512i v = _mm512_zextsi128_si512(_mm_loadu_si128((const void *)at));
    v = _mm512_mask_broadcast_i32x4(v, 0x00f0, _mm_loadu_si128((const void *)(at + bytes)));
    v = _mm512_mask_broadcast_i32x4(v, 0x0f00, _mm_loadu_si128((const void *)(at + 2 * bytes)));
    return _mm512_mask_broadcast_i32x4(v, 0xf000, _mm_loadu_si128((const void *)(at + 3 * bytes)));
}

/* 4 bytes of each, four times in its quarter. */
INLINE __m512i four_words(const uint8_t *at, int bytes)
{
    __m512i v = _mm512_set1_epi32((int)u32_at(at));
    v = _mm512_mask_set1_epi32(v, 0x00f0, (int)u32_at(at + bytes));
    v = _mm512_mask_set1_epi32(v, 0x0f00, (int)u32_at(at + 2 * bytes));
    return _mm512_mask_set1_epi32(v, 0xf000, (int)u32_at(at + 3 * bytes));
}

/* An f16 of each block of a group, [block][row]. */
INLINE __m512 four_f16(const struct rows *rows, int64_t at, int bytes)
{
    uint16_t values[16];
    UNROLL
    for (int r = 0; r < 4; r++)
        UNROLL
    for (int b = 0; b < 4; b++)
        memcpy(&values[4 * b + r], rows->data[r] + at + b * bytes, 2);
    return _mm512_cvtph_ps(_mm256_loadu_si256((const void *)values));
}

INLINE void load_q8_0(const struct rows *rows, int64_t g, int blocks, struct quad *q)
{
    const __m512i flip = _mm512_set1_epi8((char)0x80);
    uint16_t scales[16];
    fetch_ahead(&rows->ahead, g * 4 * 136, 4 * 136, true);
    UNROLL
    for (int r = 0; r < 4; r++) {
        uint8_t space[4 * 34];
        const uint8_t *at = rows->data[r] + g * 136;
        if (blocks != 4) {
            memset(space, 0, sizeof space);
            memcpy(space, at, (size_t)blocks * 34);
            at = space;
        }
        q->lo[r] = _mm512_xor_si512(four_blocks(at + 2, 34), flip);
        q->hi[r] = _mm512_xor_si512(four_blocks(at + 18, 34), flip);
        UNROLL
        for (int b = 0; b < 4; b++)
            memcpy(&scales[4 * b + r], at + b * 34, 2);
    }
    q->scale[0] = _mm512_cvtph_ps(_mm256_loadu_si256((const void *)scales));
}

INLINE __m512 both_halves(__m256 a, __m256 b)
{
    return _mm512_castsi512_ps(
        _mm512_inserti64x4(_mm512_castsi256_si512(_mm256_castps_si256(a)), _mm256_castps_si256(b), 1));
}

/* A whole group of Q5_0 or Q5_1. A block's 32 fifth bits lie in one word: of it VPMULTISHIFTQB gives each value
 * the 8 bits in which its own is the fifth. */
INLINE void load_q5(enum dtype t, const struct rows *rows, int64_t g, struct quad *q)
{
    const int bytes = bytes_of(t), group = 4 * bytes;
    const __m512i five = _mm512_set1_epi8(31), four = _mm512_set1_epi8(15);
    const __m512i low_at = _mm512_broadcast_i32x4(
        _mm_setr_epi8(28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43));
    const __m512i high_at = _mm512_add_epi8(low_at, _mm512_set1_epi8(16));
    fetch_ahead(&rows->ahead, g * 4 * group, 4 * group, true);
    UNROLL
    for (int r = 0; r < 4; r++) {
        const uint8_t *at = rows->data[r] + g * group + bytes - 20;
        __m512i bits = four_words(at, bytes), codes = four_blocks(at + 4, bytes);
        __m512i low = _mm512_multishift_epi64_epi8(low_at, bits), high = _mm512_multishift_epi64_epi8(high_at, bits);
        /* 0xca: where `four` has a bit the second, else the third. */
        q->lo[r] = _mm512_and_si512(_mm512_ternarylogic_epi32(four, codes, low, 0xca), five);
        q->hi[r] = _mm512_and_si512(_mm512_ternarylogic_epi32(four, _mm512_srli_epi16(codes, 4), high, 0xca), five);
    }
    q->scale[0] = four_f16(rows, g * group, bytes);
    if (offsets_of(t))
        q->offset[0] = four_f16(rows, g * group + 2, bytes);
}

/* Any format: two pairs. `open` is what pair_scales keeps. */
INLINE void load_coded(enum dtype t, const struct rows *rows, int64_t g, int blocks, struct pair_scales open[4],
                       struct quad *q)
{
    const int bytes = 16 * 32 * bytes_of(t) / block_of(t), runs = kind_of(t) == RUNS ? 2 : 1;
    const __m512i flip = _mm512_set1_epi8((char)0x80);
    fetch_ahead(&rows->ahead, g * bytes, bytes, true);
    UNROLL
    for (int r = 0; r < 4; r++) {
        __m256i f0, l0, f1, l1;
        pair_codes(t, rows->coded.data[r], 2 * g, blocks >= 2, &f0, &l0);
        f1 = f0, l1 = l0;
        if (blocks > 2)
            pair_codes(t, rows->coded.data[r], 2 * g + 1, blocks == 4, &f1, &l1);
        q->lo[r] = _mm512_inserti64x4(_mm512_castsi256_si512(f0), f1, 1);
        q->hi[r] = _mm512_inserti64x4(_mm512_castsi256_si512(l0), l1, 1);
        if (kind_of(t) == WIDE) {
            q->lo[r] = _mm512_xor_si512(q->lo[r], flip);
            q->hi[r] = _mm512_xor_si512(q->hi[r], flip);
        }
    }
    struct pair_scales a = *pair_scales(t, &rows->coded, 2 * g, blocks >= 2, false, open), b = a;
    if (blocks > 2)
        b = *pair_scales(t, &rows->coded, 2 * g + 1, blocks == 4, false, open);
    UNROLL
    for (int run = 0; run < runs; run++) {
        q->scale[run] = both_halves(a.scale[run], b.scale[run]);
        if (offsets_of(t))
            q->offset[run] = both_halves(a.offset[run], b.offset[run]);
    }
}

INLINE void load(enum dtype t, const struct rows *rows, int64_t g, int blocks, struct pair_scales open[4],
                 struct quad *q)
{
    if (t == DT_Q8_0)
        load_q8_0(rows, g, blocks, q);
    else if (t == DT_MXFP4)
        load_mxfp4(rows, g, blocks, q);
    else if (t == DT_MXFP4_HF)
        load_mxfp4_hf(rows, g, blocks, q);
    else if ((t == DT_Q5_0 || t == DT_Q5_1) && blocks == 4)
        load_q5(t, rows, g, q);
    else
        load_coded(t, rows, g, blocks, open, q);
}

/* What is left of a row has as many blocks as it has; a load is compiled for each count. */
INLINE void load_rest(enum dtype t, const struct rows *rows, int64_t g, int blocks, struct pair_scales open[4],
                      struct quad *q)
{
    if (t == DT_Q8_0 || t == DT_MXFP4 || t == DT_MXFP4_HF)
        load(t, rows, g, blocks, open, q);
    else if (block_of(t) == 32 && blocks == 1)
        load_coded(t, rows, g, 1, open, q);
    else if (block_of(t) == 32 && blocks == 3)
        load_coded(t, rows, g, 3, open, q);
    else if (block_of(t) < 256)
        load_coded(t, rows, g, 2, open, q);
}

#endif
