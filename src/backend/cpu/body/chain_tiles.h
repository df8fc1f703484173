/* chain_tiles.h: chain__*.c: a tile of T_ROWS rows by T_WIDE vectors of columns stays in registers for up to
 * CHAIN_SUMS sums. b is packed into panels of as many columns, a into tiles [sum][T_ROWS]: where they lie, and how
 * their rows are gathered, only the packing knows. The tile begins with what y has, so cuts show in no bit. */
#include "backend/cpu/body/quad.h"
#include "backend/cpu/tables.h"

INLINE vec16 add_words16(vec16 sum, vec16 b, const float *a)
{
    return fma16_by(b, *a, sum);
}

#include "backend/cpu/body/chain_panel.h"

enum { QUADS = (T_ROWS + 3) / 4 };

/* Values [s, s + n) of T_ROWS rows, turned. The last four of a sum may reach into the next one's, which is written
 * after it, and at the end into CHAIN_BEHIND. */
static void pack_across(const float *const *rows, int64_t n, float *out)
{
    int64_t s = 0;
    for (; s + 4 <= n; s += 4, out += 4 * T_ROWS) {
        quad turned[QUADS][4];
        UNROLL
        for (int q = 0; q < QUADS; q++)
            turn4(rows + 4 * q, s, turned[q]);
        UNROLL
        for (int k = 0; k < 4; k++) {
            UNROLL
            for (int q = 0; q < QUADS; q++)
                store4(out + k * T_ROWS + 4 * q, turned[q][k]);
        }
    }
    for (; s < n; s++, out += T_ROWS)
        for (int i = 0; i < T_ROWS; i++)
            out[i] = rows[i][s];
}

/* Values [i, i + T_ROWS) of n rows, `count` of them there. */
static void pack_down(const struct chain *c, int64_t i, int64_t count, int64_t first, int64_t n, float *out)
{
    for (int64_t s = first; s < first + n; s++, out += T_ROWS) {
        const float *from = c->a + chain_row(&c->a_rows, s) + i;
        float weight = c->weights ? c->weights[c->a_rows.rows[s]] : 1;
        if (count < T_ROWS) {
            for (int64_t r = 0; r < T_ROWS; r++)
                out[r] = r < count ? weight * from[r] : 0;
            continue;
        }
        UNROLL
        for (int q = 0; q < QUADS; q++) { /* the last four end with the row */
            const int at = 4 * q + 4 <= T_ROWS ? 4 * q : T_ROWS - 4;
            store4(out + at, load4(from + at) * weight);
        }
    }
}

static void pack_a(const struct chain *c, int64_t row, int64_t n_rows, int64_t first, int64_t n, float *out)
{
    for (int64_t i = 0; i < n_rows; i += T_ROWS, out += n * T_ROWS) {
        const float *rows[4 * QUADS];
        int64_t count = n_rows - i < T_ROWS ? n_rows - i : T_ROWS;
        if (c->down) {
            pack_down(c, row + i, count, first, n, out);
            continue;
        }
        for (int64_t r = 0; r < 4 * QUADS; r++) /* rows that are not there: another one, whose sums nobody takes */
            rows[r] = c->a + chain_row(&c->a_rows, row + i + (r < count ? r : count - 1)) + first;
        pack_across(rows, n, out);
    }
}

/* `wide` vectors of columns, of which n values are there. */
INLINE void pack_b(const struct chain *c, int64_t col, int64_t n_cols, int wide, int64_t first, int64_t n, float *out)
{
    for (int64_t s = first; s < first + n; s++, out += 16 * wide) {
        const float *from = c->b + chain_row(&c->b_rows, s) + col;
        UNROLL
        for (int w = 0; w < wide; w++)
            store16(out + 16 * w, 16, load16(from + 16 * w, n_cols - 16 * w));
    }
}

static void block(const struct chain *c, int64_t row, int64_t n_rows, int64_t first, int64_t n, float *a, float *b)
{
    int64_t col = 0, left = c->n_cols;
    pack_a(c, row, n_rows, first, n, a);
    for (; left > 16 * (T_WIDE - 1); col += 16 * T_WIDE, left -= 16 * T_WIDE) {
        int64_t n_cols = left < 16 * T_WIDE ? left : 16 * T_WIDE;
        pack_b(c, col, n_cols, T_WIDE, first, n, b);
        panel(c, row, n_rows, col, n_cols, T_WIDE, n, a, b);
    }
    if (T_WIDE > 1 && left > 0) {
        pack_b(c, col, left, 1, first, n, b);
        panel(c, row, n_rows, col, left, 1, n, a, b);
    }
}

void ISA(chain)(const struct chain *c, void *workspace)
{
    float *a = workspace, *b = a + CHAIN_SUMS * CHAIN_ROWS + CHAIN_BEHIND;
    for (int64_t first = 0; first < c->n_sums; first += CHAIN_SUMS)
        for (int64_t row = 0; row < c->n_rows; row += CHAIN_ROWS)
            block(c, row, c->n_rows - row < CHAIN_ROWS ? c->n_rows - row : CHAIN_ROWS, first,
                  c->n_sums - first < CHAIN_SUMS ? c->n_sums - first : CHAIN_SUMS, a, b);
}
_Static_assert(CHAIN_ROWS % T_ROWS == 0 && 16 * T_WIDE <= CHAIN_PANEL, "tiles fill the block");
