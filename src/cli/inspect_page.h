/* inspect_page.h: --report of osso inspect: what --json prints as a page of pictures. */
#ifndef OSSO_CLI_INSPECT_PAGE_H
#define OSSO_CLI_INSPECT_PAGE_H

#include "cli/figures/figures.h"
#include "cli/options.h"

#include "osso/status.h"

/* Before anything is run: USAGE if --report names no page. */
enum osso_status inspect_page_check(const struct options *options, struct osso_error *err);
/* Is the JSON needed, be it to print or for the page? */
bool inspect_needs_json(const struct options *options);

/* Prints the JSON of a verb where --json asks for it, and draws its page where --report does; frees it. */
enum osso_status inspect_publish(const struct options *options, struct buf *json, figures_fn *figures,
                                 struct osso_error *err);
/* The page alone. */
enum osso_status inspect_page(const struct options *options, const struct buf *json, figures_fn *figures,
                              struct osso_error *err);

#endif
