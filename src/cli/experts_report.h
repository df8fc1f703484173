/* experts_report.h: what osso inspect experts prints. */
#ifndef OSSO_CLI_EXPERTS_REPORT_H
#define OSSO_CLI_EXPERTS_REPORT_H

#include "cli/inspect_args.h"

#include "base/buf.h"
#include "osso/experts.h"

struct experts_report {
    const struct options *options;
    const struct runner *runner;
    const struct texts *texts;
    const struct osso_layers *layers; /* NULL: all */
    const struct osso_experts_result *result;
};
void experts_report_json(struct buf *out, const struct experts_report *report);
void experts_report_text(const struct experts_report *report);

#endif
