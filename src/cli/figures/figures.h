/* figures.h: pictures of the pages of osso inspect, as the JSON that inspect_page.js draws. There are three kinds, and
 * one file for each verb says which of them it has, from the JSON that --json prints:
 *   map    rows x columns of numbers as colours, in one or more slices of which one is shown
 *   bars   a list of terms, each with numbers, the first of them as a bar
 *   text   tokens coloured by what was chosen for them
 * What would be too much for a page is drawn coarser, and the picture says so. */
#ifndef OSSO_CLI_FIGURES_H
#define OSSO_CLI_FIGURES_H

#include "base/buf.h"
#include "json/jdoc.h"

/* A picture's share of a page: numbers, cells of a map, lines of bars, picks of a text. */
enum { FIGURE_NUMBERS = 200000, FIGURE_CELLS = 16384, FIGURE_BARS = 8192, BARS_SHOWN = 40 };

/* ---- text ----------------------------------------------------------------------------------------------------------
 */

/* A string of JSON that no HTML can come out of, for people: control characters, and those that are not seen or turn
 * the direction of what follows, are written by their number. */
void figure_text(struct buf *out, struct jtext text);
void figure_plain(struct buf *out, struct jtext text); /* the same without the quotes */
struct labels {
    struct buf text; /* each with a NUL behind it: strings of JSON */
    size_t n;
};
void labels_add(struct labels *labels, const char *format, ...) __attribute__((format(printf, 2, 3)));
void labels_free(struct labels *labels);

/* The tokens of a text: its `<prefix>tokens`, or without texts its `<prefix>ids`. */
struct token_list {
    const struct jval **of;
    size_t n;
    bool texts;
};
/* Sets out->failed when memory runs out: the list is empty then. */
void token_list_of(struct token_list *list, const struct jval *root, const char *prefix, struct buf *out);
/* The label "<position> <token>". */
void labels_token(struct labels *labels, const struct token_list *list, int64_t position);
void token_list_free(struct token_list *list);

/* ---- maps ----------------------------------------------------------------------------------------------------------
 */

enum map_scale { SCALE_ZERO, SCALE_LOG, SCALE_SIGNED }; /* from 0; the logarithm, from 1; around 0 */
enum map_bin { BIN_MEAN, BIN_LARGEST };                 /* of those that share a cell: mean, or furthest from 0 */

struct map {
    const char *title, *note, *row, *column; /* the latter two name what rows and columns are */
    enum map_bin bin;
    bool square; /* rows and columns are the same things */
    struct labels rows, columns;
    struct map_slice {
        char name[80];
        enum map_scale scale;
        double high; /* the end of the scale; 0: the largest value */
    } * slices;
    size_t n_slices;
    float *values;   /* [slice][row][column]; NAN: none */
    float nobody;    /* what map_at gives for values outside */
    struct buf more; /* ,"name":... for maps of which nothing had to be put together */
};

/* Room for so many slices of as many rows and columns as there are labels. Without memory it can be filled all the
 * same; map_write then says it. */
void map_make(struct map *map, size_t n_slices);
void map_slice(struct map *map, size_t slice, enum map_scale scale, double high, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
/* Values outside are nobody's: a number to forget. */
float *map_at(struct map *map, size_t slice, size_t row, size_t column);
/* Appends it, behind a comma if out ends in a figure, or sets out->failed; frees what it holds. */
void map_write(struct map *map, struct buf *out);

/* ---- what the verbs draw -------------------------------------------------------------------------------------------
 */

typedef void figures_fn(struct buf *out, const struct jval *root); /* out->failed: no memory */
figures_fn figures_lens, figures_attention, figures_residual, figures_experts, figures_patch;

/* ---- help for these ------------------------------------------------------------------------------------------------
 */

/* Begins a figure of this kind: {"kind":..,"title":..,"note":.. without the last brace. */
void figure_begin(struct buf *out, const char *kind, const char *title, const char *note);
/* A member that is a number; NAN where there is none. */
double figure_real(const struct jval *v, const char *key);
/* A member that is a place; -1 where it is null or missing. */
int64_t figure_place(const struct jval *v, const char *key);
/* A number with as many digits as a picture needs. */
void figure_number(struct buf *out, double value);

#endif
