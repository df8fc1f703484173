/* eval_history.h: the scores of earlier evaluations, in a file of SQLite. */
#ifndef OSSO_CLI_EVAL_HISTORY_H
#define OSSO_CLI_EVAL_HISTORY_H

#include "base/buf.h"
#include "cli/options.h"

/* --history FILE, else evals.sqlite beside a person's other state. *path_out NULL (mem_free it): none is kept, because
 * of --no-history, because there is no home for it (which is said), or because this osso was built without SQLite;
 * UNSUPPORTED where --history asks for one all the same. listing: it is wanted, to be read. */
enum osso_status eval_history_path(const struct options *options, bool listing, char **path_out,
                                   struct osso_error *err);
/* Makes the file where there is none, and refuses one that is no history, before hours are spent. */
enum osso_status eval_history_check(const char *path, struct osso_error *err);
/* Adds a report's scores, all or none; other programs may do the same at the same time. */
enum osso_status eval_history_add(const char *path, const char *report, struct osso_error *err);
/* {"history": [{"run", "date", "model", ..., "task", "metric", "value", "stderr", "n"}]}, the oldest first (mem_free
 * it). task NULL: of all tasks, but not of their parts (mmlu's subjects). */
enum osso_status eval_history_read(const char *path, const char *task, char **report_out, struct osso_error *err);
/* The same report as a table in Markdown (eval_tables.c). */
enum osso_status eval_history_table(const char *report, struct buf *out, struct osso_error *err);

#endif
