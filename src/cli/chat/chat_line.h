/* chat_line.h: where single lines come from: libedit (line_edit.c) or plain reading (line_plain.c). */
#ifndef OSSO_CLI_CHAT_LINE_H
#define OSSO_CLI_CHAT_LINE_H

#include "cli/chat/chat.h"

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

/* Terminals mark what is pasted, between these two, when asked to. */
#define PASTE_ON "\033[?2004h"
#define PASTE_OFF "\033[?2004l"
#define PASTE_BEGIN "\033[200~"
#define PASTE_END "\033[201~"

#endif
