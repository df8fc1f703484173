/* tile_i8__avx512vnni.c: weights from the file's own layouts into tiles for gemm_i8__avx512vnni.c: 16 rows are read side by
 * side and turned, so that neighbours in a vector are neighbouring rows; codes become unsigned bytes, scales floats. */
#include "backend/cpu/avx512/gemm_i8__avx512vnni.h"

#include <string.h>

/* 16 rows of a matrix; those from `n` on are missing and repeat the last one. */
struct tile_rows {
    const uint8_t *data, *scales;
    int64_t stride, scale_stride;
    int n;
};

/* Byte `at` of row r. In a whole tile, a constant, addresses are base + multiples of the stride. */
INLINE const uint8_t *row_at(const struct tile_rows *rows, bool whole, int r, int64_t at)
{
    return rows->data + (whole || r < rows->n ? r : rows->n - 1) * rows->stride + at;
}

/* Block b of 16 rows: STEPS vectors of unsigned bytes, TILE_STEP apart, and 16 scales. */
typedef void unpack_fn(const struct tile_rows *rows, bool whole, int64_t b, uint8_t *to, float *scales);

/* 16 bytes of each row, turned: dword r of vector k is bytes 4 k .. 4 k + 3 of row r. */
INLINE void turn_rows(const struct tile_rows *rows, bool whole, int64_t at, __m512i turned[4])
{
    __m512i a[4];
#define ROW(r) _mm_loadu_si128((const void *)row_at(rows, whole, (r), at))
    UNROLL
    for (int j = 0; j < 4; j++) { /* quarter i of a[j] is row 4 i + j */
        a[j] = _mm512_castsi128_si512(ROW(j));
        a[j] = _mm512_mask_broadcast_i32x4(a[j], 0x00f0, ROW(4 + j));
        a[j] = _mm512_mask_broadcast_i32x4(a[j], 0x0f00, ROW(8 + j));
        a[j] = _mm512_mask_broadcast_i32x4(a[j], 0xf000, ROW(12 + j));
    }
#undef ROW
    __m512i lo01 = _mm512_unpacklo_epi32(a[0], a[1]), hi01 = _mm512_unpackhi_epi32(a[0], a[1]);
    __m512i lo23 = _mm512_unpacklo_epi32(a[2], a[3]), hi23 = _mm512_unpackhi_epi32(a[2], a[3]);
    turned[0] = _mm512_unpacklo_epi64(lo01, lo23);
    turned[1] = _mm512_unpackhi_epi64(lo01, lo23);
    turned[2] = _mm512_unpacklo_epi64(hi01, hi23);
    turned[3] = _mm512_unpackhi_epi64(hi01, hi23);
}

/* Steps 0-3 take the low halves of bytes 4 k .. 4 k + 3, steps 4-7 the high halves. */
INLINE void store_nibbles(const __m512i turned[4], uint8_t *to)
{
    const __m512i table = mxfp4_table();
    UNROLL
    for (int k = 0; k < 4; k++) {
        _mm512_store_si512(to + k * TILE_STEP, _mm512_permutexvar_epi8(turned[k], table));
        _mm512_store_si512(to + (4 + k) * TILE_STEP, _mm512_permutexvar_epi8(_mm512_srli_epi16(turned[k], 4), table));
    }
}

#define EACH_OF_8(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)

INLINE int load_u16(const uint8_t *at)
{
    uint16_t bits;
    memcpy(&bits, at, 2);
    return bits;
}

/* The byte at `at` of each row as an E8M0 scale. */
INLINE __m512 e8m0_of_rows(const struct tile_rows *rows, bool whole, int64_t at)
{
    __m128i lo = _mm_setzero_si128(), hi = lo; /* two chains of insertions */
#define INSERT(r)                                                                                                      \
    lo = _mm_insert_epi8(lo, *row_at(rows, whole, (r), at), (r));                                                      \
    hi = _mm_insert_epi8(hi, *row_at(rows, whole, (r) + 8, at), (r));
    EACH_OF_8(INSERT)
#undef INSERT
    return mxfp4_scales(_mm512_slli_epi32(_mm512_cvtepu8_epi32(_mm_unpacklo_epi64(lo, hi)), 24));
}

INLINE __m512 f16_of_rows(const struct tile_rows *rows, bool whole, int64_t at)
{
    __m128i lo = _mm_setzero_si128(), hi = lo;
#define INSERT(r)                                                                                                      \
    lo = _mm_insert_epi16(lo, load_u16(row_at(rows, whole, (r), at)), (r));                                            \
    hi = _mm_insert_epi16(hi, load_u16(row_at(rows, whole, (r) + 8, at)), (r));
    EACH_OF_8(INSERT)
#undef INSERT
    return _mm512_cvtph_ps(_mm256_set_m128i(hi, lo));
}

INLINE void unpack_mxfp4(const struct tile_rows *rows, bool whole, int64_t b, uint8_t *to, float *scales)
{
    __m512i turned[4];
    turn_rows(rows, whole, b * 17 + 1, turned);
    store_nibbles(turned, to);
    _mm512_store_ps(scales, e8m0_of_rows(rows, whole, b * 17));
}

INLINE void unpack_mxfp4_hf(const struct tile_rows *rows, bool whole, int64_t b, uint8_t *to, float *scales)
{
    const struct tile_rows beside = {.data = rows->scales, .stride = rows->scale_stride, .n = rows->n};
    __m512i turned[4];
    turn_rows(rows, whole, b * 16, turned);
    store_nibbles(turned, to);
    _mm512_store_ps(scales, e8m0_of_rows(&beside, whole, b));
}

INLINE void unpack_q8_0(const struct tile_rows *rows, bool whole, int64_t b, uint8_t *to, float *scales)
{
    const __m512i flip = _mm512_set1_epi8((char)0x80);
    UNROLL
    for (int half = 0; half < 2; half++) {
        __m512i turned[4];
        turn_rows(rows, whole, b * 34 + 2 + 16 * half, turned);
        UNROLL
        for (int k = 0; k < 4; k++)
            _mm512_store_si512(to + (4 * half + k) * TILE_STEP, _mm512_xor_si512(turned[k], flip));
    }
    _mm512_store_ps(scales, f16_of_rows(rows, whole, b * 34));
}

/* ---- any format: codes as pair_codes gives them -------------------------------------------------------------- */

/* A block's values of 16 rows, from `at` in each row of the space, to `steps` vectors. */
INLINE void put_steps(bool flip, int steps, const uint8_t *space, int64_t at, uint8_t *to)
{
    const struct tile_rows rows = {.data = space, .stride = 64, .n = 16};
    const __m512i sign = _mm512_set1_epi8((char)0x80);
    UNROLL
    for (int half = 0; half < steps / 4; half++) {
        __m512i turned[4];
        turn_rows(&rows, true, at + 16 * half, turned);
        UNROLL
        for (int k = 0; k < 4; k++)
            _mm512_store_si512(to + (4 * half + k) * TILE_STEP, flip ? _mm512_xor_si512(turned[k], sign) : turned[k]);
    }
}

/* Block b (0, 1) of a pair's scales or offsets of 4 rows. */
INLINE void put_four(__m256 values, int b, uint8_t *to)
{
    _mm_store_ps((void *)to, b ? _mm256_extractf128_ps(values, 1) : _mm256_castps256_ps128(values));
}

/* A pair of 16 rows into the space, a row's values side by side. */
INLINE void pair_to_space(enum dtype t, const struct code_rows *fours, int64_t pair, bool two, uint8_t (*space)[64])
{
    for (int h = 0; h < 4; h++)
        UNROLL
        for (int r = 0; r < 4; r++) {
            __m256i first, last;
            pair_codes(t, fours[h].data[r], pair, two, &first, &last);
            _mm256_store_si256((void *)space[4 * h + r], _mm256_permute2x128_si256(first, last, 0x20));
            _mm256_store_si256((void *)(space[4 * h + r] + 32), _mm256_permute2x128_si256(first, last, 0x31));
        }
}

/* Rows [o, o + 16) as half of a tile. */
INLINE void coded_half(enum dtype t, const struct view *w, int64_t o, int64_t hi, uint8_t *tile)
{
    const struct shape shape = shape_of(t);
    const int steps = steps_of(shape), size = tile_block(shape), runs = blocks_of_32(shape);
    const struct code_rows fours[4] = {code_rows(w, o, hi), code_rows(w, o + 4, hi), code_rows(w, o + 8, hi),
                                       code_rows(w, o + 12, hi)};
    struct pair_scales open[4][4];
    int64_t n_blocks = w->cols / QUANT_BLOCK;
    uint8_t space[16][64] __attribute__((aligned(64)));
    for (int64_t pair = 0; 2 * pair < n_blocks; pair++) {
        const bool two = 2 * pair + 1 < n_blocks;
        const struct pair_scales *scales[4];
        if (two)
            pair_to_space(t, fours, pair, true, space);
        else
            pair_to_space(t, fours, pair, false, space);
        for (int h = 0; h < 4; h++)
            scales[h] = pair_scales(t, &fours[h], pair, two, false, open[h]);
        for (int b = 0; b < (two ? 2 : 1); b++)
            for (int run = 0; run < runs; run++) {
                int64_t block = 2 * pair + b, slot = pass_start(n_blocks, (int)(block % 4)) + block / 4;
                uint8_t *to = tile + (slot * runs + run) * size;
                put_steps(kind_of(t) == WIDE, steps, space[0], 32 * b + 16 * run, to);
                for (int h = 0; h < 4; h++) {
                    put_four(scales[h]->scale[run], b, to + tile_scales(shape) + 16 * h);
                    if (shape.offsets)
                        put_four(scales[h]->offset[run], b, to + tile_scales(shape) + TILE_HALVES * 64 + 16 * h);
                }
            }
    }
}

INLINE struct range coded_tile(enum dtype t, const struct view *w, int64_t lo, int64_t hi, uint8_t *tile)
{
    for (int half = 0; half < TILE_HALVES; half++)
        coded_half(t, w, lo + 16 * half < hi ? lo + 16 * half : hi - 1, hi, tile + half * 64);
    return (struct range){0, 0};
}

#define CODED_TILE(name, format)                                                                                       \
    struct range tile_##name##__avx512vnni(const struct view *w, int64_t lo, int64_t hi, uint8_t *tile)                \
    {                                                                                                                  \
        return coded_tile(DT_##format, w, lo, hi, tile);                                                               \
    }
CODED_BY_32(CODED_TILE)
CODED_OTHERS(CODED_TILE)

/* ---- the formats with a way of their own ----------------------------------------------------------------------- */

/* A block of a tile without offsets, of 32 values. */
enum { TILE_SCALES = STEPS * TILE_STEP, TILE_BLOCK = TILE_SCALES + TILE_HALVES * 64 };

INLINE void unpack_half(unpack_fn *unpack, const struct tile_rows *rows, bool whole, int64_t n_blocks, uint8_t *tile)
{
    for (int pass = 0; pass < 4; pass++)
        for (int64_t b = pass; b < n_blocks; b += 4, tile += TILE_BLOCK)
            unpack(rows, whole, b, tile, (float *)(tile + TILE_SCALES));
}

static struct range tile_range(const uint8_t *tile, int64_t n_blocks)
{
    __m512i lo = _mm512_set1_epi32(-1), hi = _mm512_setzero_si512();
    for (int64_t b = 0; b < n_blocks; b++)
        for (int half = 0; half < TILE_HALVES; half++) {
            __m512i bits = _mm512_load_si512(tile + b * TILE_BLOCK + TILE_SCALES + half * 64);
            lo = _mm512_min_epu32(lo, bits);
            hi = _mm512_max_epu32(hi, bits);
        }
    return (struct range){_mm512_reduce_min_epu32(lo), _mm512_reduce_max_epu32(hi)};
}

INLINE struct range unpack_tile(unpack_fn *unpack, const struct view *w, int64_t lo, int64_t hi, uint8_t *tile)
{
    int64_t n_blocks = w->cols / QUANT_BLOCK;
    for (int half = 0; half < TILE_HALVES; half++) {
        int64_t o = lo + 16 * half < hi ? lo + 16 * half : hi - 1; /* a half that is missing repeats the last row */
        struct tile_rows rows = {w->data + o * w->row_stride, w->side[0].data ? w->side[0].data + o * w->side[0].stride : NULL,
                                 w->row_stride, w->side[0].stride, hi - o < 16 ? (int)(hi - o) : 16};
        if (rows.n == 16)
            unpack_half(unpack, &rows, true, n_blocks, tile + half * 64);
        else
            unpack_half(unpack, &rows, false, n_blocks, tile + half * 64);
    }
    return tile_range(tile, n_blocks);
}

struct range tile_q8_0__avx512vnni(const struct view *w, int64_t lo, int64_t hi, uint8_t *tile)
{
    return unpack_tile(unpack_q8_0, w, lo, hi, tile);
}

struct range tile_mxfp4__avx512vnni(const struct view *w, int64_t lo, int64_t hi, uint8_t *tile)
{
    return unpack_tile(unpack_mxfp4, w, lo, hi, tile);
}

struct range tile_mxfp4_hf__avx512vnni(const struct view *w, int64_t lo, int64_t hi, uint8_t *tile)
{
    return unpack_tile(unpack_mxfp4_hf, w, lo, hi, tile);
}
