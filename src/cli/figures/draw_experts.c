/* draw_experts.c: the pictures of osso inspect experts: load, tokens by their experts, pairs, and what is lost without
 * one.
 */
#include "cli/figures/figures.h"

#include "json/jget.h"

#include <math.h>
#include <stdio.h>

static size_t count_of(const struct jval *root, const char *key)
{
    int64_t n = figure_place(root, key);
    return n > 0 ? (size_t)n : 0;
}

static void label_axes(struct map *m, const struct jval *layers, size_t experts)
{
    for (const struct jval *l = layers->first; l; l = l->next)
        labels_add(&m->rows, "layer %lld", (long long)figure_place(l, "layer"));
    for (size_t e = 0; e < experts; e++)
        labels_add(&m->columns, "expert %zu", e);
}

/* A list of counts into a row, each times `factor`. */
static void put_counts(struct map *m, size_t slice, size_t row, const struct jval *list, double factor)
{
    size_t e = 0;
    for (const struct jval *n = list ? list->first : NULL; n; n = n->next)
        *map_at(m, slice, row, e++) = (float)(jget_real(n) * factor);
}

/* ---- load ----------------------------------------------------------------------------------------------------------
 */

static void put_effects(struct map *m, size_t slice, const struct jval *layers, const struct jval *effects)
{
    for (const struct jval *e = effects->first; e; e = e->next) {
        size_t row = 0;
        for (const struct jval *l = layers->first; l && figure_place(l, "layer") != figure_place(e, "layer");
             l = l->next)
            row++;
        *map_at(m, slice, row, (size_t)figure_place(e, "expert")) = (float)figure_real(e, "kl");
    }
}

static void draw_load(struct buf *out, const struct jval *root, const struct jval *layers, size_t rows)
{
    const struct jval *classes = jval_get_type(root, "classes", J_OBJECT),
                      *effects = jval_get_type(root, "effects", J_ARRAY);
    size_t kinds = classes ? classes->n_children : 0, r = 0, s = 2;
    struct map m = {.title = "Where tokens go",
                    .note = "How often each expert is chosen, and by which kind of token.",
                    .row = "layer",
                    .column = "expert"};
    label_axes(&m, layers, count_of(root, "n_experts"));
    map_make(&m, 2 + kinds + (effects != NULL));
    map_slice(&m, 0, SCALE_ZERO, 0, "share of tokens that choose it");
    map_slice(&m, 1, SCALE_ZERO, 1, "its mean weight where it is chosen");
    for (const struct jval *c = classes ? classes->first : NULL; c; c = c->next)
        map_slice(&m, s++, SCALE_ZERO, 1, "share of the %.0f tokens of kind %.*s", jget_real(c), (int)c->key.len,
                  c->key.s);
    if (effects)
        map_slice(&m, s, SCALE_ZERO, 0, "switched off: KL in nats");
    for (const struct jval *l = layers->first; l; l = l->next, r++) {
        const struct jval *by = jval_get(l, "by_class"), *weight = jval_get(l, "weight");
        put_counts(&m, 0, r, jval_get(l, "load"), 1 / (double)rows);
        put_counts(&m, 1, r, weight, 1);
        for (size_t e = 0; e < m.columns.n; e++) /* a sum becomes a mean */
            *map_at(&m, 1, r, e) /= *map_at(&m, 0, r, e) * (float)rows;
        s = 2;
        for (const struct jval *c = classes ? classes->first : NULL; c; c = c->next)
            put_counts(&m, s++, r, jval_get_type(by, c->key.s, J_ARRAY), 1 / jget_real(c));
    }
    if (effects)
        put_effects(&m, s, layers, effects);
    map_write(&m, out);
}

/* ---- tokens --------------------------------------------------------------------------------------------------------
 */

static void write_tokens(struct buf *out, const struct jval *root, const struct token_list *list, size_t shown)
{
    const struct jval *lengths = jval_get_type(root, "lengths", J_ARRAY), *rows = jval_get(root, "rows"),
                      *at = lengths ? lengths->first : NULL;
    size_t i = 0;
    int64_t text = 0, before = 0;
    buf_puts(out, ",\"positions\":[");
    for (const struct jval *r = rows->first; r && i < shown; r = r->next, i++)
        buf_printf(out, "%s%lld", i ? "," : "", (long long)figure_place(r, "position"));
    buf_puts(out, "],\"tokens\":[");
    i = 0;
    for (const struct jval *r = rows->first; r && i < shown; r = r->next, i++) {
        for (; at && text < figure_place(r, "text"); text++, at = at->next)
            before += (int64_t)jget_real(at);
        size_t place = (size_t)(before + figure_place(r, "position"));
        struct jtext none = {"", 0};
        buf_puts(out, i ? "," : "");
        figure_text(out, place < list->n ? list->of[place]->text : none);
    }
    buf_puts(out, "]");
}

/* Experts and weights of each token, by falling weight. */
static void write_picks(struct buf *out, const struct jval *layer, size_t shown)
{
    const struct jval *experts = jval_get(layer, "experts"), *weights = jval_get(layer, "weights");
    const struct jval *e = experts ? experts->first : NULL, *w = weights ? weights->first : NULL;
    buf_printf(out, "{\"name\":\"layer %lld\",\"picks\":[", (long long)figure_place(layer, "layer"));
    for (size_t i = 0; e && w && i < shown; i++, e = e->next, w = w->next) {
        const struct jval *a = e->first, *b = w->first;
        for (; a && b; a = a->next, b = b->next) {
            buf_printf(out, "%s%.0f,", i || a != e->first ? "," : "", jget_real(a));
            buf_printf(out, "%.3g", jget_real(b));
        }
    }
    buf_puts(out, "]}");
}

static void draw_tokens(struct buf *out, const struct jval *root, const struct jval *layers, size_t rows)
{
    size_t chosen = count_of(root, "chosen"), shown = rows;
    struct token_list list;
    char note[200];
    if (shown > FIGURE_NUMBERS / (2 * chosen * layers->n_children + 1))
        shown = FIGURE_NUMBERS / (2 * chosen * layers->n_children + 1);
    int len = snprintf(note, sizeof note, "Coloured by the expert with the largest weight, whose number is beside it.");
    if (shown < rows)
        snprintf(note + len, sizeof note - (size_t)len, " The first %zu of %zu tokens.", shown, rows);
    token_list_of(&list, root, "", out);
    figure_begin(out, "text", "Tokens by their expert", note);
    buf_printf(out, ",\"chosen\":%zu", chosen);
    write_tokens(out, root, &list, shown);
    buf_puts(out, ",\"slices\":[");
    for (const struct jval *l = layers->first; l; l = l->next) {
        buf_puts(out, l == layers->first ? "" : ",");
        write_picks(out, l, shown);
    }
    buf_puts(out, "]}");
    token_list_free(&list);
}

/* ---- pairs and effects ---------------------------------------------------------------------------------------------
 */

static void draw_pairs(struct buf *out, const struct jval *layers, size_t experts, size_t rows)
{
    struct map m = {.title = "Which experts come together",
                    .note = "Share of the tokens that choose both.",
                    .row = "expert",
                    .column = "expert",
                    .bin = BIN_LARGEST,
                    .square = true};
    size_t s = 0;
    for (size_t e = 0; e < experts; e++) {
        labels_add(&m.rows, "expert %zu", e);
        labels_add(&m.columns, "expert %zu", e);
    }
    map_make(&m, layers->n_children);
    for (const struct jval *l = layers->first; l; l = l->next, s++) {
        const struct jval *together = jval_get(l, "together");
        map_slice(&m, s, SCALE_ZERO, 0, "layer %lld", (long long)figure_place(l, "layer"));
        for (size_t i = 0; i < experts; i++)
            for (size_t j = 0; j < experts; j++)
                *map_at(&m, s, i, j) = i == j ? NAN : 0.0f;
        for (const struct jval *t = together ? together->first : NULL; t; t = t->next) {
            double a = jget_real(t->first), b = jget_real(t->first->next), n = jget_real(t->last);
            *map_at(&m, s, (size_t)a, (size_t)b) = *map_at(&m, s, (size_t)b, (size_t)a) = (float)(n / (double)rows);
        }
    }
    map_write(&m, out);
}

static void draw_effects(struct buf *out, const struct jval *effects)
{
    size_t i = 0;
    char note[200];
    snprintf(
        note, sizeof note,
        "KL of the next token's distributions from the plain run, in nats: mean over all tokens, and the largest; and how many "
        "likeliest tokens change. The first %d.",
        BARS_SHOWN);
    figure_begin(out, "bars", "What is lost without an expert", note);
    buf_puts(
        out,
        ",\"columns\":[\"switched off\",\"mean KL\",\"largest KL\",\"tokens changed\"],\"slices\":[{\"name\":\"\",\"rows\":[");
    for (const struct jval *e = effects->first; e && i < BARS_SHOWN; e = e->next, i++) {
        buf_printf(out, "%s[\"layer %lld, expert %lld\",", i ? "," : "", (long long)figure_place(e, "layer"),
                   (long long)figure_place(e, "expert"));
        figure_number(out, figure_real(e, "kl"));
        buf_puts(out, ",");
        figure_number(out, figure_real(e, "most"));
        buf_printf(out, ",%lld]", (long long)figure_place(e, "changed"));
    }
    buf_puts(out, "]}]}");
}

void figures_experts(struct buf *out, const struct jval *root)
{
    const struct jval *layers = jval_get_type(root, "layers", J_ARRAY), *rows = jval_get_type(root, "rows", J_ARRAY),
                      *effects = jval_get_type(root, "effects", J_ARRAY);
    if (!layers || !rows || !layers->n_children || !rows->n_children)
        return;
    draw_load(out, root, layers, rows->n_children);
    draw_tokens(out, root, layers, rows->n_children);
    if (effects)
        draw_effects(out, effects);
    if (count_of(root, "chosen") > 1)
        draw_pairs(out, layers, count_of(root, "n_experts"), rows->n_children);
}
