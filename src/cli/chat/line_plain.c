/* line_plain.c: lines without libedit: whatever the terminal itself can do, and pasted blocks as one line. */
#define _POSIX_C_SOURCE 200809L
#include "cli/chat/chat_line.h"
#include "cli/chat/line_signals.h"
#include "cli/out.h"

#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What was read and belongs to no line yet. */
struct plain {
    char space[4096];
    size_t at, n;
    const char *on, *off; /* to a terminal that knows no escape sequences nothing */
};

static void serve(const struct plain *p, const char *prompt)
{
    struct line_news news = line_news();
    if (news.ending) {
        fprintf(stderr, "%s\n", p->off);
        line_obey(news.ending);
        news.continued = true;
    }
    if (news.continued)
        fprintf(stderr, "%s%s", prompt, p->on);
}

/* The rest of a line and its end, added; false at the end of input (what there was of a line is added) or at Ctrl-C. */
static bool get(struct plain *p, const char *prompt, struct buf *line)
{
    for (;;) {
        const char *end = memchr(p->space + p->at, '\n', p->n - p->at);
        size_t len = end ? (size_t)(end - p->space) + 1 - p->at : p->n - p->at;
        buf_add(line, p->space + p->at, len);
        p->at += len;
        if (end)
            return true;
        bool came = line_wait();
        if (interrupted())
            return false;
        if (!came) {
            serve(p, prompt);
            continue;
        }
        ssize_t n = read(STDIN_FILENO, p->space, sizeof p->space);
        p->at = 0;
        p->n = n > 0 ? (size_t)n : 0;
        if (n == 0 || (n < 0 && errno != EINTR))
            return false;
    }
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

/* The marks around pasted blocks, on the way through a line: each that is whole is taken out. A block's last line end
 * goes too, unless another block follows at once. */
struct blocks {
    bool pasting, held;
    size_t end;
};

static void take_marks(struct blocks *b, struct buf *line, struct line_paste *mark)
{
    char *at;
    while ((at = strstr(line->data, b->pasting ? PASTE_END : PASTE_BEGIN))) {
        memmove(at, at + 6, strlen(at + 6) + 1);
        line->len -= 6;
        b->pasting = !b->pasting;
        mark->any = true;
        mark->first = mark->first || at == line->data;
        size_t where = (size_t)(at - line->data);
        if (b->pasting && b->held && where == b->end) { /* the line end's place is still there */
            memmove(at + 1, at, strlen(at) + 1);
            *at = '\n';
            line->len++;
        }
        b->held = !b->pasting && at > line->data && at[-1] == '\n';
        if (b->held) {
            memmove(at - 1, at, strlen(at) + 1);
            line->len--;
            where--;
        }
        b->end = b->pasting ? b->end : where;
    }
}

static enum line_result plain_read(void *self, const char *prompt, struct buf *line, struct line_paste *mark)
{
    struct plain *p = self;
    struct blocks blocks = {0};
    buf_clear(line);
    buf_add(line, "", 0);
    line_signals_catch();
    fprintf(stderr, "%s%s", prompt, p->on);
    fflush(stderr);
    bool got;
    while ((got = get(p, prompt, line)) && !line->failed) {
        take_marks(&blocks, line, mark);
        if (!blocks.pasting)
            break;
    }
    fputs(p->off, stderr);
    line_signals_restore();
    if (line->len > 0 && line->data[line->len - 1] == '\n')
        line->data[--line->len] = 0;
    mark->last = mark->any && blocks.end > 0 && blocks.end == line->len;
    drop_controls(line);
    if (!got && interrupted()) {
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
    mem_free(self);
}

bool line_plain_open(struct line_source *source)
{
    struct plain *p = mem_alloc(sizeof *p);
    if (!p)
        return false;
    p->on = terminal_moves() ? PASTE_ON : "";
    p->off = terminal_moves() ? PASTE_OFF : "";
    *source = (struct line_source){.read = plain_read, .close = plain_close, .self = p};
    return true;
}
