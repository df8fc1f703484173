/* data_args.h: what --data says. */
#ifndef OSSO_CLI_DATA_ARGS_H
#define OSSO_CLI_DATA_ARGS_H

#include "cli/options.h"

#include "osso/corpus.h"

/* PATH[:SPLIT[:WEIGHT]]; what is no split is part of the path. *space_out holds the parts (mem_free it). */
enum osso_status data_arg(const char *text, struct osso_corpus_source *source_out, char **space_out,
                          struct osso_error *err);

#endif
