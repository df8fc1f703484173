/* model_online.h: the hashes that a hub has of a model's files. */
#ifndef OSSO_CLI_MODEL_ONLINE_H
#define OSSO_CLI_MODEL_ONLINE_H

#include "cli/model_files.h"
#include "cli/options.h"

/* Asks the hub what each of these files should be: of a hub's cache by repository and commit, of LM Studio's folder by
 * publisher/repository at its main branch. Where the hub lists a file, its word replaces what the store says.
 * UNSUPPORTED: where this model comes from nobody knows. */
enum osso_status model_online_hashes(const struct options *options, const struct model_found *model,
                                     struct model_files *files, struct osso_error *err);

#endif
