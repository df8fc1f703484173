/* eval_report.h: reports of `osso eval` as tables. */
#ifndef OSSO_CLI_EVAL_REPORT_H
#define OSSO_CLI_EVAL_REPORT_H

#include "base/buf.h"
#include "osso/status.h"

#include <stdbool.h>

struct jval;

/* Appends a table in Markdown, a row a score with its 95 % interval; compared: of osso_eval_compare's report. */
enum osso_status eval_report_table(const char *report, bool compared, struct buf *out, struct osso_error *err);

/* The part of eval_report_table that compares families with goals; nothing where the report has none (eval_world.c). */
void eval_report_world(const struct jval *report, struct buf *out);

/* Of osso_eval_compare's report: the first task whose acc is lower in B by more than `most` (its name into `task`). */
bool eval_report_dropped(const char *report, double most, char *task, size_t size);

/* The same report as a page of HTML by itself (eval_html.c). */
enum osso_status eval_report_html(const char *report, struct buf *out, struct osso_error *err);

/* The same of eval_models_compare's and eval_models_experts' reports (eval_tables.c). */
enum osso_status eval_report_models(const char *report, struct buf *out, struct osso_error *err);
/* The mean divergence of eval_models_compare's report. */
double eval_report_kld(const char *report);

#endif
