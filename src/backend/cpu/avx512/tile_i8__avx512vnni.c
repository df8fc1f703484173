/* tile_i8__avx512vnni.c: tile_i8__avx512vnni.h for the formats that most models are in, which have a way of their own. */
#include "backend/cpu/avx512/tile_i8__avx512vnni.h"

/* Block b of 16 rows: STEPS vectors of bytes, TILE_STEP apart, and 16 scales. `beside`: where the scales lie, if not there. */
typedef void unpack_fn(const struct tile_rows *rows, const struct tile_rows *beside, bool whole, int64_t b, __m512i away,
                       uint8_t *to, float *scales);

/* Steps 0-3 take the low halves of bytes 4 k .. 4 k + 3, steps 4-7 the high halves. */
INLINE void store_nibbles(const __m512i turned[4], __m512i away, uint8_t *to)
{
    const __m512i table = _mm512_sub_epi8(mxfp4_table(), away);
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

INLINE void unpack_mxfp4(const struct tile_rows *rows, const struct tile_rows *beside, bool whole, int64_t b, __m512i away,
                uint8_t *to, float *scales)
{
    (void)beside;
    __m512i turned[4];
    turn_rows(rows, whole, b * 17 + 1, turned);
    store_nibbles(turned, away, to);
    _mm512_store_ps(scales, e8m0_of_rows(rows, whole, b * 17));
}

INLINE void unpack_mxfp4_hf(const struct tile_rows *rows, const struct tile_rows *beside, bool whole, int64_t b, __m512i away,
                uint8_t *to, float *scales)
{
    __m512i turned[4];
    turn_rows(rows, whole, b * 16, turned);
    store_nibbles(turned, away, to);
    _mm512_store_ps(scales, e8m0_of_rows(beside, whole, b));
}

INLINE void unpack_q8_0(const struct tile_rows *rows, const struct tile_rows *beside, bool whole, int64_t b, __m512i away,
                uint8_t *to, float *scales)
{
    (void)beside;
    const __m512i less = _mm512_sub_epi8(away, _mm512_set1_epi8((char)0x80)); /* they come signed */
    UNROLL
    for (int half = 0; half < 2; half++) {
        __m512i turned[4];
        turn_rows(rows, whole, b * 34 + 2 + 16 * half, turned);
        UNROLL
        for (int k = 0; k < 4; k++)
            _mm512_store_si512(to + (4 * half + k) * TILE_STEP, _mm512_sub_epi8(turned[k], less));
    }
    _mm512_store_ps(scales, f16_of_rows(rows, whole, b * 34));
}

/* A block of a tile without offsets, of 32 values. */
enum { TILE_SCALES = STEPS * TILE_STEP, TILE_BLOCK = TILE_SCALES + TILE_HALVES * 64 };

INLINE void unpack_half(unpack_fn *unpack, const struct tile_rows *rows, const struct tile_rows *beside, bool whole,
                        int64_t n_blocks, __m512i away, uint8_t *tile)
{
    for (int pass = 0; pass < 4; pass++)
        for (int64_t b = pass; b < n_blocks; b += 4, tile += TILE_BLOCK)
            unpack(rows, beside, whole, b, away, tile, (float *)(tile + TILE_SCALES));
}

/* Of the scales of a whole tile. */
static struct range tile_range(const struct view *w, const uint8_t *tile)
{
    int64_t n_blocks = w->cols / QUANT_BLOCK;
    __m512i lo = _mm512_set1_epi32(-1), hi = _mm512_setzero_si512();
    for (int64_t b = 0; b < n_blocks; b++)
        for (int half = 0; half < TILE_HALVES; half++) {
            __m512i bits = _mm512_load_si512(tile + b * TILE_BLOCK + TILE_SCALES + half * 64);
            lo = _mm512_min_epu32(lo, bits);
            hi = _mm512_max_epu32(hi, bits);
        }
    return (struct range){_mm512_reduce_min_epu32(lo), _mm512_reduce_max_epu32(hi)};
}

INLINE void unpack_tile(unpack_fn *unpack, const struct view *w, int64_t lo, int64_t hi, uint8_t away, uint8_t *tile)
{
    const __m512i less = _mm512_set1_epi8((char)away);
    for (int half = 0; half < TILE_HALVES; half++) {
        int64_t o = lo + 16 * half < hi ? lo + 16 * half : hi - 1; /* a half that is missing repeats the last row */
        int n = hi - o < 16 ? (int)(hi - o) : 16;
        struct tile_rows rows = tile_rows(w->data, w->row_stride, o, n);
        struct tile_rows beside = w->side[0].data ? tile_rows(w->side[0].data, w->side[0].stride, o, n) : rows;
        if (n == 16)
            unpack_half(unpack, &rows, &beside, true, w->cols / QUANT_BLOCK, less, tile + half * 64);
        else
            unpack_half(unpack, &rows, &beside, false, w->cols / QUANT_BLOCK, less, tile + half * 64);
    }
}

struct range tile_q8_0__avx512vnni(const struct view *w, int64_t lo, int64_t hi, uint8_t away, uint8_t *tile)
{
    unpack_tile(unpack_q8_0, w, lo, hi, away, tile);
    return (struct range){0, 0};
}

struct range tile_mxfp4__avx512vnni(const struct view *w, int64_t lo, int64_t hi, uint8_t away, uint8_t *tile)
{
    unpack_tile(unpack_mxfp4, w, lo, hi, away, tile);
    return tile_range(w, tile);
}

struct range tile_mxfp4_hf__avx512vnni(const struct view *w, int64_t lo, int64_t hi, uint8_t away, uint8_t *tile)
{
    unpack_tile(unpack_mxfp4_hf, w, lo, hi, away, tile);
    return tile_range(w, tile);
}
