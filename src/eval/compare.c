/* compare.c: two files of samples, item by item. What both got right, or both wrong, says nothing about which is
 * better; so the difference is taken for each item, and its interval is much narrower than those of the two means. */
#include "eval/eval_parts.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "eval/stats.h"
#include "json/jget.h"
#include "json/jwrite.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LIMIT = 1 << 30, N_SCORES = 6 };
/* What a line of samples may have, and how the report calls it; ll: of items with one only. */
static const char *const fields[N_SCORES] = {"acc", "acc_norm", "exact_match", "flexible_match", "well_formed", "ll"};

struct sample {
    char *task;
    int64_t doc_id;
    double score[N_SCORES]; /* NaN: it has none */
};
struct samples {
    struct sample *list;
    size_t n, room;
};

static int by_item(const void *a, const void *b)
{
    const struct sample *x = a, *y = b;
    int order = strcmp(x->task, y->task);
    return order ? order : (x->doc_id > y->doc_id) - (x->doc_id < y->doc_id);
}

static void samples_free(struct samples *s)
{
    for (size_t i = 0; i < s->n; i++)
        mem_free(s->list[i].task);
    mem_free(s->list);
}

static enum osso_status add_sample(struct samples *s, const struct jval *line, const char *where,
                                   struct osso_error *err)
{
    struct sample one = {0};
    const struct jval *id = jval_get_type(line, "doc_id", J_NUMBER), *task = jval_get_type(line, "task", J_STRING);
    if (!task || !id || !jget_integer(id, &one.doc_id))
        return error_set(err, OSSO_FORMAT, "%s: no sample: it needs 'task' and 'doc_id'", where);
    for (int i = 0; i < N_SCORES; i++) {
        const struct jval *v = jval_get(line, fields[i]);
        if (v && v->type == J_ARRAY && v->n_children == 1)
            v = v->first;
        one.score[i] = v && v->type == J_NUMBER ? jget_real(v) : NAN;
    }
    struct sample *list = mem_room(s->list, s->n, &s->room, sizeof *list);
    if (!list)
        return error_nomem(err, s->n * sizeof *list, "samples");
    s->list = list;
    one.task = mem_strndup(task->text.s, task->text.len);
    if (!one.task)
        return error_nomem(err, task->text.len, "samples");
    s->list[s->n++] = one;
    return OSSO_OK;
}

static enum osso_status samples_read(const char *path, struct samples *s, struct osso_error *err)
{
    char *text = NULL;
    size_t len = 0;
    int number = 0;
    enum osso_status status = file_read_text(path, LIMIT, &text, &len, err);
    for (size_t at = 0; !status && at < len;) {
        const char *end = memchr(text + at, '\n', len - at);
        size_t n = end ? (size_t)(end - (text + at)) : len - at;
        struct buf where = {0};
        struct jdoc *tree = NULL;
        buf_printf(&where, "%s, line %d", path, ++number);
        status = where.failed ? error_nomem(err, len, "samples") : jdoc_read(text + at, n, where.data, &tree, err);
        if (!status)
            status = add_sample(s, jdoc_root(tree), where.data, err);
        jdoc_release(tree);
        buf_free(&where);
        at += n + 1;
    }
    mem_free(text);
    if (!status && s->n > 0)
        qsort(s->list, s->n, sizeof *s->list, by_item);
    for (size_t i = 1; i < s->n && !status; i++)
        if (by_item(&s->list[i - 1], &s->list[i]) == 0)
            status = error_set(err, OSSO_FORMAT, "%s has item %lld of %s twice", path, (long long)s->list[i].doc_id,
                               s->list[i].task);
    return status;
}

/* ---- pairs ---------------------------------------------------------------------------------------------- */

struct pairs {
    struct stats a, b, difference;
    int64_t wins, losses; /* of b */
};

static void add_pair(struct pairs *p, double a, double b)
{
    stats_add(&p->a, a);
    stats_add(&p->b, b);
    stats_add(&p->difference, b - a);
    p->wins += b > a;
    p->losses += b < a;
}

static void number(struct buf *out, const char *name, double value)
{
    buf_printf(out, "\"%s\":", name);
    jwrite_number(out, value);
    buf_putc(out, ',');
}

static void write_pairs(struct buf *out, const char *name, const struct pairs *p, bool first)
{
    double mean = stats_mean(&p->difference), half = stats_half(&p->difference);
    buf_printf(out, "%s\"%s\":{", first ? "" : ",", name);
    number(out, "a", stats_mean(&p->a));
    number(out, "b", stats_mean(&p->b));
    number(out, "difference", mean);
    number(out, "low", mean - half);
    number(out, "high", mean + half);
    buf_printf(out, "\"wins\":%lld,\"losses\":%lld,\"n\":%lld}", (long long)p->wins, (long long)p->losses,
               (long long)p->difference.n);
}

/* One task's items in both lists, each list in order; *i and *j are stepped over them. */
static size_t write_task(const struct samples *a, const struct samples *b, size_t *i, size_t *j, bool first,
                         struct buf *out)
{
    struct pairs pairs[N_SCORES] = {0};
    const char *task = a->list[*i].task;
    size_t both = 0;
    while (*i < a->n && strcmp(a->list[*i].task, task) == 0) {
        while (*j < b->n && by_item(&b->list[*j], &a->list[*i]) < 0)
            ++*j;
        if (*j < b->n && by_item(&b->list[*j], &a->list[*i]) == 0) {
            both++;
            for (int k = 0; k < N_SCORES; k++)
                if (!isnan(a->list[*i].score[k]) && !isnan(b->list[*j].score[k]))
                    add_pair(&pairs[k], a->list[*i].score[k], b->list[*j].score[k]);
        }
        ++*i;
    }
    if (both == 0)
        return 0;
    buf_puts(out, first ? "" : ",");
    jwrite_string(out, task, strlen(task));
    buf_puts(out, ":{");
    bool none = true;
    for (int k = 0; k < N_SCORES; k++)
        if (pairs[k].difference.n > 0) {
            write_pairs(out, fields[k], &pairs[k], none);
            none = false;
        }
    buf_putc(out, '}');
    return both;
}

enum osso_status osso_eval_compare(const char *path_a, const char *path_b, char **report_out, struct osso_error *err)
{
    struct samples a = {0}, b = {0};
    struct buf out = {0};
    size_t both = 0, i = 0, j = 0;
    *report_out = NULL;
    enum osso_status status = samples_read(path_a, &a, err);
    if (!status)
        status = samples_read(path_b, &b, err);
    buf_puts(&out, "{\"tasks\":{");
    while (!status && i < a.n)
        both += write_task(&a, &b, &i, &j, both == 0, &out);
    buf_printf(&out, "},\"n\":%zu,\"only_a\":%zu,\"only_b\":%zu}", both, a.n - both, b.n - both);
    if (!status && both == 0)
        status = error_set(err, OSSO_FORMAT, "%s and %s have no item in common", path_a, path_b);
    if (!status && !(*report_out = buf_take(&out)))
        status = error_nomem(err, 0, "a report");
    buf_free(&out);
    samples_free(&a);
    samples_free(&b);
    return status;
}
