/* convert_report.h: what convert and quantize say: a line or an object for each tensor, progress, the sum. */
#ifndef OSSO_CLI_CONVERT_REPORT_H
#define OSSO_CLI_CONVERT_REPORT_H

#include "cli/options.h"

#include "base/buf.h"
#include "osso/convert.h"

struct convert_report {
    const char *out;
    bool json, table; /* table: a line for each tensor, on standard output */
    int n;            /* tensors so far */
    uint64_t bytes_before, bytes;
    double began;    /* seconds */
    int percent;     /* shown last; -1: nothing yet */
    struct buf list; /* JSON */
};

/* Options of osso_convert from the command line, which tell the report. */
struct osso_convert_options convert_args(const struct options *options, struct convert_report *report);
/* After the call: the sum, or the error. Returns the exit code. */
int convert_end(struct convert_report *report, enum osso_status status, const struct osso_error *err);

#endif
