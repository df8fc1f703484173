/* gemm_i8__avx2.c: int8 activations times Q8_0, MXFP4 and MXFP4_HF weights for more than a few activation rows.
 *
 * Weight rows are unpacked once, a unit at a time, and then used by every activation row, 4 at a time. A unit holds two
 * groups of 8 rows of bytes: a vector has 4 values of each of 8 rows, and the activations' 4 values are broadcast to
 * meet them, so a row's products stay in that row's 32 bits and nothing is ever added across.
 *
 * MXFP4: 16 rows, 8 in each group. Q8_0's bytes are too large to be added in int16, so its units have 8 rows: the high
 * halves of the bytes in one group, the low halves in the other, which are put together once per block. With 0..15 for
 * the low half and 0..15 minus 8 for the high one, 16 products are at most 16 * 15 * 127 = 30480: one loop serves both.
 *
 * What a step costs is one VPMADDUBSW and one VPADDW per vector, and both share the vector units: the loop runs at nine
 * tenths of the rate at which those two can be issued at all. */
#include "backend/cpu/avx2/i8__avx2.h"

#include "backend/cpu/fetch.h"

enum {
    STEPS = 8, /* of 4 values: a block */
    UNIT_BLOCK = STEPS * 64 + 64 /* two groups of 8 rows; their scales */,
    UNITS = LINEAR_TILE * 36 / UNIT_BLOCK /* that workspace has room for */,
    PANEL_ACTS = 4,
    PANEL_BLOCK = PANEL_ACTS * (32 + 4 + 4) /* [step][act] values, [act] corrections, [act] scales */
};
_Static_assert(UNITS >= 1 && PANEL_BLOCK <= PANEL_ACTS * 48, "linear_workspace_bytes has room for both");

static const uint8_t *row_at(const struct view *w, int64_t o, int64_t hi)
{
    return w->data + (o < hi ? o : hi - 1) * w->row_stride;
}

/* 16 bytes of 8 rows, `at` bytes into each, to 4 vectors of 4 bytes of each row. */
INLINE void transpose(const uint8_t *const *rows, int64_t at, __m256i *out)
{
    __m256i v[4], t[4];
    UNROLL
    for (int r = 0; r < 4; r++)
        v[r] = _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128((const void *)(rows[r] + at))),
                                       _mm_loadu_si128((const void *)(rows[r + 4] + at)), 1);
    t[0] = _mm256_unpacklo_epi32(v[0], v[1]);
    t[1] = _mm256_unpackhi_epi32(v[0], v[1]);
    t[2] = _mm256_unpacklo_epi32(v[2], v[3]);
    t[3] = _mm256_unpackhi_epi32(v[2], v[3]);
    out[0] = _mm256_unpacklo_epi64(t[0], t[2]);
    out[1] = _mm256_unpackhi_epi64(t[0], t[2]);
    out[2] = _mm256_unpacklo_epi64(t[1], t[3]);
    out[3] = _mm256_unpackhi_epi64(t[1], t[3]);
}

INLINE void store(uint8_t *at, __m256i v)
{
    _mm256_store_si256((void *)at, v);
}

/* Rows o .. o + 7 into group g of a unit; rows that do not exist repeat the last one. */
INLINE void unpack_mxfp4(bool hf, const struct view *w, int64_t o, int64_t hi, int g, uint8_t *unit)
{
    const uint8_t *rows[8], *scales[8];
    for (int r = 0; r < 8; r++) {
        int64_t row = o + r < hi ? o + r : hi - 1;
        rows[r] = row_at(w, row, hi) + (hf ? 0 : 1);
        scales[r] = hf ? w->side[0].data + row * w->side[0].stride : rows[r] - 1;
    }
    const int bytes = hf ? 16 : 17, scale_step = hf ? 1 : 17;
    for (int64_t b = 0; b < w->cols / QUANT_BLOCK; b++, unit += UNIT_BLOCK) {
        __m256i codes[4];
        uint64_t s = 0;
        transpose(rows, b * bytes, codes);
        UNROLL
        for (int i = 0; i < 4; i++) {
            store(unit + 64 * i + 32 * g, code_values(codes[i]));
            store(unit + 64 * (i + 4) + 32 * g, code_values(_mm256_srli_epi16(codes[i], 4)));
        }
        UNROLL
        for (int r = 0; r < 8; r++)
            s |= (uint64_t)scales[r][b * scale_step] << (8 * r);
        _mm256_store_ps((void *)(unit + STEPS * 64 + 32 * g), half_scales(s));
    }
}

INLINE void unpack_q8_0(const struct view *w, int64_t o, int64_t hi, uint8_t *unit)
{
    const __m256i half = _mm256_set1_epi8(15), flip = _mm256_set1_epi8((char)0x80);
    const uint8_t *rows[8];
    for (int r = 0; r < 8; r++)
        rows[r] = row_at(w, o + r, hi);
    for (int64_t b = 0; b < w->cols / QUANT_BLOCK; b++, unit += UNIT_BLOCK) {
        __m256i codes[STEPS];
        uint16_t s[8];
        transpose(rows, b * 34 + 2, codes);
        transpose(rows, b * 34 + 18, codes + 4);
        UNROLL
        for (int i = 0; i < STEPS; i++) {
            __m256i u = _mm256_xor_si256(codes[i], flip);
            store(unit + 64 * i, _mm256_and_si256(_mm256_srli_epi16(u, 4), half));
            store(unit + 64 * i + 32, _mm256_and_si256(u, half));
        }
        UNROLL
        for (int r = 0; r < 8; r++)
            memcpy(&s[r], rows[r] + b * 34, 2);
        _mm256_store_ps((void *)(unit + STEPS * 64), _mm256_cvtph_ps(_mm_loadu_si128((const void *)s)));
    }
}

INLINE void unpack_unit(enum format format, const struct view *w, int64_t o, int64_t hi, uint8_t *unit)
{
    if (format == FORMAT_Q8_0) {
        unpack_q8_0(w, o, hi, unit);
        return;
    }
    unpack_mxfp4(format == FORMAT_MXFP4_HF, w, o, hi, 0, unit);
    unpack_mxfp4(format == FORMAT_MXFP4_HF, w, o + 8, hi, 1, unit);
}

/* Activation rows first .. first + n - 1, by fours. */
INLINE void fill_panel(enum format format, const struct gather *in, int first, int n, uint8_t *panel)
{
    const struct act *act = in->act;
    int64_t n_blocks = act->width / QUANT_BLOCK;
    for (int i = 0; i < n; i++) {
        int64_t row = gather_row(in, first + i);
        uint8_t *at = panel + i / PANEL_ACTS * n_blocks * PANEL_BLOCK + i % PANEL_ACTS * 4;
        for (int64_t b = 0; b < n_blocks; b++, at += PANEL_BLOCK) {
            __m256i q = ordered_block(act->q + row * act->width + b * QUANT_BLOCK, format == FORMAT_MXFP4_HF);
            int32_t words[STEPS], correction = corrections(q, format == FORMAT_Q8_0 ? 8 : 12);
            _mm256_storeu_si256((void *)words, q);
            UNROLL
            for (int s = 0; s < STEPS; s++)
                memcpy(at + s * 4 * PANEL_ACTS, &words[s], 4);
            memcpy(at + STEPS * 4 * PANEL_ACTS, &correction, 4);
            memcpy(at + (STEPS + 1) * 4 * PANEL_ACTS, &act->d[row * n_blocks + b], 4);
        }
    }
}

INLINE __m256i broadcast4(const uint8_t *at)
{
    return _mm256_castps_si256(_mm256_broadcast_ss((const float *)(const void *)at));
}

/* Adds here and now. GCC would make all products of a block first and keep them in memory, to add them as a tree. */
INLINE __m256i add_now(__m256i sum, __m256i products)
{
    sum = _mm256_add_epi16(sum, products);
    __asm__("" : "+x"(sum));
    return sum;
}

/* One block of a unit times n (a constant) activation rows: exact sums as floats, [act][group] (one group if `split`). */
INLINE void block_sums(bool split, const uint8_t *unit, const uint8_t *panel, int n, __m256 (*sums)[2])
{
    __m256i s[PANEL_ACTS][2];
    UNROLL
    for (int i = 0; i < n; i++) {
        s[i][0] = broadcast4(panel + STEPS * 4 * PANEL_ACTS + 4 * i);
        s[i][1] = split ? _mm256_setzero_si256() : s[i][0];
    }
    UNROLL
    for (int k = 0; k < STEPS; k++) {
        const __m256i *w = (const void *)(unit + 64 * k);
        __m256i w0 = _mm256_load_si256(w), w1 = _mm256_load_si256(w + 1);
        UNROLL
        for (int i = 0; i < n; i++) {
            __m256i a = broadcast4(panel + k * 4 * PANEL_ACTS + 4 * i);
            s[i][0] = add_now(s[i][0], _mm256_maddubs_epi16(w0, a));
            s[i][1] = add_now(s[i][1], _mm256_maddubs_epi16(w1, a));
        }
    }
    const __m256i one = _mm256_set1_epi16(1), sixteen = _mm256_set1_epi16(16);
    UNROLL
    for (int i = 0; i < n; i++) {
        __m256i a = _mm256_madd_epi16(s[i][0], split ? sixteen : one), b = _mm256_madd_epi16(s[i][1], one);
        sums[i][0] = _mm256_cvtepi32_ps(split ? _mm256_add_epi32(a, b) : a);
        if (!split)
            sums[i][1] = _mm256_cvtepi32_ps(b);
    }
}

/* One unit times n (a constant) activation rows. The partial sums p[block mod 4] stay in memory: a block gives the cache
 * twenty times as long as that takes. */
INLINE void unit_dot(bool split, const uint8_t *unit, const uint8_t *panel, int64_t n_blocks, int n, float *y,
                     int64_t y_stride, int64_t n_out)
{
    const int groups = split ? 1 : 2;
    __m256 p[4][PANEL_ACTS][2];
    for (int q = 0; q < 4; q++)
        for (int i = 0; i < n; i++)
            p[q][i][0] = p[q][i][1] = _mm256_setzero_ps();
    for (int64_t b = 0; b < n_blocks; b++, unit += UNIT_BLOCK, panel += PANEL_BLOCK) {
        __m256 sums[PANEL_ACTS][2];
        block_sums(split, unit, panel, n, sums);
        UNROLL
        for (int i = 0; i < n; i++) {
            __m256 d = _mm256_castsi256_ps(broadcast4(panel + (STEPS + 1) * 4 * PANEL_ACTS + 4 * i));
            UNROLL
            for (int g = 0; g < groups; g++) {
                __m256 scale = _mm256_mul_ps(d, _mm256_load_ps((const void *)(unit + STEPS * 64 + 32 * g)));
                p[b % 4][i][g] = _mm256_fmadd_ps(sums[i][g], scale, p[b % 4][i][g]);
            }
        }
    }
    for (int i = 0; i < n; i++)
        for (int g = 0; g < groups; g++) {
            __m256 sum = _mm256_add_ps(_mm256_add_ps(p[0][i][g], p[1][i][g]), _mm256_add_ps(p[2][i][g], p[3][i][g]));
            store8(y + i * y_stride + 8 * g, n_out - 8 * g, sum);
        }
}

INLINE void unit_dots(bool split, const uint8_t *unit, const uint8_t *panel, int64_t n_blocks, int n, float *y,
                      int64_t y_stride, int64_t n_out)
{
    switch (n) {
    case 1:
        unit_dot(split, unit, panel, n_blocks, 1, y, y_stride, n_out);
        break;
    case 2:
        unit_dot(split, unit, panel, n_blocks, 2, y, y_stride, n_out);
        break;
    case 3:
        unit_dot(split, unit, panel, n_blocks, 3, y, y_stride, n_out);
        break;
    default:
        unit_dot(split, unit, panel, n_blocks, 4, y, y_stride, n_out);
    }
}

/* Every unit of a tile times every activation row; the next tile's weights come from memory meanwhile. */
INLINE void tile_dots(bool split, const uint8_t *tile, const uint8_t *panel, int64_t n_blocks, int n, int64_t n_out,
                      float *y, int64_t y_stride, struct fetch fetch)
{
    const int unit_rows = split ? 8 : 16;
    for (int i = 0; i < n; i += PANEL_ACTS, panel += n_blocks * PANEL_BLOCK)
        for (int u = 0; u < UNITS && u * unit_rows < n_out; u++) {
            fetch_some(&fetch);
            unit_dots(split, tile + u * n_blocks * UNIT_BLOCK, panel, n_blocks, n - i, y + i * y_stride + u * unit_rows,
                      y_stride, n_out - u * unit_rows);
        }
}

INLINE void gemm_i8(enum format format, const struct view *w, int64_t lo, int64_t hi, const struct gather *in, float *y,
                    int64_t y_stride, void *workspace)
{
    const bool split = format == FORMAT_Q8_0;
    const int unit_rows = split ? 8 : 16, tile_rows = UNITS * unit_rows;
    int64_t n_blocks = w->cols / QUANT_BLOCK, unit_bytes = n_blocks * UNIT_BLOCK;
    uint8_t *tile = (uint8_t *)(((uintptr_t)workspace + 63) & ~(uintptr_t)63), *panel = tile + UNITS * unit_bytes;
    for (int first = 0; first < in->n; first += LINEAR_ACTS) {
        int n = in->n - first < LINEAR_ACTS ? in->n - first : LINEAR_ACTS;
        if (!in->again || in->n > LINEAR_ACTS)
            fill_panel(format, in, first, n, panel);
        for (int64_t o = lo; o < hi; o += tile_rows) {
            int64_t end = hi - o < tile_rows ? hi : o + tile_rows;
            for (int u = 0; o + u * unit_rows < end; u++)
                unpack_unit(format, w, o + u * unit_rows, hi, tile + u * unit_bytes);
            tile_dots(split, tile, panel, n_blocks, n, end - o, y + first * y_stride + (o - lo), y_stride,
                      fetch_rows(w, end, hi, tile_rows, (n + 3) / 4 * UNITS));
        }
    }
}

#define GEMM(name, format)                                                                                             \
    void name##__avx2(const struct view *w, int64_t lo, int64_t hi, const struct gather *in, float *y,                 \
                      int64_t y_stride, void *workspace)                                                                 \
    {                                                                                                                  \
        gemm_i8(format, w, lo, hi, in, y, y_stride, workspace);                                                          \
    }
GEMM(gemm_i8_q8_0, FORMAT_Q8_0)
GEMM(gemm_i8_mxfp4, FORMAT_MXFP4)
GEMM(gemm_i8_mxfp4_hf, FORMAT_MXFP4_HF)
