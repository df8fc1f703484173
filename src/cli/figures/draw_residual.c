/* draw_residual.c: the pictures of osso inspect residual: which terms of the stream speak for a token. */
#include "cli/figures/figures.h"

#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* The places that were taken apart; what was asked of each is the slice's name. */
struct places {
    const struct jval *targets, *streams, *terms;
    size_t n, per_terms, per_streams;
};

static void token_name(struct buf *out, const struct jval *target, const char *key)
{
    const struct jval *token = jval_get(target, key), *text = jval_get_type(token, "text", J_STRING);
    if (!text) {
        buf_printf(out, "#%lld", (long long)figure_place(token, "id"));
        return;
    }
    buf_puts(out, "\\\"");
    figure_plain(out, text->text);
    buf_puts(out, "\\\"");
}

static void slice_name(struct buf *out, const struct jval *target)
{
    buf_printf(out, "\"position %lld: logit of ", (long long)figure_place(target, "position"));
    token_name(out, target, "answer");
    buf_puts(out, " less that of ");
    token_name(out, target, "wrong");
    buf_puts(out, ": ");
    figure_number(out, figure_real(target, "difference"));
    buf_putc(out, '"');
}

/* ---- terms ---------------------------------------------------------------------------------------------------------
 */

static int by_attribution(const void *a, const void *b)
{
    double x = fabs(figure_real(*(const struct jval *const *)a, "attribution")),
           y = fabs(figure_real(*(const struct jval *const *)b, "attribution"));
    return x != y ? (x < y ? 1 : -1) : 0;
}

static void numbers(struct buf *out, double adds, double length, double cosine)
{
    buf_puts(out, ",");
    figure_number(out, adds);
    buf_puts(out, ",");
    figure_number(out, length);
    buf_puts(out, ",");
    figure_number(out, cosine);
    buf_puts(out, "]");
}

static void write_term(struct buf *out, const struct jval *t)
{
    const struct jval *kind = jval_get_type(t, "kind", J_STRING);
    const char *what = kind ? kind->text.s : "";
    long long layer = (long long)figure_place(t, "layer");
    if (layer < 0)
        buf_printf(out, "[\"%s\"", what);
    else if (figure_place(t, what) >= 0)
        buf_printf(out, "[\"layer %lld, %s %lld\"", layer, what, (long long)figure_place(t, what));
    else
        buf_printf(out, "[\"layer %lld, bias of o_proj\"", layer);
    numbers(out, figure_real(t, "attribution"), figure_real(t, "norm"), figure_real(t, "cosine"));
}

static void write_terms(struct buf *out, const struct jval **terms, size_t n)
{
    double rest = 0;
    qsort(terms, n, sizeof *terms, by_attribution);
    for (size_t i = 0; i < n; i++)
        if (i < BARS_SHOWN) {
            buf_puts(out, i ? "," : "");
            write_term(out, terms[i]);
        } else {
            rest += figure_real(terms[i], "attribution");
        }
    if (n > BARS_SHOWN) {
        buf_printf(out, ",[\"the other %zu\"", n - BARS_SHOWN);
        numbers(out, rest, NAN, NAN);
    }
}

static void draw_terms(struct buf *out, const struct places *p)
{
    const struct jval **terms = mem_array(p->per_terms, sizeof *terms), *t = p->terms->first;
    size_t shown = p->n < FIGURE_BARS / BARS_SHOWN ? p->n : FIGURE_BARS / BARS_SHOWN, i = 0;
    char note[200];
    if (!terms) {
        out->failed = true;
        return;
    }
    snprintf(note, sizeof note, "The %d terms that say most; all of them together are the difference of the logits.%s",
             BARS_SHOWN, shown < p->n ? " Of many positions only the first are here." : "");
    figure_begin(out, "bars", "Which terms speak for the answer", note);
    buf_puts(out, ",\"columns\":[\"term\",\"adds\",\"length\",\"cosine\"],\"slices\":[");
    for (const struct jval *target = p->targets->first; target && i < shown; target = target->next, i++) {
        size_t n = 0;
        for (; t && n < p->per_terms; t = t->next)
            terms[n++] = t;
        buf_puts(out, i ? ",{\"name\":" : "{\"name\":");
        slice_name(out, target);
        buf_puts(out, ",\"rows\":[");
        write_terms(out, terms, n);
        buf_puts(out, "]}");
    }
    buf_puts(out, "]}");
    mem_free(terms);
}

/* ---- layers --------------------------------------------------------------------------------------------------------
 */

static size_t column_of(const struct jval *t, size_t heads)
{
    const struct jval *kind = jval_get_type(t, "kind", J_STRING);
    if (figure_place(t, "head") >= 0)
        return (size_t)figure_place(t, "head");
    return !kind || jtext_is(kind->text, "bias") ? heads : heads + 1;
}

static void draw_layers(struct buf *out, const struct places *p)
{
    struct map m = {
        .title = "Where in the model it is said",
        .note =
            "What each head, o_proj's bias and all chosen experts together add to the difference. The embedding is only among the terms.",
        .row = "layer",
        .column = "part",
        .bin = BIN_LARGEST};
    int64_t heads = 0;
    size_t i = 0;
    for (const struct jval *t = p->terms->first; t && i < p->per_terms; t = t->next, i++)
        heads = figure_place(t, "head") >= heads ? figure_place(t, "head") + 1 : heads;
    for (size_t l = 0; l < p->per_streams; l++)
        labels_add(&m.rows, "layer %zu", l);
    for (int64_t h = 0; h < heads; h++)
        labels_add(&m.columns, "head %lld", (long long)h);
    labels_add(&m.columns, "bias");
    labels_add(&m.columns, "experts");
    map_make(&m, p->n);
    i = 0;
    for (const struct jval *t = p->targets->first; t; t = t->next)
        map_slice(&m, i++, SCALE_SIGNED, 0, "position %lld", (long long)figure_place(t, "position"));
    i = 0;
    for (const struct jval *t = p->terms->first; t; t = t->next, i++) {
        int64_t layer = figure_place(t, "layer");
        float *at = map_at(&m, i / p->per_terms, (size_t)layer, column_of(t, (size_t)heads));
        if (layer >= 0)
            *at = (float)((isnan((double)*at) ? 0 : (double)*at) + figure_real(t, "attribution"));
    }
    map_write(&m, out);
}

static void draw_streams(struct buf *out, const struct places *p)
{
    size_t i = 0, n = FIGURE_BARS / (p->per_streams ? p->per_streams : 1);
    figure_begin(
        out, "bars", "The stream behind each layer",
        n < p->n
            ? "Its length, its cosine with the last, and the largest difference to the terms so far. Of many positions only the first are here."
            : "Its length, its cosine with the last, and the largest difference to the terms so far.");
    buf_puts(out, ",\"columns\":[\"layer\",\"length\",\"cosine\",\"terms differ by\"],\"slices\":[");
    for (const struct jval *s = p->streams->first; s && i < n * p->per_streams; s = s->next, i++) {
        if (i % p->per_streams == 0)
            buf_printf(out, "%s{\"name\":\"position %lld\",\"rows\":[", i ? "," : "",
                       (long long)figure_place(s, "position"));
        buf_printf(out, "%s[\"layer %lld\"", i % p->per_streams ? "," : "", (long long)figure_place(s, "layer"));
        numbers(out, figure_real(s, "norm"), figure_real(s, "cosine"), figure_real(s, "error"));
        buf_puts(out, i % p->per_streams + 1 == p->per_streams ? "]}" : "");
    }
    buf_puts(out, "]}");
}

void figures_residual(struct buf *out, const struct jval *root)
{
    struct places p = {.targets = jval_get_type(root, "targets", J_ARRAY),
                       .streams = jval_get_type(root, "streams", J_ARRAY),
                       .terms = jval_get_type(root, "terms", J_ARRAY)};
    if (!p.targets || !p.streams || !p.terms || !p.targets->n_children)
        return;
    p.n = p.targets->n_children;
    p.per_terms = p.terms->n_children / p.n;
    p.per_streams = p.streams->n_children / p.n;
    draw_terms(out, &p);
    draw_layers(out, &p);
    draw_streams(out, &p);
}
