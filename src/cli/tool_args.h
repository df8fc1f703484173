/* tool_args.h: the functions that --tools lets a model call, and who answers its calls. */
#ifndef OSSO_CLI_TOOL_ARGS_H
#define OSSO_CLI_TOOL_ARGS_H

#include "cli/options.h"

#include "serve/api/toolset.h"

struct tools {
    struct toolset set;  /* n 0: there is no --tools */
    struct buf shown;    /* the functions as the developer message takes them; borrowed by struct opening */
    const char *command; /* answers calls; NULL: the lines of standard input do, or a person with /tool (at_prompt) */
    double seconds;      /* that it may take for one */
    int64_t most;        /* calls in one turn */
    bool at_prompt;      /* a person sits there and types */
    struct buf ahead;    /* of standard input, read beyond the last line */
    bool begun;          /* a line was read: what comes now is no beginning of a text */
};

/* Reads the file that --tools names, by the rules of a request's "tools". *tools must be {0}. */
enum osso_status tool_args(const struct options *options, struct tools *tools, struct osso_error *err);
void tools_free(struct tools *tools);

static inline bool tools_given(const struct tools *tools)
{
    return tools->set.n > 0;
}
/* Are results the lines of standard input? Then it is no text to be read as a whole. */
static inline bool tools_take_lines(const struct tools *tools)
{
    return tools_given(tools) && !tools->command && !tools->at_prompt;
}
/* The next line of standard input, without its end; *came_out false: it has ended, or Ctrl-C came. */
enum osso_status tools_line(struct tools *tools, struct buf *line, bool *came_out, struct osso_error *err);

#endif
