/* map.c: rows x columns of numbers, made coarser until a page holds them. */
#include "cli/figures/figures.h"

#include "base/mem.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void map_make(struct map *m, size_t n_slices)
{
    size_t cells = m->rows.n * m->columns.n;
    m->n_slices = n_slices;
    m->slices = mem_array(n_slices, sizeof *m->slices);
    m->values = cells && n_slices > SIZE_MAX / cells ? NULL : mem_array(n_slices * cells, sizeof *m->values);
    for (size_t i = 0; m->values && i < n_slices * cells; i++)
        m->values[i] = NAN;
}

void map_slice(struct map *m, size_t slice, enum map_scale scale, double high, const char *format, ...)
{
    struct map_slice *s = m->slices ? &m->slices[slice] : NULL;
    va_list args;
    if (!s)
        return;
    va_start(args, format);
    vsnprintf(s->name, sizeof s->name, format, args);
    va_end(args);
    s->scale = scale;
    s->high = high;
}

float *map_at(struct map *m, size_t slice, size_t row, size_t column)
{
    bool in = m->values && slice < m->n_slices && row < m->rows.n && column < m->columns.n;
    return in ? &m->values[(slice * m->rows.n + row) * m->columns.n + column] : &m->nobody;
}

/* How many of each axis share a cell, until the map is small enough. */
static void choose_bins(const struct map *m, size_t *down, size_t *across)
{
    *down = *across = 1;
    for (;;) {
        size_t rows = (m->rows.n + *down - 1) / *down, columns = (m->columns.n + *across - 1) / *across;
        if (rows * columns <= FIGURE_CELLS && rows * columns * m->n_slices <= FIGURE_NUMBERS)
            return;
        if (rows <= 1 && columns <= 1)
            return;
        if (m->square)
            ++*across, ++*down;
        else if (columns >= rows)
            ++*across;
        else
            ++*down;
    }
}

static double put_together(struct map *m, size_t slice, size_t row, size_t column, size_t down, size_t across)
{
    double sum = 0, largest = NAN;
    size_t n = 0;
    for (size_t r = row * down; r < (row + 1) * down && r < m->rows.n; r++)
        for (size_t c = column * across; c < (column + 1) * across && c < m->columns.n; c++) {
            double v = (double)*map_at(m, slice, r, c);
            if (isnan(v))
                continue;
            sum += v;
            n++;
            largest = isnan(largest) || fabs(v) > fabs(largest) ? v : largest;
        }
    return m->bin == BIN_LARGEST || n == 0 ? largest : sum / (double)n;
}

/* Labels of cells that stand for several: the first and the last one's, without their quotes between. */
static void write_labels(struct buf *out, const char *name, const struct labels *l, size_t bin)
{
    const char *at = l->text.data;
    buf_printf(out, ",\"%s\":[", name);
    for (size_t i = 0; i < l->n; i += bin) {
        size_t last = i + bin < l->n ? bin : l->n - i;
        const char *end = at;
        for (size_t k = 1; k < last; k++)
            end += strlen(end) + 1;
        buf_puts(out, i ? "," : "");
        if (end == at) {
            buf_puts(out, at);
        } else {
            buf_add(out, at, strlen(at) - 1);
            buf_puts(out, " to ");
            buf_puts(out, end + 1);
        }
        at = end + strlen(end) + 1;
    }
    buf_puts(out, "]");
}

static void write_slice(struct buf *out, struct map *m, size_t slice, size_t down, size_t across)
{
    static const char *const scales[] = {"zero", "log", "signed"};
    const struct map_slice *s = &m->slices[slice];
    double high = 0;
    bool first = true;
    buf_puts(out, slice ? ",{\"name\":" : "{\"name\":");
    figure_text(out, (struct jtext){s->name, strlen(s->name)});
    buf_printf(out, ",\"scale\":\"%s\",\"values\":[", scales[s->scale]);
    for (size_t r = 0; r * down < m->rows.n; r++)
        for (size_t c = 0; c * across < m->columns.n; c++) {
            double v = put_together(m, slice, r, c, down, across);
            high = isfinite(v) && fabs(v) > high ? fabs(v) : high;
            buf_puts(out, first ? "" : ",");
            first = false;
            figure_number(out, v);
        }
    buf_puts(out, "],\"high\":");
    figure_number(out, s->high > 0 ? s->high : high);
    buf_puts(out, "}");
}

static void write_map(struct buf *out, struct map *m)
{
    size_t down, across;
    char note[600], coarse[200] = "";
    choose_bins(m, &down, &across);
    if (down > 1 || across > 1)
        snprintf(coarse, sizeof coarse, " Drawn coarser: a cell is the %s of %zu x %zu (%s x %s).",
                 m->bin == BIN_MEAN ? "mean" : "largest", down, across, m->row, m->column);
    snprintf(note, sizeof note, "%s%s", m->note, coarse);
    figure_begin(out, "map", m->title, note);
    buf_printf(out, ",\"row\":\"%s\",\"column\":\"%s\"", m->row, m->column);
    write_labels(out, "rows", &m->rows, down);
    write_labels(out, "columns", &m->columns, across);
    if (down == 1 && across == 1 && m->more.len)
        buf_add(out, m->more.data, m->more.len);
    buf_puts(out, ",\"slices\":[");
    for (size_t s = 0; s < m->n_slices; s++)
        write_slice(out, m, s, down, across);
    buf_puts(out, "]}");
}

void map_write(struct map *m, struct buf *out)
{
    if (!m->slices || !m->values || m->more.failed || m->rows.text.failed || m->columns.text.failed)
        out->failed = true;
    else
        write_map(out, m);
    labels_free(&m->rows);
    labels_free(&m->columns);
    buf_free(&m->more);
    mem_free(m->slices);
    mem_free(m->values);
}
