/* patch_align.c: which token of one text goes with which of another. */
#include "inspect/patch_parts.h"

#include "base/error.h"
#include "base/mem.h"

static const uint64_t MOST_CELLS = (uint64_t)1 << 26;

/* Positions [i, end) of a, and as many or fewer of b up to `other`, from their ends on. */
static void pair_ends(int64_t *pair, size_t i, size_t end, size_t j, size_t other)
{
    while (end > i && other > j)
        pair[--end] = (int64_t)--other;
}

/* length[i][j]: what is common to a from i on and b from j on. */
static void measure(const int32_t *a, size_t n, const int32_t *b, size_t m, uint32_t *length)
{
    size_t row = m + 1;
    for (size_t i = n; i-- > 0;)
        for (size_t j = m; j-- > 0;) {
            uint32_t down = length[(i + 1) * row + j], right = length[i * row + j + 1];
            length[i * row + j] = a[i] == b[j] ? length[(i + 1) * row + j + 1] + 1 : down > right ? down : right;
        }
}

enum osso_status patch_align(const int32_t *a, size_t n, const int32_t *b, size_t m, int64_t *pair,
                             struct osso_error *err)
{
    size_t from = 0, tail = 0;
    for (size_t i = 0; i < n; i++)
        pair[i] = -1;
    for (; from < n && from < m && a[from] == b[from]; from++)
        pair[from] = (int64_t)from;
    for (; tail < n - from && tail < m - from && a[n - 1 - tail] == b[m - 1 - tail]; tail++)
        pair[n - 1 - tail] = (int64_t)(m - 1 - tail);
    size_t rows = n - from - tail, columns = m - from - tail, i = 0, j = 0, i0 = 0, j0 = 0;
    if ((uint64_t)(rows + 1) * (columns + 1) > MOST_CELLS)
        return error_set(err, OSSO_LIMIT,
                         "%zu and %zu tokens between what both texts begin and end with: too many to pair", rows,
                         columns);
    uint32_t *length = mem_array((rows + 1) * (columns + 1), sizeof *length);
    if (!length)
        return error_nomem(err, (rows + 1) * (columns + 1) * sizeof *length, "pairing two texts");
    a += from, b += from, pair += from;
    measure(a, rows, b, columns, length);
    while (i < rows && j < columns) {
        if (a[i] == b[j]) {
            pair_ends(pair, i0, i, j0, j);
            pair[i] = (int64_t)j;
            i0 = ++i, j0 = ++j;
        } else if (length[(i + 1) * (columns + 1) + j] >= length[i * (columns + 1) + j + 1])
            i++;
        else
            j++;
    }
    pair_ends(pair, i0, rows, j0, columns);
    for (i = 0; i < rows; i++)
        pair[i] += pair[i] >= 0 ? (int64_t)from : 0;
    mem_free(length);
    return OSSO_OK;
}
