/* draw_lens.c: the table of osso inspect lens: rows are layers, columns positions, a cell says its likeliest token. */
#include "cli/figures/figures.h"

#include "base/mem.h"

#include <math.h>

enum { TOPS = 5, TOP_NUMBERS = 130000, IDS = 1 << 24 };

/* Each token's text once: a cell names it by its place in the list. */
struct words {
    int32_t *place; /* [id]; 0: not there yet, else its place + 1 */
    size_t room, n;
    struct buf text;
};

static int word(struct words *w, const struct jval *token)
{
    int64_t id = figure_place(token, "id");
    const struct jval *text = jval_get_type(token, "text", J_STRING);
    if (id < 0 || (size_t)id >= w->room)
        return 0;
    if (!w->place[id]) {
        buf_puts(&w->text, w->n ? "," : "");
        if (text)
            figure_text(&w->text, text->text);
        else
            buf_printf(&w->text, "\"#%lld\"", (long long)id);
        w->place[id] = (int32_t)++w->n;
    }
    return w->place[id] - 1;
}

/* The largest id of a token anywhere among the records and answers, + 1. */
static size_t ids_of(const struct jval *records, const struct jval *answers)
{
    int64_t most = 0;
    for (const struct jval *a = answers->first; a; a = a->next)
        most = figure_place(a, "id") > most ? figure_place(a, "id") : most;
    for (const struct jval *r = records->first; r; r = r->next) {
        const struct jval *top = jval_get(r, "top");
        for (const struct jval *t = top ? top->first : NULL; t; t = t->next)
            most = figure_place(t, "id") > most ? figure_place(t, "id") : most;
    }
    return most < IDS ? (size_t)most + 1 : IDS;
}

static void label_row(struct labels *rows, const struct jval *r, int64_t *layer, int *nth)
{
    int64_t at = figure_place(r, "layer");
    *nth = at == *layer ? *nth + 1 : 0;
    *layer = at;
    if (figure_place(r, "head") >= 0)
        labels_add(rows, "layer %lld, head %lld", (long long)at, (long long)figure_place(r, "head"));
    else if (figure_place(r, "expert") >= 0)
        labels_add(rows, "layer %lld, choice %d", (long long)at, *nth + 1);
    else
        labels_add(rows, "layer %lld", (long long)at);
}

static void put_values(struct map *m, size_t row, size_t column, const struct jval *r)
{
    *map_at(m, 0, row, column) = (float)figure_real(r, "probability");
    *map_at(m, 1, row, column) = (float)figure_real(r, "rank");
    *map_at(m, 2, row, column) = (float)figure_real(r, "kl");
    *map_at(m, 3, row, column) = (float)figure_real(r, "norm");
    *map_at(m, 4, row, column) = (float)figure_real(r, "expert");
}

/* ,"words":[..],"answers":[word, probability, ...],"tops":[...]: `n` words and probabilities of each cell, column by
 * column. */
static void put_words(struct map *m, struct words *w, const struct jval *records, const struct jval *answers, size_t n)
{
    struct buf tops = {0}, *out = &m->more;
    for (const struct jval *r = records->first; r; r = r->next) {
        const struct jval *top = jval_get(r, "top"), *t = top ? top->first : NULL;
        for (size_t i = 0; i < n; i++, t = t ? t->next : NULL) {
            buf_printf(&tops, "%s%d,", tops.len ? "," : "", t ? word(w, t) : 0);
            figure_number(&tops, t ? figure_real(t, "probability") : NAN);
        }
    }
    buf_puts(out, ",\"answers\":[");
    for (const struct jval *a = answers->first; a; a = a->next) {
        buf_printf(out, "%s%d,", a == answers->first ? "" : ",", word(w, a));
        figure_number(out, figure_real(a, "probability"));
    }
    buf_printf(out, "],\"top\":%zu,\"tops\":[%s],\"words\":[%s]", n, tops.data ? tops.data : "",
               w->text.data ? w->text.data : "");
    out->failed = out->failed || tops.failed || w->text.failed;
    buf_free(&tops);
}

static void fill(struct map *m, struct token_list *list, const struct jval *records, const struct jval *answers)
{
    size_t columns = answers->n_children, rows = columns ? records->n_children / columns : 0, i = 0, n;
    const struct jval *top = records->first ? jval_get(records->first, "top") : NULL;
    struct words w = {.room = ids_of(records, answers)};
    int64_t layer = -1;
    int nth = 0;
    bool experts = false;
    for (const struct jval *a = answers->first; a; a = a->next)
        labels_token(&m->columns, list, figure_place(a, "position"));
    for (const struct jval *r = records->first; r && i < rows; r = r->next, i++) {
        label_row(&m->rows, r, &layer, &nth);
        experts = experts || figure_place(r, "expert") >= 0;
    }
    map_make(m, experts ? 5 : 4);
    w.place = mem_array(w.room, sizeof *w.place);
    m->more.failed = !w.place;
    map_slice(m, 0, SCALE_ZERO, 1, "probability of what the run says in the end");
    map_slice(m, 1, SCALE_LOG, 0, "its rank (1 is the likeliest)");
    map_slice(m, 2, SCALE_ZERO, 0, "KL to the final distribution, in nats");
    map_slice(m, 3, SCALE_ZERO, 0, "length of the row");
    if (experts)
        map_slice(m, 4, SCALE_ZERO, 0, "number of the expert");
    i = 0;
    for (const struct jval *r = records->first; r && rows; r = r->next, i++)
        put_values(m, i % rows, i / rows, r);
    n = top && top->n_children < TOPS ? top->n_children : TOPS;
    while (n > 1 && 2 * n * records->n_children > TOP_NUMBERS)
        n--;
    if (w.place)
        put_words(m, &w, records, answers, n);
    mem_free(w.place);
    buf_free(&w.text);
}

void figures_lens(struct buf *out, const struct jval *root)
{
    const struct jval *records = jval_get_type(root, "records", J_ARRAY),
                      *answers = jval_get_type(root, "answers", J_ARRAY);
    struct token_list list;
    struct map m = {
        .title = "What each layer would say",
        .note = "A cell has the likeliest token, were the run to end there. A position is its number and its token.",
        .row = "layer",
        .column = "position"};
    if (!records || !answers)
        return;
    token_list_of(&list, root, "", out);
    fill(&m, &list, records, answers);
    map_write(&m, out);
    token_list_free(&list);
}
