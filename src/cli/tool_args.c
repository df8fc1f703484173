/* tool_args.c: --tools and what goes with it; the list is read by the server's reader, which knows what OpenAI's API
 * takes for one and which names a prompt can carry. */
#define _POSIX_C_SOURCE 200809L
#include "cli/tool_args.h"
#include "cli/input.h"
#include "cli/out.h"

#include "base/error.h"
#include "base/utf8.h"
#include "json/jwrite.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

enum { SECONDS = 30, MOST_CALLS = 16, TICK_MS = 100 };

/* {"tools": the list}, as a request has it. */
static enum osso_status read_request(const struct jval *request, const char *path, struct tools *t,
                                     struct osso_error *err)
{
    struct refusal r = {0};
    if (!fields_check(request, API_CHAT, &r) || !toolset_read(request, API_CHAT, &t->set, &r))
        return error_set(err, r.status == 503 ? OSSO_NOMEM : OSSO_FORMAT, "%s: %s: %s", path,
                         *r.param ? r.param : "tools", r.err.text);
    if (t->set.skipped.len)
        say("%s: left out, for osso has no such tools: %s", path, t->set.skipped.data);
    if (t->set.n == 0)
        return error_set(err, OSSO_FORMAT, "%s holds no function; give at least one, or leave --tools out", path);
    return OSSO_OK;
}

/* What a request calls {"type": "function", "function": {...}} is the function alone in a developer message. */
static enum osso_status unwrap(struct tools *t, struct osso_error *err)
{
    struct jdoc *doc;
    enum osso_status status = jdoc_read_harmony(t->set.shown.data, t->set.shown.len, "the tools", &doc, err);
    if (status)
        return status;
    for (const struct jval *v = jdoc_root(doc)->first; v; v = v->next) {
        buf_putc(&t->shown, v == jdoc_root(doc)->first ? '[' : ',');
        jwrite_value(&t->shown, jval_get(v, "function"), JWRITE_SPELT);
    }
    buf_putc(&t->shown, ']');
    jdoc_release(doc);
    return t->shown.failed ? error_nomem(err, t->shown.len, "the tools") : OSSO_OK;
}

static enum osso_status read_list(const char *path, struct tools *t, struct osso_error *err)
{
    struct buf text = {0};
    struct jdoc *list = NULL, *request = NULL;
    enum osso_status status = input_read(path, &text, err);
    if (!status)
        status = jdoc_read_harmony(text.data ? text.data : "", text.len, path, &list, err);
    if (!status && jdoc_root(list)->type != J_ARRAY)
        status = error_set(err, OSSO_FORMAT,
                           "%s is no list; write [{\"type\": \"function\", \"function\": {\"name\": ...}}, ...]", path);
    if (!status) {
        struct jval *root = (request = jdoc_create()) ? jdoc_new(request, J_OBJECT) : NULL;
        struct jval *tools = root ? jdoc_new(request, J_ARRAY) : NULL;
        if (tools) /* a second head for the list's children, which stay where they are */
            *tools = *jdoc_root(list);
        status = jdoc_put(root, "tools", tools) ? read_request(root, path, t, err)
                                                : error_nomem(err, text.len, "the tools");
    }
    if (!status)
        status = unwrap(t, err);
    jdoc_release(request);
    jdoc_release(list);
    buf_free(&text);
    return status;
}

enum osso_status tool_args(const struct options *o, struct tools *t, struct osso_error *err)
{
    const struct option_value *command = &o->v[OPT_tool_command], *most = &o->v[OPT_max_tool_calls];
    t->command = command->set ? command->s : NULL;
    t->seconds = o->v[OPT_tool_timeout].set ? o->v[OPT_tool_timeout].f : SECONDS;
    t->most = most->set ? most->i : MOST_CALLS;
    if (t->command && !t->command[strspn(t->command, " \t\n")])
        return error_set(err, OSSO_USAGE, "--tool-command is empty; give a command, or leave it out");
    if (o->v[OPT_tools].set && o->v[OPT_special].set)
        return error_set(
            err, OSSO_USAGE,
            "--special prints what a model writes as it is, and sees no call in it; leave it or --tools out");
    return o->v[OPT_tools].set ? read_list(o->v[OPT_tools].s, t, err) : OSSO_OK;
}

void tools_free(struct tools *t)
{
    toolset_free(&t->set);
    buf_free(&t->shown);
    buf_free(&t->ahead);
}

/* ---- the lines of standard input ------------------------------------------------------------------------------ */

/* More of standard input; *ended_out: there is none, or Ctrl-C came, which a read alone would not notice when its
 * handler restarts it. */
static enum osso_status read_ahead(struct tools *t, bool *ended_out, struct osso_error *err)
{
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    char space[65536];
    ssize_t n = -1;
    while (n < 0 && !interrupted()) {
        if (poll(&in, 1, TICK_MS) <= 0)
            continue;
        n = read(STDIN_FILENO, space, sizeof space);
        if (n < 0 && errno != EINTR && errno != EAGAIN)
            return error_set(err, OSSO_IO, "cannot read standard input: %s", strerror(errno));
    }
    *ended_out = n <= 0;
    if (n > 0)
        buf_add(&t->ahead, space, (size_t)n);
    if (t->ahead.failed)
        return error_nomem(err, t->ahead.len, "standard input");
    return t->ahead.len <= INPUT_LIMIT
               ? OSSO_OK
               : error_set(err, OSSO_LIMIT, "a line of standard input is longer than %d MiB", INPUT_LIMIT >> 20);
}

enum osso_status tools_line(struct tools *t, struct buf *line, bool *came_out, struct osso_error *err)
{
    struct buf *ahead = &t->ahead;
    enum osso_status status = OSSO_OK;
    bool ended = false;
    size_t looked = 0;
    const char *newline = NULL;
    *came_out = false;
    while (!status && !ended) {
        newline = ahead->len > looked ? memchr(ahead->data + looked, '\n', ahead->len - looked) : NULL;
        if (newline)
            break;
        looked = ahead->len;
        status = read_ahead(t, &ended, err);
    }
    if (status || interrupted() || (ended && ahead->len == 0))
        return status;
    size_t len = newline ? (size_t)(newline - ahead->data) + 1 : ahead->len;
    size_t mark = t->begun ? 0 : utf8_mark(ahead->data, len);
    t->begun = true;
    buf_add(line, ahead->data + mark, len - mark);
    memmove(ahead->data, ahead->data + len, ahead->len - len);
    ahead->len -= len;
    input_chomp(line);
    if (line->failed)
        return error_nomem(err, len, "a line");
    *came_out = true;
    return input_check_utf8(line->data, line->len, "a line of standard input", err);
}
