/* tool_command.h: a command of the person's own, run with a call on its standard input. */
#ifndef OSSO_CLI_TOOL_COMMAND_H
#define OSSO_CLI_TOOL_COMMAND_H

#include "base/buf.h"
#include "osso/status.h"

enum { TOOL_OUTPUT_LIMIT = 64 << 10 };

struct tool_end {
    enum { TOOL_EXITED, TOOL_SIGNALED, TOOL_TOO_LONG, TOOL_TOO_MUCH, TOOL_STOPPED } how;
    int code; /* exit status, or signal */
};

/* /bin/sh -c COMMAND, with `text` as its standard input, and what it writes appended to `out`. It ends when the shell
 * does, whoever still holds its output; after so many seconds, TOOL_OUTPUT_LIMIT bytes of output or Ctrl-C it is ended,
 * with what it has started. Standard error is ours. */
enum osso_status tool_command(const char *command, const char *text, size_t len, double seconds, struct buf *out,
                              struct tool_end *end_out, struct osso_error *err);

#endif
