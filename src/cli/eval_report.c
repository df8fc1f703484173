/* eval_report.c: reports of `osso eval` as tables, from the JSON that --json prints: a table says nothing else. */
#include "cli/eval_report.h"

#include "base/error.h"
#include "json/jget.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { TEXT = 160 };

/* A cell, with blanks up to its column's width. */
static void cell(struct buf *out, const char *text, int width, bool right)
{
    buf_printf(out, right ? " %*s |" : " %-*s |", width, text);
}

/* The name of a task, which a file of data or samples may say: as errors show what is not ours. */
static void name_cell(struct buf *out, struct jtext name, int width)
{
    struct osso_error shown;
    error_set(&shown, OSSO_OK, "%s", name.s);
    cell(out, shown.text, width, false);
}

static double member(const struct jval *v, const char *key)
{
    const struct jval *found = jval_get(v, key);
    return found && found->type == J_NUMBER ? jget_real(found) : NAN;
}

static void real(char *text, double value)
{
    snprintf(text, TEXT, isnan(value) ? "-" : fabs(value) < 1000 ? "%.4f" : "%.6g", value);
}

static void score_row(struct buf *out, const struct jval *task, const struct jval *field)
{
    char name[TEXT], value[TEXT], half[TEXT], key[TEXT], n[TEXT];
    const char *comma = strchr(field->key.s, ',');
    int stem = (int)(comma - field->key.s);
    snprintf(key, sizeof key, "%.*s_stderr%s", stem, field->key.s, comma);
    snprintf(name, sizeof name, strcmp(comma, ",none") == 0 ? "%.*s" : "%.*s (%s)", stem, field->key.s, comma + 1);
    double error = member(task, key);
    real(value, jget_real(field));
    real(half, 1.96 * error);
    snprintf(n, sizeof n, "%.0f", member(task, "n"));
    buf_putc(out, '|');
    name_cell(out, task->key, 28);
    cell(out, name, 30, false);
    cell(out, value, 10, true);
    cell(out, half, 10, true);
    cell(out, n, 6, true);
    buf_putc(out, '\n');
}

static void task_rows(struct buf *out, const struct jval *task)
{
    const struct jval *error = jval_get(task, "error");
    if (error && error->type == J_STRING)
        buf_printf(out, "| %-28s | failed: %s\n", task->key.s, error->text.s);
    for (const struct jval *f = task->first; f; f = f->next)
        if (f->type == J_NUMBER && strchr(f->key.s, ',') && !strstr(f->key.s, "_stderr,"))
            score_row(out, task, f);
}

static void pair_rows(struct buf *out, const struct jval *task)
{
    for (const struct jval *f = task->first; f; f = f->next) {
        static const char *const keys[] = {"a", "b", "difference", "low", "high"};
        char text[TEXT];
        buf_putc(out, '|');
        name_cell(out, task->key, 20);
        cell(out, f->key.s, 14, false);
        for (int i = 0; i < 5; i++) {
            real(text, member(f, keys[i]));
            cell(out, text, 10, true);
        }
        snprintf(text, sizeof text, "%.0f", member(f, "wins"));
        cell(out, text, 6, true);
        snprintf(text, sizeof text, "%.0f", member(f, "losses"));
        cell(out, text, 6, true);
        snprintf(text, sizeof text, "%.0f", member(f, "n"));
        cell(out, text, 6, true);
        buf_putc(out, '\n');
    }
}

static void rule(struct buf *out, const int *widths)
{
    buf_putc(out, '|');
    for (int i = 0; widths[i]; i++) {
        for (int k = 0; k < widths[i] + 2; k++)
            buf_putc(out, '-');
        buf_putc(out, '|');
    }
    buf_putc(out, '\n');
}

/* Is it a family that the table of the world has? */
static bool in_world(const struct jval *root, const struct jval *task)
{
    static const char part[] = "world_";
    size_t n = sizeof part - 1;
    return jval_get(root, "world") && task->key.len > n && memcmp(task->key.s, part, n) == 0;
}

enum osso_status eval_report_table(const char *report, bool compared, struct buf *out, struct osso_error *err)
{
    static const char *const heads[2][11] = {
        {"task", "score", "value", "+- 95 %", "n", NULL},
        {"task", "score", "A", "B", "B - A", "from", "to", "B won", "B lost", "n", NULL}};
    static const int widths[2][11] = {{28, 30, 10, 10, 6, 0}, {20, 14, 10, 10, 10, 10, 10, 6, 6, 6, 0}};
    struct jdoc *doc = NULL;
    enum osso_status status = jdoc_read(report, strlen(report), "the report", &doc, err);
    if (status)
        return status;
    buf_putc(out, '|');
    for (int i = 0; heads[compared][i]; i++)
        cell(out, heads[compared][i], widths[compared][i], i > 1);
    buf_putc(out, '\n');
    rule(out, widths[compared]);
    const struct jval *tasks = jval_get(jdoc_root(doc), compared ? "tasks" : "results");
    for (const struct jval *t = tasks ? tasks->first : NULL; t; t = t->next)
        if (compared || !in_world(jdoc_root(doc), t))
            (compared ? pair_rows : task_rows)(out, t);
    eval_report_world(jdoc_root(doc), out);
    jdoc_release(doc);
    return out->failed ? error_nomem(err, out->len, "a table") : OSSO_OK;
}

bool eval_report_dropped(const char *report, double most, char *task, size_t size)
{
    struct jdoc *doc = NULL;
    struct osso_error none;
    if (jdoc_read(report, strlen(report), "the report", &doc, &none))
        return false;
    bool found = false;
    const struct jval *tasks = jval_get(jdoc_root(doc), "tasks");
    for (const struct jval *t = tasks ? tasks->first : NULL; t && !found; t = t->next) {
        found = member(jval_get(t, "acc"), "difference") < -most;
        if (found) {
            error_set(&none, OSSO_OK, "%s", t->key.s);
            snprintf(task, size, "%.*s", (int)size - 1, none.text);
        }
    }
    jdoc_release(doc);
    return found;
}
