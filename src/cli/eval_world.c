/* eval_world.c: the table of a world: each family beside its goal. */
#include "cli/eval_report.h"

#include "base/error.h"
#include "json/jget.h"

#include <math.h>
#include <stdio.h>

static double member(const struct jval *v, const char *key)
{
    const struct jval *found = jval_get(v, key);
    return found && found->type == J_NUMBER ? 100 * jget_real(found) : NAN;
}

static void figure(struct buf *out, double percent, int width)
{
    char text[32];
    snprintf(text, sizeof text, isnan(percent) ? "-" : "%.1f", percent);
    buf_printf(out, " %*s |", width, text);
}

/* A name that a file of data may say: as errors show what is not ours. */
static void name(struct buf *out, const struct jval *v, int width)
{
    struct osso_error shown;
    error_set(&shown, OSSO_OK, "%s", v && v->type == J_STRING ? v->text.s : "-");
    buf_printf(out, " %-*s |", width, shown.text);
}

static void row(struct buf *out, const struct jval *r)
{
    double value = member(r, "value"), goal = member(r, "goal");
    char verdict[32] = "";
    if (!isnan(goal) && value < goal)
        snprintf(verdict, sizeof verdict, "%.1f short", goal - value);
    else if (!isnan(goal))
        snprintf(verdict, sizeof verdict, "reached");
    buf_putc(out, '|');
    name(out, jval_get(r, "family"), 36);
    name(out, jval_get(r, "score"), 11);
    figure(out, value, 6);
    figure(out, member(r, "low"), 6);
    figure(out, member(r, "high"), 6);
    buf_printf(out, " %5.0f |", member(r, "n") / 100);
    figure(out, goal, 5);
    buf_printf(out, " %-11s |", verdict);
    figure(out, member(r, "before"), 6);
    figure(out, member(r, "majority"), 8);
    buf_putc(out, '\n');
}

void eval_report_world(const struct jval *report, struct buf *out)
{
    const struct jval *rows = jval_get(report, "world"), *without = jval_get(report, "world_without");
    if (!rows)
        return;
    buf_printf(out, "\n| %-36s | %-11s | %6s | %6s | %6s | %5s | %5s | %-11s | %6s | %8s |\n", "family, in percent",
               "score", "value", "from", "to", "n", "goal", "", "before", "majority");
    buf_puts(out, "|--------------------------------------|-------------|-------:|-------:|-------:|------:|------:|"
                  "-------------|-------:|---------:|\n");
    for (const struct jval *r = rows->first; r; r = r->next)
        row(out, r);
    if (without && without->first)
        buf_puts(out, "\nNo lines of: ");
    for (const struct jval *w = without ? without->first : NULL; w; w = w->next)
        buf_printf(out, "%s%s", w->text.s, w->next ? "; " : "\n");
}
