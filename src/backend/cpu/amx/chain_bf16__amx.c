/* chain_bf16__amx.c: chain_bf16 with TDPBF16PS, whose order it is: one multiplies 16 rows by 16 columns of a block of
 * 32 sums. Sums of y stand in four tile registers, 32 rows by 32 columns.
 *
 * b is packed for up to COLS columns, which then lie in the second-level cache. Of a, rows that are read as they lie
 * are packed a strip of 32 at a time, and the next ones are fetched meanwhile; what is read down its columns is packed
 * for ROWS rows of y, so that each line of it is read once. Packing takes little: what limits is memory. */
#include "backend/cpu/amx/tile_config.h"
#include "backend/cpu/avx512/avx512.h"
#include "backend/cpu/body/chain_soon.h"
#include "backend/cpu/tables.h"

enum {
    SIDE = 16,      /* rows or columns of a tile */
    TILE = 16 * 32, /* its bf16 */
    STRIP = 2 * SIDE,
    ROWS = 192,
    COLS = 512,
    SUMS = CHAIN_SUMS,
    STRIP_WORDS = STRIP * SUMS
};
_Static_assert(2 * SUMS * (ROWS + COLS) <= CHAIN_BYTES && ROWS % STRIP == 0 && COLS % STRIP == 0, "both fit");

static int64_t strips(int64_t n)
{
    return (n + STRIP - 1) / STRIP;
}

/* ---- packing: into strips, of each blocks of sums, of each two tiles ------------------------------------- */

/* a, whose tiles are [row][sum], or b, whose tiles are [pair of sums][column][2]. */
struct factor {
    const float *values, *weights;
    const struct chain_rows *rows;
    bool by_sums; /* its rows are sums */
    bool is_b;
};

static uint16_t *tile_at(uint16_t *packed, int64_t i, int64_t sum)
{
    return packed + i / STRIP * STRIP_WORDS + (sum / CHAIN_BLOCK * 2 + i % STRIP / SIDE) * TILE;
}

INLINE __m512 some16(const float *from, int64_t n)
{
    return n >= 16 ? _mm512_loadu_ps(from) : n > 0 ? _mm512_maskz_loadu_ps(first_lanes(n), from) : _mm512_setzero_ps();
}

INLINE __m512i rounded(__m512 low, __m512 high)
{
    __m512bh both = _mm512_cvtne2ps_pbh(high, low);
    __m512i words;
    memcpy(&words, &both, sizeof words);
    return words;
}

/* 16 rows of 16 words as 16 columns. */
INLINE void turn16(__m512i *w)
{
    __m512i x[16];
    UNROLL
    for (int i = 0; i < 16; i += 2) {
        x[i] = _mm512_unpacklo_epi32(w[i], w[i + 1]);
        x[i + 1] = _mm512_unpackhi_epi32(w[i], w[i + 1]);
    }
    UNROLL
    for (int i = 0; i < 16; i += 4) {
        UNROLL
        for (int k = 0; k < 2; k++) {
            w[i + 2 * k] = _mm512_unpacklo_epi64(x[i + k], x[i + k + 2]);
            w[i + 2 * k + 1] = _mm512_unpackhi_epi64(x[i + k], x[i + k + 2]);
        }
    }
    UNROLL
    for (int i = 0; i < 16; i += 8) { /* quarters of four rows each: of rows 0 and 4, 8 and 12 */
        UNROLL
        for (int k = 0; k < 4; k++) {
            x[i + k] = _mm512_shuffle_i32x4(w[i + k], w[i + k + 4], 0x88);
            x[i + k + 4] = _mm512_shuffle_i32x4(w[i + k], w[i + k + 4], 0xdd);
        }
    }
    UNROLL
    for (int k = 0; k < 8; k++) {
        w[k] = _mm512_shuffle_i32x4(x[k], x[k + 8], 0x88);
        w[k + 8] = _mm512_shuffle_i32x4(x[k], x[k + 8], 0xdd);
    }
}

INLINE void put_tile(__m512i *w, bool turned, uint16_t *out)
{
    if (turned)
        turn16(w);
    UNROLL
    for (int i = 0; i < 16; i++)
        _mm512_store_si512(out + 32 * i, w[i]);
}

/* Sums [first, first + n) of rows or columns [at, at + count), which are rows of memory. Those that are not there:
 * another one, whose sums nobody takes. */
static void pack_rows(const struct factor *f, int64_t at, int64_t count, int64_t first, int64_t n, uint16_t *out)
{
    for (int64_t i = 0; i < strips(count) * STRIP; i += SIDE) {
        const float *rows[SIDE];
        for (int64_t r = 0; r < SIDE; r++)
            rows[r] = f->values + chain_row(f->rows, at + (i + r < count ? i + r : count - 1)) + first;
        for (int64_t s = 0; s < n; s += CHAIN_BLOCK) {
            __m512i w[SIDE];
            UNROLL
            for (int r = 0; r < SIDE; r++)
                w[r] = rounded(some16(rows[r] + s, n - s), some16(rows[r] + s + 16, n - s - 16));
            put_tile(w, f->is_b, tile_at(out, i, s));
        }
    }
}

/* A row of memory: a sum. */
struct sum_row {
    const float *values; /* NULL: there is none */
    float weight;
};

static void find_sums(const struct factor *f, int64_t at, int64_t first, int64_t n, struct sum_row *rows)
{
    for (int64_t s = 0; s < CHAIN_BLOCK; s++) {
        rows[s] = (struct sum_row){NULL, 1};
        if (s >= n)
            continue;
        rows[s].values = f->values + chain_row(f->rows, first + s) + at;
        if (f->weights)
            rows[s].weight = f->weights[f->rows->rows[first + s]];
    }
}

/* Pairs of sums of 16 columns from i on, of which `count` are there. */
INLINE void pairs_of_sums(const struct sum_row *rows, int64_t i, int64_t count, bool weighted, __m512i *w)
{
    static const uint16_t one_by_one[32]
        __attribute__((aligned(64))) = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                                        8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
    const __m512i order = _mm512_load_si512(one_by_one);
    UNROLL
    for (int p = 0; p < SIDE; p++) {
        __m512 even = some16(rows[2 * p].values + i, rows[2 * p].values ? count : 0);
        __m512 odd = some16(rows[2 * p + 1].values + i, rows[2 * p + 1].values ? count : 0);
        if (weighted) {
            even = _mm512_mul_ps(even, _mm512_set1_ps(rows[2 * p].weight));
            odd = _mm512_mul_ps(odd, _mm512_set1_ps(rows[2 * p + 1].weight));
        }
        w[p] = _mm512_permutexvar_epi16(order, rounded(even, odd));
    }
}

/* The same where rows of memory are sums. The block that comes next, of `left` sums, is fetched meanwhile. */
static void pack_sums(const struct factor *f, int64_t at, int64_t count, int64_t first, int64_t n, int64_t left,
                      uint16_t *out)
{
    struct sum_row rows[CHAIN_BLOCK], next[CHAIN_BLOCK];
    find_sums(f, at, first, n, rows);
    for (int64_t s = 0; s < n; s += CHAIN_BLOCK) {
        find_sums(f, at, first + s + CHAIN_BLOCK, left - s - CHAIN_BLOCK, next);
        for (int64_t i = 0; i < strips(count) * STRIP; i += SIDE) {
            __m512i w[SIDE];
            for (int r = 0; i < count && r < CHAIN_BLOCK && next[r].values; r++)
                __builtin_prefetch(next[r].values + i, 0, 2);
            if (f->weights)
                pairs_of_sums(rows, i, count - i, true, w);
            else
                pairs_of_sums(rows, i, count - i, false, w);
            put_tile(w, !f->is_b, tile_at(out, i, s));
        }
        for (int64_t r = 0; r < CHAIN_BLOCK; r++)
            rows[r] = s + CHAIN_BLOCK + r < n ? next[r] : (struct sum_row){NULL, 1};
    }
}

static void pack(const struct factor *f, int64_t at, int64_t count, int64_t first, int64_t n, int64_t left,
                 uint16_t *out)
{
    if (f->by_sums)
        pack_sums(f, at, count, first, n, left, out);
    else
        pack_rows(f, at, count, first, n, out);
}

/* ---- products -------------------------------------------------------------------------------------------- */

/* 32 rows by 32 columns at y. */
INLINE void multiply(const uint16_t *a, const uint16_t *b, int64_t n_blocks, float *y, int64_t stride)
{
    const int64_t bytes = stride * (int64_t)sizeof *y;
    __asm__ volatile("" : : : "memory"); /* GCC 12 does not see that tile loads read what was written */
    _tile_loadd(0, y, bytes);
    _tile_loadd(1, y + SIDE, bytes);
    _tile_loadd(2, y + SIDE * stride, bytes);
    _tile_loadd(3, y + SIDE * stride + SIDE, bytes);
    for (int64_t i = 0; i < n_blocks; i++, a += 2 * TILE, b += 2 * TILE) {
        _tile_loadd(4, a, 64);
        _tile_loadd(6, b, 64);
        _tile_dpbf16ps(0, 4, 6);
        _tile_loadd(5, a + TILE, 64);
        _tile_dpbf16ps(2, 5, 6);
        _tile_loadd(7, b + TILE, 64);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, y, bytes);
    _tile_stored(1, y + SIDE, bytes);
    _tile_stored(2, y + SIDE * stride, bytes);
    _tile_stored(3, y + SIDE * stride + SIDE, bytes);
}

/* Rows [row, row + n_rows) by columns [col, col + n_cols), at most 32 each: where they lie, or beside. */
static void strip_panel(const struct chain *c, int64_t row, int64_t n_rows, int64_t col, int64_t n_cols,
                        const uint16_t *a, const uint16_t *b, int64_t n_blocks)
{
    float beside[STRIP * STRIP] __attribute__((aligned(64)));
    if (n_rows == STRIP && n_cols == STRIP && !c->y_rows.rows) {
        multiply(a, b, n_blocks, c->y + row * c->y_rows.stride + col, c->y_rows.stride);
        return;
    }
    for (int64_t r = 0; r < STRIP; r++)
        for (int64_t at = 0; at < STRIP; at += 16) {
            const float *y = c->y + chain_row(&c->y_rows, row + (r < n_rows ? r : 0)) + col + at;
            _mm512_store_ps(beside + r * STRIP + at, some16(y, n_cols - at));
        }
    multiply(a, b, n_blocks, beside, STRIP);
    for (int64_t r = 0; r < n_rows; r++)
        for (int64_t at = 0; at < n_cols; at += 16) {
            float *y = c->y + chain_row(&c->y_rows, row + r) + col + at;
            _mm512_mask_storeu_ps(y, first_lanes(n_cols - at), _mm512_load_ps(beside + r * STRIP + at));
        }
}

/* A strip of rows by packed columns. */
static void strip(const struct chain *c, int64_t row, int64_t n_rows, int64_t col, int64_t n_cols, const uint16_t *a,
                  const uint16_t *b, int64_t n_blocks, struct chain_soon *soon)
{
    for (int64_t at = 0; at < n_cols; at += STRIP, b += STRIP_WORDS) {
        soon_some(soon);
        if (c->upper && col + at + STRIP <= row)
            continue;
        strip_panel(c, row, n_rows, col + at, chain_part(at, n_cols, STRIP), a, b, n_blocks);
    }
}

/* The rows of a that the next strip has. */
static struct chain_soon soon_after(const struct chain *c, int64_t row, int64_t first, int64_t n, int64_t n_panels)
{
    struct chain_soon soon = {0};
    if (!c->down && row < c->n_rows)
        soon_add(&soon, c->a + first, &c->a_rows, row, row + chain_part(row, c->n_rows, STRIP), n);
    soon.each = (soon.lines + n_panels - 1) / n_panels;
    return soon;
}

void chain_bf16__amx(const struct chain *c, void *workspace)
{
    static const struct tile_config whole_tiles = {
        .palette = 1, .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64}, .rows = {16, 16, 16, 16, 16, 16, 16, 16}};
    const struct factor of_a = {c->a, c->down ? c->weights : NULL, &c->a_rows, c->down, false};
    const struct factor of_b = {c->b, NULL, &c->b_rows, !c->across, true};
    const int64_t together = c->down ? ROWS : STRIP;
    uint16_t *a = workspace, *b = a + ROWS * SUMS;
    _tile_loadconfig(&whole_tiles);
    for (int64_t first = 0; first < c->n_sums; first += SUMS)
        for (int64_t col = 0; col < c->n_cols; col += COLS) {
            const int64_t left = c->n_sums - first, n = chain_part(first, c->n_sums, SUMS),
                          n_cols = chain_part(col, c->n_cols, COLS);
            pack(&of_b, col, n_cols, first, n, left, b);
            for (int64_t row = 0; row < c->n_rows; row += STRIP) {
                if (row % together == 0)
                    pack(&of_a, row, chain_part(row, c->n_rows, together), first, n, left, a);
                struct chain_soon soon = soon_after(c, row + STRIP, first, n, strips(n_cols));
                strip(c, row, chain_part(row, c->n_rows, STRIP), col, n_cols, a + row % together / STRIP * STRIP_WORDS,
                      b, (n + CHAIN_BLOCK - 1) / CHAIN_BLOCK, &soon);
            }
        }
    _tile_release();
}
