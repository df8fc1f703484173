/* eval_tables.c: the reports of `osso eval` that are about engines: two models beside each other, one by its experts.
 */
#include "cli/eval_history.h"
#include "cli/eval_report.h"

#include "base/error.h"
#include "json/jget.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static double member(const struct jval *v, const char *key)
{
    const struct jval *found = jval_get(v, key);
    return found && found->type == J_NUMBER ? jget_real(found) : NAN;
}

static void divergence_table(const struct jval *root, struct buf *out)
{
    static const struct {
        const char *key, *name;
    } rows[] = {{"mean", "mean"}, {"median", "median"}, {"p99", "99 %"}, {"p99_9", "99.9 %"}, {"max", "largest"}};
    const struct jval *kl = jval_get(root, "kl"), *a = jval_get(root, "a"), *b = jval_get(root, "b");
    buf_puts(out, "| KL(A || B), nats a token |            |\n|--------------------------|------------|\n");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        buf_printf(out, "| %-24s | %10.6f |\n", rows[i].name, member(kl, rows[i].key));
    buf_printf(out, "| %-24s | %10.6f |\n", "the same token likeliest", member(root, "top1_agreement"));
    buf_printf(out, "| %-24s | %10.6f |\n", "bits per byte of A", member(a, "bits_per_byte"));
    buf_printf(out, "| %-24s | %10.6f |\n", "bits per byte of B", member(b, "bits_per_byte"));
    buf_printf(out, "| %-24s | %10.0f |\n", "tokens", member(root, "tokens"));
}

static void experts_table(const struct jval *rows, struct buf *out)
{
    buf_puts(out, "| experts a token | bits per byte | tokens/s |\n|-----------------|---------------|----------|\n");
    for (const struct jval *r = rows->first; r; r = r->next)
        buf_printf(out, "| %15.0f | %13.4f | %8.0f |\n", member(r, "experts_per_token"), member(r, "bits_per_byte"),
                   member(r, "tokens_per_second"));
}

enum osso_status eval_report_models(const char *report, struct buf *out, struct osso_error *err)
{
    struct jdoc *doc = NULL;
    enum osso_status status = jdoc_read(report, strlen(report), "the report", &doc, err);
    if (status)
        return status;
    const struct jval *root = jdoc_root(doc), *experts = jval_get(root, "experts");
    if (experts)
        experts_table(experts, out);
    else
        divergence_table(root, out);
    jdoc_release(doc);
    return out->failed ? error_nomem(err, out->len, "a table") : OSSO_OK;
}

double eval_report_kld(const char *report)
{
    struct jdoc *doc = NULL;
    struct osso_error none;
    if (jdoc_read(report, strlen(report), "the report", &doc, &none))
        return NAN;
    double mean = member(jval_get(jdoc_root(doc), "kl"), "mean");
    jdoc_release(doc);
    return mean;
}

/* ---- history ------------------------------------------------------------------------------------------------------
 */

/* A text of the file, as errors show what is not ours. */
static void word(struct buf *out, const struct jval *v, int width, int most)
{
    struct osso_error shown;
    error_set(&shown, OSSO_OK, "%.*s", most, v && v->type == J_STRING ? v->text.s : "-");
    buf_printf(out, " %-*s |", width, shown.text);
}

static void figure(struct buf *out, double value, int width)
{
    char text[40];
    snprintf(text, sizeof text, isnan(value) ? "-" : fabs(value) < 1000 ? "%.4f" : "%.6g", value);
    buf_printf(out, " %*s |", width, text);
}

/* Settings that say something: what is 0, false or nothing is left out. */
static void settings(struct buf *out, const struct jval *v)
{
    struct buf text = {0};
    struct osso_error shown;
    for (const struct jval *f = v && v->type == J_OBJECT ? v->first : NULL; f; f = f->next)
        if (f->type == J_BOOL ? f->truth : f->type == J_NUMBER ? jget_real(f) != 0 : f->type == J_STRING)
            buf_printf(&text, "%s%s%s%s", text.len ? ", " : "", f->key.s, f->type == J_BOOL ? "" : " ",
                       f->type == J_BOOL ? "" : f->text.s);
    error_set(&shown, OSSO_OK, "%s", text.data ? text.data : "-");
    buf_printf(out, " %s |\n", shown.text);
    out->failed |= text.failed;
    buf_free(&text);
}

enum osso_status eval_history_table(const char *report, struct buf *out, struct osso_error *err)
{
    struct jdoc *doc = NULL;
    enum osso_status status = jdoc_read(report, strlen(report), "the history", &doc, err);
    if (status)
        return status;
    buf_printf(out, "| %3s | %-16s | %-16s | %-8s | %-20s | %-24s | %10s | %10s | %6s | settings |\n", "run", "date",
               "model", "hash", "task", "score", "value", "+- 95 %", "n");
    buf_puts(
        out,
        "|----:|------------------|------------------|----------|----------------------|--------------------------|"
        "-----------:|-----------:|-------:|----------|\n");
    for (const struct jval *r = jval_get(jdoc_root(doc), "history")->first; r; r = r->next) {
        buf_printf(out, "| %3.0f |", member(r, "run"));
        word(out, jval_get(r, "date"), 16, 16);
        word(out, jval_get(r, "model"), 16, 60);
        word(out, jval_get(r, "hash"), 8, 8);
        word(out, jval_get(r, "task"), 20, 60);
        word(out, jval_get(r, "metric"), 24, 60);
        figure(out, member(r, "value"), 10);
        figure(out, 1.96 * member(r, "stderr"), 10);
        buf_printf(out, " %6.0f |", member(r, "n"));
        settings(out, jval_get(r, "settings"));
    }
    jdoc_release(doc);
    return out->failed ? error_nomem(err, out->len, "a table") : OSSO_OK;
}
