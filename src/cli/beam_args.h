/* beam_args.h: --beams: the search that it asks for, and what is printed of it. */
#ifndef OSSO_CLI_BEAM_ARGS_H
#define OSSO_CLI_BEAM_ARGS_H

#include "cli/model_args.h"

/* Searches from the prompt on, which the session is given, and prints what was found. */
enum osso_status beams_write(const struct options *options, struct runner *runner, const struct osso_ids *prompt,
                             struct osso_error *err);

#endif
