/* bench_drafts.h: `osso bench --draft`: what tokens that are run ahead bring, on texts. */
#ifndef OSSO_CLI_BENCH_DRAFTS_H
#define OSSO_CLI_BENCH_DRAFTS_H

#include "cli/options.h"

enum osso_status bench_drafts(const struct options *options, struct osso_error *err);

#endif
