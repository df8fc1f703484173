/* chat_line.h: where single lines come from: libedit (line_edit.c) or plain reading (line_plain.c). */
#ifndef OSSO_CLI_CHAT_LINE_H
#define OSSO_CLI_CHAT_LINE_H

#include "cli/chat/chat.h"

#include <stdio.h>
#include <wchar.h>

/* What of a line was pasted: that is text, whatever it looks like. */
struct line_paste {
    bool any, first, last; /* something; the first character; the last one */
    size_t end;            /* characters up to the last block's end when it stood at the line's end (line_edit.c) */
};

/* One way of reading lines. `line` gets the text without its line end; pasted line ends stay inside. */
struct line_source {
    enum line_result (*read)(void *self, const char *prompt, struct buf *line, struct line_paste *paste);
    void (*remember)(void *self, const char *message); /* for the arrow keys; may be NULL */
    void (*close)(void *self);
    void *self;
};
bool line_plain_open(struct line_source *source_out);
bool line_edit_open(struct line_source *source_out); /* false: not built in, or the terminal cannot */

/* ---- line_paste.c ---- */

/* Where the block pasted last ended, in a line of so many characters, and whether it lacks its last line end. */
struct line_paste_end {
    bool held;
    size_t cursor, len;
};

/* A block on its way into the line. */
struct pasted {
    void (*insert)(void *to, const wchar_t *text);
    void *to;
    wchar_t text[256];
    size_t n, matched;           /* characters of the end mark */
    bool after_return, line_end; /* a line end waits: the block's last one stays out */
    bool over;                   /* the end mark has come */
};
/* At this place of a line of so many characters. */
void pasted_begin(struct pasted *pasted, const struct line_paste_end *before, size_t cursor, size_t len);
void pasted_char(struct pasted *pasted, wchar_t c);
void pasted_end(struct pasted *pasted);

/* ---- line_complete.c ---- */

/* What could stand where the cursor is. */
struct completions {
    struct completion {
        char *text; /* all of it, what is typed included */
        char end;   /* goes behind it when it is the only one: ' ', '/' or 0 */
    } * list;
    size_t n, cap;
    size_t typed; /* bytes of each that stand there */
    wchar_t more[512];
};
/* By the characters in front of the cursor. */
void completions_find(struct completions *found, const wchar_t *before, size_t len);
/* What they all go on with; empty: nothing more is sure. */
const wchar_t *completions_common(struct completions *found);
/* Shows them in columns, as many as the window holds. */
void completions_list(const struct completions *found, FILE *screen, int columns, int rows);
void completions_free(struct completions *found);

/* ---- marks ---- */

/* In the history an entry begins with one of these, which no key gives and nothing shows, when a line that looks like
 * a command or like one to go on with was none: text from its first character on, or at its end alone. */
#define MARK_TEXT '\001'
#define MARK_END '\002'

/* Terminals mark what is pasted, between these two, when asked to. */
#define PASTE_ON "\033[?2004h"
#define PASTE_OFF "\033[?2004l"
#define PASTE_BEGIN "\033[200~"
#define PASTE_END "\033[201~"

#endif
