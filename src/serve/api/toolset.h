/* toolset.h: the tools of a request: what the model is told of them, and what its calls are called by the client.
 *
 * A model knows functions only. A function of a namespace becomes a function (and its calls carry the namespace again),
 * a custom tool one with a single string "input"; other types are left out, and said. */
#ifndef OSSO_SERVE_TOOLSET_H
#define OSSO_SERVE_TOOLSET_H

#include "json/jdoc.h"
#include "serve/api/fields.h"

struct tool {
    char *shown;     /* what the model calls it */
    char *name;      /* what the client calls it */
    char *space;     /* its namespace, or NULL */
    bool custom;     /* one text, no JSON */
    bool is_allowed; /* by tool_choice */
};

enum tool_choice { TOOLS_AUTO, TOOLS_NONE, TOOLS_REQUIRED };

struct toolset {
    struct tool *tools;
    size_t n;
    struct buf shown;   /* a JSON list of {"type":"function","function":{...}}; empty: no tools */
    struct buf given;   /* the functions as the Responses API echoes them, without brackets */
    struct buf skipped; /* types that were left out: "web_search, image_generation" */
    enum tool_choice choice;
    bool is_one; /* the choice names a single tool */
};

/* `tools` and `choice` (and the older "functions", "function_call") of a request; all may be absent. */
bool toolset_read(const struct jval *root, unsigned api, struct toolset *set, struct refusal *r);
void toolset_free(struct toolset *set);

/* The tool with a client's name; `space` may be NULL. */
const struct tool *toolset_named(const struct toolset *set, struct jtext name, struct jtext space);
/* The tool that a message's recipient means ("functions.get_time", or without the prefix), or NULL. */
const struct tool *toolset_called(const struct toolset *set, const char *recipient);
/* A recipient without "functions.": what a call of an unknown tool is called. */
const char *toolset_plain(const char *recipient);
/* The text of a custom tool's call: "input" of its arguments, or these as they are. */
void toolset_input(struct buf *out, const char *arguments, size_t len);

#endif
