/* inspect_page.h: how the verbs of osso inspect print: JSON, a table, and with --report what --json prints as a page of
 * pictures. */
#ifndef OSSO_CLI_INSPECT_PAGE_H
#define OSSO_CLI_INSPECT_PAGE_H

#include "cli/figures/figures.h"
#include "cli/options.h"

#include "osso/status.h"

/* Before anything is run: USAGE if --report names no page. */
enum osso_status inspect_page_check(const struct options *options, struct osso_error *err);
/* Where the JSON or the table of a verb is written to. */
struct inspect_out {
    const struct options *options;
    struct buf text; /* to append to; looked at once, at the end */
    struct buf page; /* the JSON so far, if --report wants it */
    bool json;       /* text is JSON */
};
typedef void inspect_fn(struct inspect_out *out, void *found);
/* Between two rows: passes on what is there, once it is much. */
void inspect_row(struct inspect_out *out);
/* Prints what was found, as JSON where --json asks for it, else as a table, and draws the page of --report. */
enum osso_status inspect_show(const struct options *options, inspect_fn *json, inspect_fn *table, figures_fn *figures,
                              void *found, struct osso_error *err);

#endif
