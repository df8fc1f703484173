/* fetch.h: a model from the hub, with what a person sees meanwhile: one line that moves on a terminal, elsewhere one
 * every five seconds. */
#ifndef OSSO_CLI_FETCH_H
#define OSSO_CLI_FETCH_H

#include "cli/options.h"

#include "osso/hub.h"

#include <stdbool.h>

/* --offline, or Hugging Face's own word for it. */
bool fetch_is_offline(const struct options *options);
/* The options of a pull from the command line, with the line for whoever waits. */
struct osso_hub_options fetch_options(const struct options *options);
/* Fetches what is missing of the plan; Ctrl-C ends it and keeps what came. */
enum osso_status fetch_run(struct osso_hub_plan *plan, struct osso_error *err);
/* Bytes of the plan's files, and of these what is on the disk. */
uint64_t fetch_bytes(const struct osso_hub_plan *plan, uint64_t *there_out);
/* The line goes away, if there is one. */
void fetch_clear(void);
/* Asks on the terminal; false: no, or nobody can be asked. */
bool fetch_agreed(const char *question);

#endif
