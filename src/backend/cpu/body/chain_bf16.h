/* chain_bf16.h: the body of chain_bf16__*.c: chain_tiles.h for factors of bf16. A panel of b and a tile of a hold words
 * of 32 bits; what an ISA makes of a pair of sums says its file: PAIR_WORDS words, two floats of which the odd sum's is
 * the first, for FMA, or one of two bf16. Beyond packing a word is a word (chain_panel.h's add_words16).
 *
 *   words_along   the four words of WORDS_FROM neighbouring sums of a row
 *   pair_quads    the words of two rows, four columns at a time
 *   small_numbers whether those below 2^-126 count: off, and as it was before
 *
 * b is packed once for all rows that follow, since to round and to turn it costs more than to copy it. */
#include "backend/cpu/body/chain_panel.h"
#include "backend/cpu/tables.h"

enum {
    DEEP = CHAIN_SUMS / 2 * PAIR_WORDS, /* words of CHAIN_SUMS sums */
    BLOCK_ROWS = 96 * 256 / DEEP,
    BLOCK_COLS = 128 * 256 / DEEP
};
_Static_assert(4 * DEEP * (BLOCK_ROWS + BLOCK_COLS) <= CHAIN_BYTES, "both blocks fit the workspace");
_Static_assert(BLOCK_ROWS % T_ROWS == 0 && BLOCK_COLS % (16 * T_WIDE) == 0, "tiles fill the block");

static int64_t words(int64_t n_sums)
{
    return (n_sums + 1) / 2 * PAIR_WORDS;
}

/* Where rows [row, row + n_rows) of y begin: found once for all panels. */
static void find_rows(const struct chain *c, int64_t row, int64_t n_rows, float **y_rows)
{
    for (int64_t i = 0; i < n_rows; i++)
        y_rows[i] = c->y + chain_row(&c->y_rows, row + i);
}

static int64_t part(int64_t at, int64_t end, int64_t most)
{
    return end - at < most ? end - at : most;
}

/* Quad q of a row of `width` values: the last one ends with the row. */
INLINE int quad_at(int q, int width)
{
    return 4 * q + 4 <= width ? 4 * q : width - 4;
}

/* Two sums of one column. */
static void pair_word(float even, float odd, int width, float *out)
{
    quad pair[2];
    pair_quads((quad){even}, (quad){odd}, pair);
    for (int w = 0; w < PAIR_WORDS; w++)
        memcpy(out + w * width, &pair[w], sizeof *out);
}

/* n sums, which lie side by side in each of `width` rows, as words [sum][width]. */
INLINE void pack_rows(const float *const *rows, int width, int64_t n, float *out)
{
    int64_t s = 0;
    for (; s + WORDS_FROM <= n; s += WORDS_FROM, out += 4 * width)
        for (int q = 0; q < (width + 3) / 4; q++) {
            const float *const *row = rows + quad_at(q, width);
            quad turned[4];
            turn_quads(words_along(row[0] + s), words_along(row[1] + s), words_along(row[2] + s),
                       words_along(row[3] + s), turned);
            UNROLL
            for (int k = 0; k < 4; k++)
                store4(out + k * width + quad_at(q, width), turned[k]);
        }
    for (; s < n; s += 2, out += PAIR_WORDS * width)
        for (int i = 0; i < width; i++)
            pair_word(rows[i][s], s + 1 < n ? rows[i][s + 1] : 0, width, out + i);
}

/* A matrix whose rows are sums. */
struct sums {
    const float *values;
    const struct chain_rows *rows;
    const float *weights;
};

static float weight_of(const struct sums *m, int64_t s)
{
    return m->weights ? m->weights[m->rows->rows[s]] : 1;
}

/* Columns [col, col + width) of sums [first, first + n), as words [sum][width]; `count` of them are there. */
INLINE void pack_columns(const struct sums *m, int64_t col, int64_t count, int width, int64_t first, int64_t n,
                         float *out)
{
    for (int64_t s = first; s < first + n; s += 2, out += PAIR_WORDS * width) {
        const bool two = s + 1 < first + n;
        const float *even = m->values + chain_row(m->rows, s) + col;
        const float *odd = two ? m->values + chain_row(m->rows, s + 1) + col : even;
        float by_even = weight_of(m, s), by_odd = two ? weight_of(m, s + 1) : 0;
        if (count < width || !two) {
            for (int i = 0; i < width; i++)
                pair_word(i < count ? by_even * even[i] : 0, two && i < count ? by_odd * odd[i] : 0, width, out + i);
            continue;
        }
        for (int q = 0; q < (width + 3) / 4; q++) {
            const int at = quad_at(q, width);
            quad pair[2];
            pair_quads(load4(even + at) * by_even, load4(odd + at) * by_odd, pair);
            UNROLL
            for (int w = 0; w < PAIR_WORDS; w++)
                store4(out + w * width + at, pair[w]);
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
        pack_panel(c, col + at, part(at, n_cols, 16 * T_WIDE), T_WIDE, first, n, out);
    if (T_WIDE > 1 && at < n_cols)
        pack_panel(c, col + at, n_cols - at, 1, first, n, out);
}

/* A call of its own: nothing may be moved over the switches around it. */
static __attribute__((noinline)) void block(const struct chain *c, int64_t row, int64_t n_rows, int64_t col,
                                            int64_t n_cols, int64_t n_words, const float *a, const float *b)
{
    int64_t at = 0, apart = n_words * T_ROWS;
    struct chain_soon soon = {0};
    float *y_rows[BLOCK_ROWS];
    find_rows(c, row, n_rows, y_rows);
    for (; n_cols - at > 16 * (T_WIDE - 1); at += 16 * T_WIDE, b += 16 * T_WIDE * n_words)
        panel(y_rows, n_rows, col + at, part(at, n_cols, 16 * T_WIDE), T_WIDE, n_words, apart, a, NULL, b, &soon);
    if (T_WIDE > 1 && at < n_cols)
        panel(y_rows, n_rows, col + at, n_cols - at, 1, n_words, apart, a, NULL, b, &soon);
}

void ISA(chain_bf16)(const struct chain *c, void *workspace)
{
    float *a = workspace, *b = a + DEEP * BLOCK_ROWS;
    for (int64_t first = 0; first < c->n_sums; first += CHAIN_SUMS)
        for (int64_t col = 0; col < c->n_cols; col += BLOCK_COLS) {
            const int64_t n = part(first, c->n_sums, CHAIN_SUMS), n_cols = part(col, c->n_cols, BLOCK_COLS);
            pack_b(c, col, n_cols, first, n, b);
            for (int64_t row = 0; row < c->n_rows; row += BLOCK_ROWS) {
                int64_t n_rows = part(row, c->n_rows, BLOCK_ROWS);
                pack_a(c, row, n_rows, first, n, a);
                unsigned before = small_numbers_off();
                block(c, row, n_rows, col, n_cols, words(n), a, b);
                small_numbers_back(before);
            }
        }
}
