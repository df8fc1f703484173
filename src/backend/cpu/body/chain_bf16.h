/* chain_bf16.h: the body of chain_bf16__*.c: tiles of T_ROWS rows by T_WIDE vectors of columns, from packed panels of b
 * and packed tiles of a, as in chain_tiles.h. Words of 32 bits alternate between the chain of the even sums and that of
 * the odd ones; what an ISA makes of four sums says its file: FOUR_WORDS words, four floats for FMA, or two of two bf16
 * of one chain. A last block is packed with zeros to its end.
 *
 *   words_along   the four words of WORDS_FROM neighbouring sums of a row
 *   four_words    the words of four rows, four columns at a time
 *   add_words16   16 sums += words of b times one word of a
 *
 * b is packed once for all rows that follow, since to round and to turn it costs more than to copy it. */
#include "backend/cpu/tables.h"

enum {
    HALF_ROWS = T_ROWS / 2, /* of a tile are in registers: both chains of them */
    BLOCK_WORDS = CHAIN_BLOCK / 4 * FOUR_WORDS,
    DEEP = CHAIN_SUMS / 4 * FOUR_WORDS, /* words of CHAIN_SUMS sums */
    BLOCK_ROWS = 96 * 256 / DEEP,
    BLOCK_COLS = 128 * 256 / DEEP
};
_Static_assert(4 * DEEP * (BLOCK_ROWS + BLOCK_COLS) <= CHAIN_BYTES, "both blocks fit the workspace");
_Static_assert(BLOCK_ROWS % T_ROWS == 0 && BLOCK_COLS % (16 * T_WIDE) == 0, "tiles fill the block");
_Static_assert(CHAIN_SUMS % CHAIN_BLOCK == 0 && CHAIN_BLOCK % WORDS_FROM == 0, "cuts show in no bit");

/* What is read where there is nothing. */
static const float nothing[CHAIN_BLOCK > 16 * T_WIDE ? CHAIN_BLOCK : 16 * T_WIDE];

static int64_t words(int64_t n_sums)
{
    return (n_sums + CHAIN_BLOCK - 1) / CHAIN_BLOCK * BLOCK_WORDS;
}

/* Where rows [row, row + n_rows) of y begin: found once for all panels. */
static void find_rows(const struct chain *c, int64_t row, int64_t n_rows, float **y_rows)
{
    for (int64_t i = 0; i < n_rows; i++)
        y_rows[i] = c->y + chain_row(&c->y_rows, row + i);
}

/* Quad q of a row of `width` values: the last one ends with the row. */
INLINE int quad_at(int q, int width)
{
    return 4 * q + 4 <= width ? 4 * q : width - 4;
}

/* n sums, whole blocks, which lie side by side in each of `width` rows, as words [sum][width]. */
INLINE float *pack_blocks(const float *const *rows, int width, int64_t n, float *out)
{
    for (int64_t s = 0; s < n; s += WORDS_FROM, out += 4 * width)
        for (int q = 0; q < (width + 3) / 4; q++) {
            const float *const *row = rows + quad_at(q, width);
            quad turned[4];
            turn_quads(words_along(row[0] + s), words_along(row[1] + s), words_along(row[2] + s),
                       words_along(row[3] + s), turned);
            UNROLL
            for (int k = 0; k < 4; k++)
                store4(out + k * width + quad_at(q, width), turned[k]);
        }
    return out;
}

/* Any number of sums. */
INLINE void pack_rows(const float *const *rows, int width, int64_t n, float *out)
{
    const int64_t whole = n / CHAIN_BLOCK * CHAIN_BLOCK;
    float last[16 * T_WIDE > T_ROWS ? 16 * T_WIDE : T_ROWS][CHAIN_BLOCK] = {{0}};
    const float *last_rows[16 * T_WIDE > T_ROWS ? 16 * T_WIDE : T_ROWS];
    out = pack_blocks(rows, width, whole, out);
    if (whole == n)
        return;
    for (int i = 0; i < width; i++)
        last_rows[i] = memcpy(last[i], rows[i] + whole, (size_t)(n - whole) * sizeof **last);
    pack_blocks(last_rows, width, CHAIN_BLOCK, out);
}

/* A matrix whose rows are sums. */
struct sums {
    const float *values;
    const struct chain_rows *rows;
    const float *weights;
};

/* Four values from `at` on, of which those below `count` are there, times a weight. */
INLINE quad some4(const float *from, int at, int64_t count, float weight)
{
    quad q = {0};
    if (at + 4 <= count)
        return load4(from + at) * weight;
    for (int i = 0; at + i < count; i++)
        q[i] = from[at + i] * weight;
    return q;
}

/* Columns [col, col + width) of sums [first, first + n), as words [sum][width]; `count` of them are there. */
INLINE void pack_columns(const struct sums *m, int64_t col, int64_t count, int width, int64_t first, int64_t n,
                         float *out)
{
    const int64_t end = first + (n + CHAIN_BLOCK - 1) / CHAIN_BLOCK * CHAIN_BLOCK;
    for (int64_t s = first; s < end; s += 4, out += FOUR_WORDS * width) {
        const float *from[4];
        float weight[4];
        for (int k = 0; k < 4; k++) {
            const bool there = s + k < first + n;
            from[k] = there ? m->values + chain_row(m->rows, s + k) + col : nothing;
            weight[k] = there && m->weights ? m->weights[m->rows->rows[s + k]] : 1;
        }
        for (int q = 0; q < (width + 3) / 4; q++) {
            const int at = quad_at(q, width);
            quad four[4], out_words[FOUR_WORDS];
            for (int k = 0; k < 4; k++)
                four[k] = some4(from[k], at, count, weight[k]);
            four_words(four, out_words);
            UNROLL
            for (int w = 0; w < FOUR_WORDS; w++)
                store4(out + w * width + at, out_words[w]);
        }
    }
}

static void pack_a(const struct chain *c, int64_t row, int64_t n_rows, int64_t first, int64_t n, float *out)
{
    const struct sums down = {c->a, &c->a_rows, c->weights};
    for (int64_t i = 0; i < n_rows; i += T_ROWS, out += words(n) * T_ROWS) {
        const float *rows[T_ROWS];
        int64_t count = n_rows - i < T_ROWS ? n_rows - i : T_ROWS;
        if (c->down) {
            pack_columns(&down, row + i, count, T_ROWS, first, n, out);
            continue;
        }
        for (int64_t r = 0; r < T_ROWS; r++) /* rows that are not there: another one, whose sums nobody takes */
            rows[r] = c->a + chain_row(&c->a_rows, row + i + (r < count ? r : count - 1)) + first;
        pack_rows(rows, T_ROWS, n, out);
    }
}

/* `wide` vectors of columns (a constant), of which `count` are there. */
INLINE void pack_panel(const struct chain *c, int64_t col, int64_t count, int wide, int64_t first, int64_t n,
                       float *out)
{
    const struct sums plain = {c->b, &c->b_rows, NULL};
    const float *rows[16 * T_WIDE];
    if (!c->across) {
        pack_columns(&plain, col, count, 16 * wide, first, n, out);
        return;
    }
    for (int64_t r = 0; r < 16 * wide; r++)
        rows[r] = c->b + chain_row(&c->b_rows, col + (r < count ? r : count - 1)) + first;
    pack_rows(rows, 16 * wide, n, out);
}

/* Panel after panel; the last one has one vector where one is enough. */
static void pack_b(const struct chain *c, int64_t col, int64_t n_cols, int64_t first, int64_t n, float *out)
{
    int64_t at = 0;
    for (; n_cols - at > 16 * (T_WIDE - 1); at += 16 * T_WIDE, out += 16 * T_WIDE * words(n))
        pack_panel(c, col + at, chain_part(at, n_cols, 16 * T_WIDE), T_WIDE, first, n, out);
    if (T_WIDE > 1 && at < n_cols)
        pack_panel(c, col + at, n_cols - at, 1, first, n, out);
}

/* y[r][0 .. n_cols) of HALF_ROWS rows of a tile: whole blocks of words. */
INLINE void half_tile(const float *a, const float *b, int64_t n_words, int wide, int64_t n_cols, float *const *y)
{
    for (int64_t at = 0; at < n_words; at += BLOCK_WORDS) {
        vec16 sum[2][HALF_ROWS][T_WIDE];
        UNROLL
        for (int i = 0; i < 2 * HALF_ROWS * wide; i++)
            sum[i / (HALF_ROWS * wide)][i / wide % HALF_ROWS][i % wide] = zero16();
        for (int i = 0; i < BLOCK_WORDS / 2; i++) {
            UNROLL
            for (int odd = 0; odd < 2; odd++, a += T_ROWS, b += 16 * wide) {
                vec16 v[T_WIDE];
                UNROLL
                for (int w = 0; w < wide; w++)
                    v[w] = load16(b + 16 * w, 16);
                UNROLL
                for (int r = 0; r < HALF_ROWS; r++) {
                    UNROLL
                    for (int w = 0; w < wide; w++)
                        sum[odd][r][w] = add_words16(sum[odd][r][w], v[w], a + r);
                }
            }
        }
        UNROLL
        for (int r = 0; r < HALF_ROWS; r++) {
            UNROLL
            for (int w = 0; w < wide; w++) {
                vec16 before = load16(y[r] + 16 * w, n_cols - 16 * w);
                store16(y[r] + 16 * w, n_cols - 16 * w, add16(before, add16(sum[0][r][w], sum[1][r][w])));
            }
        }
    }
}

/* Columns [col, col + n_cols), at most `wide` vectors (a constant), of a packed block of rows. */
INLINE void panel(float *const *y_rows, int64_t n_rows, int64_t col, int64_t n_cols, int wide, int64_t n_words,
                  const float *a, const float *b)
{
    float nowhere[16 * T_WIDE] = {0}, *y[HALF_ROWS];
    for (int64_t i = 0; i < n_rows; i += HALF_ROWS) {
        const float *rows = a + i / T_ROWS * T_ROWS * n_words + i % T_ROWS;
        UNROLL
        for (int r = 0; r < HALF_ROWS; r++)
            y[r] = i + r < n_rows ? y_rows[i + r] + col : nowhere;
        if (n_cols == 16 * wide)
            half_tile(rows, b, n_words, wide, 16 * wide, y);
        else
            half_tile(rows, b, n_words, wide, n_cols, y);
    }
}

/* Small numbers are 0 to the CPU from here on; returns how it was before. */
INLINE unsigned small_numbers_off(void)
{
    enum { FLUSH_RESULTS = 0x8000, FLUSH_OPERANDS = 0x0040 };
    unsigned before = _mm_getcsr();
    _mm_setcsr(before | FLUSH_RESULTS | FLUSH_OPERANDS);
    return before;
}

/* A call of its own: nothing may be moved over the switches around it. */
static __attribute__((noinline)) void block(const struct chain *c, int64_t row, int64_t n_rows, int64_t col,
                                            int64_t n_cols, int64_t n_words, const float *a, const float *b)
{
    int64_t at = 0;
    float *y_rows[BLOCK_ROWS];
    find_rows(c, row, n_rows, y_rows);
    for (; n_cols - at > 16 * (T_WIDE - 1); at += 16 * T_WIDE, b += 16 * T_WIDE * n_words)
        panel(y_rows, n_rows, col + at, chain_part(at, n_cols, 16 * T_WIDE), T_WIDE, n_words, a, b);
    if (T_WIDE > 1 && at < n_cols)
        panel(y_rows, n_rows, col + at, n_cols - at, 1, n_words, a, b);
}

void ISA(chain_bf16)(const struct chain *c, void *workspace)
{
    float *a = workspace, *b = a + DEEP * BLOCK_ROWS;
    for (int64_t first = 0; first < c->n_sums; first += CHAIN_SUMS)
        for (int64_t col = 0; col < c->n_cols; col += BLOCK_COLS) {
            const int64_t n = chain_part(first, c->n_sums, CHAIN_SUMS), n_cols = chain_part(col, c->n_cols, BLOCK_COLS);
            pack_b(c, col, n_cols, first, n, b);
            for (int64_t row = 0; row < c->n_rows; row += BLOCK_ROWS) {
                int64_t n_rows = chain_part(row, c->n_rows, BLOCK_ROWS);
                pack_a(c, row, n_rows, first, n, a);
                unsigned before = small_numbers_off();
                block(c, row, n_rows, col, n_cols, words(n), a, b);
                _mm_setcsr(before);
            }
        }
}
