/* draw_attention.c: the pictures of osso inspect attention: what each head does, and its pattern. */
#include "cli/figures/figures.h"

#include "json/jget.h"

static const char *const shares[] = {"previous", "first", "same", "duplicate", "induction", "sink"};
static const char *const says[] = {"weight on the token before",
                                   "weight on position 0",
                                   "weight on the token itself",
                                   "weight on earlier copies of the token",
                                   "weight on what followed a copy (induction)",
                                   "weight on the sink"};
enum { SHARES = sizeof shares / sizeof *shares };

/* Rows are layers, columns heads: as many as the first layer has. */
static void label_axes(struct map *m, const struct jval *heads)
{
    const struct jval *first = heads->first;
    size_t per_layer = 0, i = 0;
    for (const struct jval *h = first; h && figure_place(h, "layer") == figure_place(first, "layer"); h = h->next) {
        labels_add(&m->columns, "head %lld", (long long)figure_place(h, "head"));
        per_layer++;
    }
    for (const struct jval *h = first; h; h = h->next, i++)
        if (i % per_layer == 0) {
            const struct jval *sliding = jval_get(h, "sliding");
            labels_add(&m->rows, "layer %lld%s", (long long)figure_place(h, "layer"),
                       sliding && sliding->truth ? " ~" : "");
        }
}

static void draw_heads(struct buf *out, const struct jval *heads)
{
    struct map m = {
        .title = "What heads look at",
        .note =
            "Means over the queries of the text; ~ is a layer with a sliding window. A head that gives one thing at least half of "
            "its weight is named after it.",
        .row = "layer",
        .column = "head"};
    size_t i = 0;
    label_axes(&m, heads);
    map_make(&m, SHARES + 2);
    for (size_t s = 0; s < SHARES; s++)
        map_slice(&m, s, SCALE_ZERO, 1, "%s", says[s]);
    map_slice(&m, SHARES, SCALE_ZERO, 0, "entropy, in nats");
    map_slice(&m, SHARES + 1, SCALE_ZERO, 0, "how many tokens back, on average");
    buf_puts(&m.more, ",\"texts\":[");
    for (const struct jval *h = heads->first; h; h = h->next, i++) {
        size_t row = i / m.columns.n, column = i % m.columns.n;
        const struct jval *kind = jval_get_type(h, "kind", J_STRING);
        for (size_t s = 0; s < SHARES; s++)
            *map_at(&m, s, row, column) = (float)figure_real(h, shares[s]);
        *map_at(&m, SHARES, row, column) = (float)figure_real(h, "entropy");
        *map_at(&m, SHARES + 1, row, column) = (float)figure_real(h, "span");
        buf_puts(&m.more, i ? "," : "");
        figure_text(&m.more, kind ? kind->text : (struct jtext){"", 0});
    }
    buf_puts(&m.more, "]");
    map_write(&m, out);
}

static void draw_patterns(struct buf *out, const struct jval *heads, const struct token_list *list)
{
    struct map m = {.title = "Patterns",
                    .note = "Rows are queries, columns the keys they look at. A row sums to 1 less the sink's share.",
                    .row = "query",
                    .column = "key",
                    .bin = BIN_LARGEST,
                    .square = true};
    size_t s = 0;
    for (size_t i = 0; i < list->n; i++) {
        labels_token(&m.rows, list, (int64_t)i);
        labels_token(&m.columns, list, (int64_t)i);
    }
    map_make(&m, heads->n_children);
    for (const struct jval *h = heads->first; h; h = h->next, s++) {
        const struct jval *pattern = jval_get(h, "pattern");
        size_t q = 0;
        map_slice(&m, s, SCALE_ZERO, 1, "layer %lld, head %lld", (long long)figure_place(h, "layer"),
                  (long long)figure_place(h, "head"));
        for (const struct jval *row = pattern ? pattern->first : NULL; row; row = row->next, q++) {
            size_t k = 0;
            for (const struct jval *w = row->first; w; w = w->next)
                *map_at(&m, s, q, k++) = (float)jget_real(w);
        }
    }
    map_write(&m, out);
}

void figures_attention(struct buf *out, const struct jval *root)
{
    const struct jval *heads = jval_get_type(root, "heads", J_ARRAY);
    struct token_list list;
    if (!heads || !heads->first)
        return;
    draw_heads(out, heads);
    if (!jval_get(heads->first, "pattern"))
        return;
    token_list_of(&list, root, "", out);
    draw_patterns(out, heads, &list);
    token_list_free(&list);
}
