/* eval_html.c: the report of `osso eval` as a page of HTML that needs nothing but itself: no script, no font, no file
 * beside it. What it says is the JSON report's; what a bar shows stands beside it as a number. */
#include "cli/eval_report.h"
#include "cli/page.h"

#include "base/error.h"
#include "json/jget.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { BAR = 240, TOP = 18 };

static double member(const struct jval *v, const char *key)
{
    const struct jval *found = jval_get(v, key);
    return found && found->type == J_NUMBER ? jget_real(found) : NAN;
}

/* A share from 0 to 1 with its interval. */
static void bar(struct buf *out, double value, double half)
{
    double low = fmax(0, value - half), high = fmin(1, value + half);
    buf_printf(
        out,
        "<svg width=\"%d\" height=\"%d\" role=\"img\" aria-label=\"%.4f\"><rect class=\"frame\" width=\"%d\" height=\"%d\"/>"
        "<rect class=\"bar\" width=\"%.1f\" height=\"%d\"/>",
        BAR, TOP, value, BAR, TOP, value * BAR, TOP);
    if (!isnan(half))
        buf_printf(out, "<line class=\"range\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%d\" y2=\"%d\"/>", low * BAR, high * BAR,
                   TOP / 2, TOP / 2);
    buf_puts(out, "</svg>");
}

static void score_row(struct buf *out, const struct jval *task, const struct jval *field, bool part)
{
    char key[160];
    const char *comma = strchr(field->key.s, ',');
    int stem = (int)(comma - field->key.s);
    snprintf(key, sizeof key, "%.*s_stderr%s", stem, field->key.s, comma);
    double value = jget_real(field), half = 1.96 * member(task, key);
    bool share = strncmp(field->key.s, "acc", 3) == 0 || strncmp(field->key.s, "exact", 5) == 0 ||
                 strncmp(field->key.s, "well", 4) == 0;
    buf_printf(out, "<tr%s><td>", part ? " class=\"part\"" : "");
    page_text(out, task->key);
    buf_puts(out, "</td><td>");
    page_text(out, strcmp(comma, ",none") == 0 ? (struct jtext){field->key.s, (size_t)stem} : field->key);
    buf_printf(out, fabs(value) < 1000 ? "</td><td class=\"n\">%.4f</td>" : "</td><td class=\"n\">%.6g</td>", value);
    if (isnan(half))
        buf_puts(out, "<td class=\"n\">-</td>");
    else
        buf_printf(out, fabs(half) < 1000 ? "<td class=\"n\">%.4f</td>" : "<td class=\"n\">%.6g</td>", half);
    buf_printf(out, "<td class=\"n\">%.0f</td><td>", member(task, "n"));
    if (share)
        bar(out, value, half);
    buf_puts(out, "</td></tr>\n");
}

/* Is it a part of a task that stands before it: TASK_PART? */
static bool is_part(const struct jval *results, const struct jval *task)
{
    for (const struct jval *t = results->first; t != task; t = t->next)
        if (task->key.len > t->key.len && memcmp(task->key.s, t->key.s, t->key.len) == 0 &&
            task->key.s[t->key.len] == '_')
            return true;
    return false;
}

static void task_rows(struct buf *out, const struct jval *results, const struct jval *task)
{
    const struct jval *error = jval_get(task, "error");
    if (error && error->type == J_STRING) {
        buf_puts(out, "<tr><td>");
        page_text(out, task->key);
        buf_puts(out, "</td><td class=\"why\" colspan=\"5\">failed: ");
        page_text(out, error->text);
        buf_puts(out, "</td></tr>\n");
    }
    for (const struct jval *f = task->first; f; f = f->next)
        if (f->type == J_NUMBER && strchr(f->key.s, ',') && !strstr(f->key.s, "_stderr,"))
            score_row(out, task, f, is_part(results, task));
}

enum osso_status eval_report_html(const char *report, struct buf *out, struct osso_error *err)
{
    struct jdoc *doc = NULL;
    enum osso_status status = jdoc_read(report, strlen(report), "the report", &doc, err);
    if (status)
        return status;
    const struct jval *root = jdoc_root(doc), *results = jval_get(root, "results");
    page_begin(out, "osso eval", "How good a model is", NULL, NULL);
    buf_puts(out, "<dl>\n");
    page_facts(out, root, "");
    page_facts(out, jval_get(root, "model"), "model: ");
    page_facts(out, jval_get(root, "config"), "setting: ");
    buf_puts(out, "</dl>\n<table><thead><tr><th>task</th><th>score</th><th class=\"n\">value</th><th class=\"n\">"
                  "&plusmn; 95&#8239;%</th><th class=\"n\">n</th><th></th></tr></thead><tbody>\n");
    for (const struct jval *t = results ? results->first : NULL; t; t = t->next)
        task_rows(out, results, t);
    buf_puts(out, "</tbody></table>\n<p>A bar is a share of the items; the line in it is the 95&#8239;% interval.</p>\n");
    page_end(out, NULL);
    jdoc_release(doc);
    return out->failed ? error_nomem(err, out->len, "a page") : OSSO_OK;
}
