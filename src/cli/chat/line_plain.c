/* line_plain.c: lines without libedit: whatever the terminal itself can do, and pasted blocks as one line. */
#define _POSIX_C_SOURCE 200809L
#include "cli/chat/chat_line.h"
#include "cli/out.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One line from the terminal; false at the end or at Ctrl-C. */
static bool get(char **space, size_t *cap, ssize_t *n)
{
    errno = 0;
    *n = getline(space, cap, stdin);
    return *n >= 0;
}

static void drop_controls(struct buf *line)
{
    char *to = line->data;
    for (size_t i = 0; i < line->len; i++)
        if ((unsigned char)line->data[i] >= 0x20 || line->data[i] == '\n' || line->data[i] == '\t')
            *to++ = line->data[i];
    line->len = (size_t)(to - line->data);
    *to = 0;
}

static enum line_result plain_read(void *self, const char *prompt, struct buf *line, struct line_paste *mark)
{
    char *space = NULL, *paste;
    size_t cap = 0;
    ssize_t n;
    (void)self;
    buf_clear(line);
    buf_add(line, "", 0);
    bool marks = terminal_moves(); /* a terminal that knows no escape sequences gets none */
    fprintf(stderr, "%s%s", prompt, marks ? PASTE_ON : "");
    fflush(stderr);
    bool pasting = false, got;
    size_t end = 0;
    while ((got = get(&space, &cap, &n))) {
        buf_add(line, space, (size_t)n);
        while ((paste = strstr(line->data, pasting ? PASTE_END : PASTE_BEGIN))) {
            memmove(paste, paste + 6, strlen(paste + 6) + 1);
            line->len -= 6;
            pasting = !pasting;
            mark->any = true;
            mark->first = mark->first || paste == line->data;
            if (!pasting) {
                if (paste > line->data && paste[-1] == '\n') { /* the block's last line end */
                    memmove(paste - 1, paste, strlen(paste) + 1);
                    line->len--;
                    paste--;
                }
                end = (size_t)(paste - line->data);
            }
        }
        if (!pasting)
            break;
    }
    fputs(marks ? PASTE_OFF : "", stderr);
    free(space);
    if (line->len > 0 && line->data[line->len - 1] == '\n')
        line->data[--line->len] = 0;
    mark->last = mark->any && end > 0 && end == line->len;
    drop_controls(line);
    if (!got && interrupted()) {
        clearerr(stdin);
        interrupt_forget();
        fputc('\n', stderr);
        return LINE_INTERRUPTED;
    }
    if (!got && line->len == 0)
        fputc('\n', stderr);
    return got || line->len > 0 ? LINE_READ : LINE_END;
}

static void plain_close(void *self)
{
    (void)self;
}

bool line_plain_open(struct line_source *source)
{
    *source = (struct line_source){.read = plain_read, .close = plain_close};
    return true;
}
