/* chat_line.c: what a person types, as messages; and its history, one message per line of a file in the state folder
 * (line ends written as \n, the marks as \p and \e). Each message is appended at once, so that several chats at a time
 * lose nothing. */
#define _POSIX_C_SOURCE 200809L
#include "cli/chat/chat_line.h"
#include "cli/state.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { HISTORY_LINES = 1000, HISTORY_BYTES = 16 << 20 };

struct line_reader {
    struct line_source source;
    char *history; /* the file's path, or NULL */
    bool literal;  /* the last message begins with text that nobody typed as a command */
};

/* ---- history -------------------------------------------------------------------------------------------- */

/* What stands behind a backslash in the file. */
static const char written[] = {'n', '\\', 'p', 'e'}, meant[] = {'\n', '\\', MARK_TEXT, MARK_END};

static void history_line(const char *message, struct buf *line)
{
    for (const char *c = message; *c; c++)
        if (memchr(meant, *c, sizeof meant)) {
            buf_putc(line, '\\');
            buf_putc(line, written[(const char *)memchr(meant, *c, sizeof meant) - meant]);
        } else if ((unsigned char)*c >= 0x20 || *c == '\t')
            buf_putc(line, *c);
    buf_putc(line, '\n');
}

/* Gives each remembered message to the source; a file that has grown long is cut to its last lines. */
static void history_load(struct line_reader *r)
{
    char *text = NULL;
    size_t len = 0, lines = 0;
    if (!file_exists(r->history) || file_read(r->history, HISTORY_BYTES, &text, &len, NULL) != OSSO_OK)
        return;
    char *first = text + len;
    while (first > text && lines <= HISTORY_LINES) {
        if (first[-1] == '\n' && ++lines > HISTORY_LINES)
            break;
        first--;
    }
    if (first - text > 1 << 20) { /* rewritten now and then, not each time */
        state_write(r->history, first, len - (size_t)(first - text), NULL);
    }
    for (char *line = first, *end; *line && r->source.remember; line = end) {
        char *to = line;
        end = line + strcspn(line, "\n");
        end += *end == '\n';
        for (char *c = line; c < end && *c != '\n'; c++)
            if (*c == '\\' && c + 1 < end && memchr(written, c[1], sizeof written)) {
                c++;
                *to++ = meant[(const char *)memchr(written, *c, sizeof written) - written];
            } else
                *to++ = *c;
        char last = *to;
        *to = 0;
        if (to > line)
            r->source.remember(r->source.self, line);
        if (to >= end)
            *to = last;
    }
    mem_free(text);
}

static void history_add(struct line_reader *r, const char *message)
{
    struct buf line = {0};
    if (r->source.remember)
        r->source.remember(r->source.self, message);
    /* Through a symbolic link too; a FIFO that nobody reads must not block. */
    int fd = r->history ? open(r->history, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600)
                        : -1;
    if (fd < 0)
        return;
    history_line(message, &line);
    if (!line.failed && write(fd, line.data, line.len) < 0)
        line.failed = true; /* a full disk costs the history, not the chat */
    buf_free(&line);
    close(fd);
}

/* ---- messages ------------------------------------------------------------------------------------------- */

enum osso_status line_reader_open(bool history, struct line_reader **reader_out, struct osso_error *err)
{
    struct line_reader *r = *reader_out = mem_alloc(sizeof *r);
    if (!r || !(line_edit_open(&r->source) || line_plain_open(&r->source))) {
        mem_free(r);
        *reader_out = NULL;
        return error_nomem(err, sizeof *r, "reading lines");
    }
    r->history = history ? state_path("history") : NULL;
    if (r->history)
        history_load(r);
    return OSSO_OK;
}

void line_reader_close(struct line_reader *r)
{
    if (!r)
        return;
    r->source.close(r->source.self);
    mem_free(r->history);
    mem_free(r);
}

/* An odd number of backslashes at the end: the line goes on. */
static bool goes_on(const struct buf *line)
{
    size_t n = 0;
    while (n < line->len && line->data[line->len - 1 - n] == '\\')
        n++;
    return n % 2 == 1;
}

static bool is_quotes(const struct buf *line, size_t at)
{
    return line->len >= at + 3 && memcmp(line->data + at, "\"\"\"", 3) == 0;
}

/* A line, and what of it is no syntax: what was pasted now, or when the history got it. */
static enum line_result read_line(struct line_reader *r, const char *prompt, struct buf *line, struct line_paste *paste)
{
    *paste = (struct line_paste){0};
    enum line_result result = r->source.read(r->source.self, prompt, line, paste);
    if (result != LINE_READ || line->len == 0)
        return result;
    paste->first = paste->first || line->data[0] == MARK_TEXT;
    paste->last = paste->last || line->data[0] == MARK_TEXT || line->data[0] == MARK_END;
    char *to = line->data;
    for (const char *c = line->data; *c; c++)
        if (*c != MARK_TEXT && *c != MARK_END)
            *to++ = *c;
    *to = 0;
    line->len = (size_t)(to - line->data);
    return result;
}

/* What goes into the history: marked where it would be read as something else than it was. */
static void remember(struct line_reader *r, const struct buf *message, bool text_end)
{
    struct buf entry = {0};
    bool like_syntax = line_is_command(message->data) || is_quotes(message, 0) || line_leaves(message->data);
    if (r->literal && (like_syntax || goes_on(message)))
        buf_putc(&entry, MARK_TEXT);
    else if (text_end && goes_on(message))
        buf_putc(&entry, MARK_END);
    buf_puts(&entry, message->data);
    if (!entry.failed)
        history_add(r, entry.data);
    buf_free(&entry);
}

/* After an opening """: lines until one that ends in """. */
static enum line_result read_block(struct line_reader *r, struct buf *message, bool pasted)
{
    struct buf line = {0};
    struct line_paste paste = {0};
    enum line_result result = LINE_READ;
    memmove(message->data, message->data + 3, message->len - 3 + 1);
    message->len -= 3;
    bool closed = !pasted && message->len >= 3 && is_quotes(message, message->len - 3);
    while (!closed && result == LINE_READ) {
        result = read_line(r, "... ", &line, &paste);
        if (result != LINE_READ)
            break;
        if (message->len > 0)
            buf_putc(message, '\n');
        buf_add(message, line.data, line.len);
        closed = !paste.last && message->len >= 3 && is_quotes(message, message->len - 3);
    }
    if (result == LINE_END)
        result = LINE_READ; /* Ctrl-D ends the block, not the chat */
    if (closed) {
        message->len -= 3;
        message->data[message->len] = 0;
        if (message->len > 0 && message->data[message->len - 1] == '\n')
            message->data[--message->len] = 0;
    }
    buf_free(&line);
    return result;
}

enum line_result line_reader_message(struct line_reader *r, struct buf *message)
{
    struct buf line = {0};
    struct line_paste paste;
    buf_clear(message);
    buf_add(message, "", 0);
    enum line_result result = read_line(r, ">>> ", message, &paste);
    bool block = result == LINE_READ && !paste.first && is_quotes(message, 0);
    r->literal = block || paste.first;
    if (block)
        result = read_block(r, message, paste.last);
    else
        while (result == LINE_READ && !paste.last && goes_on(message)) {
            message->data[message->len - 1] = '\n';
            result = read_line(r, "... ", &line, &paste);
            if (result == LINE_READ)
                buf_add(message, line.data ? line.data : "", line.len);
        }
    buf_free(&line);
    if (message->failed)
        return LINE_END;
    if (result == LINE_READ && message->len > 0)
        remember(r, message, paste.last);
    return result;
}

bool line_reader_typed(const struct line_reader *r)
{
    return !r->literal;
}

bool line_leaves(const char *line)
{
    return strcmp(line, "exit") == 0 || strcmp(line, "quit") == 0;
}

bool line_is_command(const char *line)
{
    return line[0] == '/' && line[1 + strcspn(line + 1, "/ \t\n")] != '/';
}
