/* patch_args.h: what osso inspect patch is asked for, and what it prints. */
#ifndef OSSO_CLI_PATCH_ARGS_H
#define OSSO_CLI_PATCH_ARGS_H

#include "cli/inspect_args.h"
#include "cli/inspect_page.h"

#include "osso/patch.h"

struct patch_args {
    struct osso_ids clean, corrupted;
    struct number_list positions, hidden, parts;
    struct texts texts; /* of --data */
    struct osso_layers layers;
    struct osso_patch_options options;
};
/* USAGE when options are missing. The model is open. */
enum osso_status patch_args(const struct options *options, struct runner *runner, struct patch_args *args,
                            struct osso_error *err);
void patch_args_free(struct patch_args *args);

struct patch_found {
    const struct options *options;
    const struct runner *runner;
    const struct patch_args *args;
    struct osso_patch_result *result;
};
inspect_fn patch_report_json, patch_report_text; /* the places with the largest effect; sorts the records */

#endif
