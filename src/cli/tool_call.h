/* tool_call.h: a model's call of a function: as a line of JSON, its result, and the answer that follows. */
#ifndef OSSO_CLI_TOOL_CALL_H
#define OSSO_CLI_TOOL_CALL_H

#include "cli/tool_args.h"

#include "osso/text.h"

/* The call that a conversation ends in. */
struct tool_call {
    bool is_open;      /* there is one */
    struct buf line;   /* {"name":"add","arguments":{"a":1}}; empty: it cannot be made, and `result` says why */
    struct buf result; /* for the model */
};
/* Only with tools_given; *call begins as {0} and may be used again. */
enum osso_status tool_call_find(const struct tools *tools, const struct osso_conversation *conversation,
                                struct tool_call *call, struct osso_error *err);
void tool_call_free(struct tool_call *call);
/* Its line on standard output; nothing for a call that cannot be made. */
void tool_call_show(const struct tools *tools, const struct tool_call *call);

/* How calls and answers came to an end. */
enum tool_turns_end {
    TOOL_TURNS_DONE, /* the last answer calls nothing */
    TOOL_TURNS_WAIT, /* a person may give the result; or Ctrl-C came */
    TOOL_TURNS_OVER  /* nobody gives one: the conversation has no answer, and it was said why */
};
/* As long as the conversation ends in `call`: its result, and again an answer, which `answer` makes and looks into for
 * the next call. An answer that fails, or does not begin before Ctrl-C, leaves the call as it was, without a result. */
enum osso_status tool_turns(struct tools *tools, struct osso_conversation *conversation, struct tool_call *call,
                            enum osso_status (*answer)(void *user, struct osso_error *err), void *user,
                            enum tool_turns_end *end_out, struct osso_error *err);

#endif
