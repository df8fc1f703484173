/* experts_report.h: what osso inspect experts prints. */
#ifndef OSSO_CLI_EXPERTS_REPORT_H
#define OSSO_CLI_EXPERTS_REPORT_H

#include "cli/inspect_args.h"
#include "cli/inspect_page.h"

#include "osso/experts.h"

struct experts_report {
    const struct options *options;
    const struct runner *runner;
    const struct texts *texts;
    const struct osso_layers *layers; /* NULL: all */
    const struct osso_experts_result *result;
};
inspect_fn experts_report_json, experts_report_text;

#endif
