/* linear_f32.h: the body of linear_f32__*.c: f32 activations times the exact values of any format. Lane i of scalar's
 * 16 takes elements i, i + 16, ...; a tile is several rows of weights by several activation rows, to keep enough FMAs
 * under way. An ISA says what its registers hold: ONE_ACT_ROWS rows by one activation row, MANY_ROWS by MANY_ACTS
 * (FEW_ACTS of those that are left); and which tiles wait for memory (STREAMS): for those neighbouring weight rows are
 * fetched as one linear stream, FETCH_AHEAD bytes ahead. An ISA that has MANY_TILE, too, takes MANY_FROM activation
 * rows and more lane by lane (linear_many.h). */
#include "backend/cpu/body/values16.h"
#ifdef MANY_TILE
#include "backend/cpu/body/linear_many.h"
#endif

/* Elements k .. k + 15 of n_rows weight rows times n_acts activation rows, both constants. */
INLINE void tile_step(values16_fn *values16, const struct rows *w, int64_t k, const float *const *x, int n_rows,
                      int n_acts, vec16 *l)
{
    vec16 values[ONE_ACT_ROWS];
    UNROLL
    for (int r = 0; r < n_rows; r++)
        values[r] = row_values(values16, w, r, k, 16);
    UNROLL
    for (int i = 0; i < n_acts; i++) {
        vec16 xi = load16(x[i] + k, 16);
        UNROLL
        for (int r = 0; r < n_rows; r++)
            l[i * n_rows + r] = fma16(values[r], xi, l[i * n_rows + r]);
    }
}

INLINE void tile_dot(values16_fn *values16, int bytes16, const struct view *v, int64_t o, const float *const *x,
                     int n_rows, int n_acts, bool fetch, float *y, int64_t y_stride)
{
    struct rows w = rows_from(v, o);
    vec16 l[ONE_ACT_ROWS * MANY_ACTS];
    UNROLL
    for (int i = 0; i < n_rows * n_acts; i++)
        l[i] = zero16();
    const struct ahead ahead = {.far = w.data + FETCH_AHEAD, .second = fetch_second()};
    int64_t k = 0;
    for (; k + 16 <= v->cols; k += 16) {
        if (fetch)
            fetch_ahead(&ahead, k / 16 * bytes16 * ONE_ACT_ROWS, bytes16 * ONE_ACT_ROWS, false);
        tile_step(values16, &w, k, x, n_rows, n_acts, l);
    }
    if (bytes16 % 16 == 0 && k < v->cols)
        tile_rest(values16, &w, k, v->cols - k, x, n_rows, n_acts, l);
    UNROLL
    for (int i = 0; i < n_acts; i++) {
        UNROLL
        for (int r = 0; r < n_rows; r++)
            y[i * y_stride + r] = tree_sum(l[i * n_rows + r]);
    }
}

/* n_rows weight rows (a constant, 1 or ONE_ACT_ROWS) times all activation rows: the weights stay in the first-level
 * cache. */
INLINE void rows_dots(values16_fn *values16, int bytes16, const struct view *w, int64_t o, const float *const *x,
                      int n_rows, int n, float *y, int64_t y_stride)
{
    const int at_once = n_rows < MANY_ROWS ? n_rows : MANY_ROWS;
    int i = 0;
    for (; i + MANY_ACTS <= n; i += MANY_ACTS)
        for (int r = 0; r < n_rows; r += at_once)
            tile_dot(values16, bytes16, w, o + r, x + i, at_once, MANY_ACTS, STREAMS(i, MANY_ACTS),
                     y + i * y_stride + r, y_stride);
    for (; FEW_ACTS > 1 && i + FEW_ACTS <= n; i += FEW_ACTS)
        for (int r = 0; r < n_rows; r += at_once)
            tile_dot(values16, bytes16, w, o + r, x + i, at_once, FEW_ACTS, STREAMS(i, FEW_ACTS), y + i * y_stride + r,
                     y_stride);
    if (i < n)
        tile_dot(values16, bytes16, w, o, x + i, n_rows, 1, STREAMS(i, 1), y + i * y_stride, y_stride);
}

#ifdef MANY_TILE
_Static_assert(MANY_OUTPUTS * 128 * 2 <= LINEAR_ACTS * LINEAR_ACT_BYTES &&
                   16 * MANY_OUTPUTS * (int)sizeof(float) <= LINEAR_ACTS * 2 * LINEAR_TILE * (int)sizeof(float),
               "unpacked rows and a panel fit the workspace");

/* The weights of the next panel, while this one meets n rows. */
INLINE struct fetch fetch_panel(const struct view *w, int64_t lo, int64_t hi, int n, const uint8_t *next)
{
    const int64_t turns = (n + MANY_TILE - 1) / MANY_TILE, bytes = MANY_OUTPUTS * w->row_stride;
    if (lo < hi)
        return fetch_rows(w, lo, hi, MANY_OUTPUTS, turns);
    return next ? (struct fetch){next, next + bytes, bytes / 64 / turns + 1} : (struct fetch){0};
}

/* Outputs [lo, hi) of all activation rows, of which as many as stay in the second-level cache meet all weights before
 * the next ones do: they are packed for that, at the beginning of `space`, so that a next call may find them there.
 * Weights that are no f32 are unpacked first. */
INLINE void linear_panels(values16_fn *values16, int bytes16, const struct view *w, int64_t lo, int64_t hi,
                          const struct gather *in, float *y, int64_t y_stride, float *space)
{
    float *unpacked = space + many_kept_values(w->cols);
    float *panel = bytes16 == 64 ? unpacked : unpacked + MANY_OUTPUTS * w->cols;
    struct act act;
    for (int first = 0; first < in->n; first += many_rows(in)) {
        struct gather part = many_part(in, first, &act);
        if (!many_again(in))
            many_pack(&part, space);
        const uint8_t *then = first + part.n < in->n ? w->data + lo * w->row_stride : in->next;
        for (int64_t o = lo; o < hi; o += MANY_OUTPUTS) {
            struct rows from = rows_from(w, o);
            struct view rows = {.dtype = DT_F32, .cols = w->cols, .data = from.data, .row_stride = from.stride};
            rows.rows = hi - o < MANY_OUTPUTS ? hi - o : MANY_OUTPUTS;
            for (int r = 0; bytes16 < 64 && r < rows.rows; r++)
                for (int64_t k = 0; k < w->cols; k += 16)
                    store16(unpacked + r * w->cols + k, 16, row_values(values16, &from, r, k, 16));
            if (bytes16 < 64) {
                rows.data = (const uint8_t *)unpacked;
                rows.row_stride = w->cols * (int64_t)sizeof *unpacked;
            }
            linear_many(&rows, space, part.n, fetch_panel(w, o + MANY_OUTPUTS, hi, part.n, then),
                        y + first * y_stride + (o - lo), y_stride, panel);
        }
    }
}
#endif

INLINE void linear_f32(values16_fn *values16, int bytes16, const struct view *w, int64_t lo, int64_t hi,
                       const struct gather *in, float *y, int64_t y_stride, void *workspace)
{
    (void)workspace;
#ifdef MANY_TILE
    if (in->n >= MANY_FROM && (bytes16 == 64 || w->cols % 16 == 0)) {
        linear_panels(values16, bytes16, w, lo, hi, in, y, y_stride, workspace);
        return;
    }
#endif
    for (int first = 0; first < in->n; first += LINEAR_ACTS) {
        const float *x[LINEAR_ACTS];
        float *out = y + first * y_stride;
        int n = in->n - first < LINEAR_ACTS ? in->n - first : LINEAR_ACTS;
        int64_t o = lo;
        for (int i = 0; i < n; i++)
            x[i] = in->act->f + gather_row(in, first + i) * in->act->width;
        for (; o + ONE_ACT_ROWS <= hi; o += ONE_ACT_ROWS)
            rows_dots(values16, bytes16, w, o, x, ONE_ACT_ROWS, n, out + (o - lo), y_stride);
        for (; o < hi; o++)
            rows_dots(values16, bytes16, w, o, x, 1, n, out + (o - lo), y_stride);
    }
}

LINEAR_KERNELS
