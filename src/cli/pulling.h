/* pulling.h: a model from the hub, with what a person sees meanwhile: one line that moves on a terminal, elsewhere one
 * every five seconds. */
#ifndef OSSO_CLI_PULLING_H
#define OSSO_CLI_PULLING_H

#include "cli/options.h"

#include "osso/hub.h"

#include <stdbool.h>

/* --offline, or Hugging Face's own word for it. */
bool pulling_is_offline(const struct options *options);
/* The options of a pull from the command line, with the line for whoever waits. */
struct osso_hub_options pulling_options(const struct options *options);
/* Fetches what is missing of the plan; Ctrl-C ends it and keeps what came. */
enum osso_status pulling_run(struct osso_hub_plan *plan, struct osso_error *err);
/* Bytes of the plan's files, and of these what is on the disk. */
uint64_t pulling_bytes(const struct osso_hub_plan *plan, uint64_t *there_out);
/* The line goes away, if there is one. */
void pulling_clear(void);
/* Asks on the terminal; false: no, or nobody can be asked. */
bool pulling_agreed(const char *question);

#endif
