/* markdown_inline.h: what stands inside a line of Markdown: emphasis, code, links. */
#ifndef OSSO_CLI_MARKDOWN_INLINE_H
#define OSSO_CLI_MARKDOWN_INLINE_H

#include <stddef.h>
#include <stdint.h>

/* Bytes of a text that are held back for a marker's other half, at most: looking for it takes time, too. */
enum { MARKDOWN_HELD = 1024 };

/* Where drawn text goes: whole characters, with a style of wrap.h. */
struct inline_sink {
    void (*put)(void *to, const char *text, size_t len, unsigned style);
    void *to;
};

/* How much of the text is there. */
enum inline_part {
    INLINE_MORE,  /* more may come */
    INLINE_FORCE, /* more may come, but what the first marker means is not waited for */
    INLINE_ALL    /* it is all there */
};

/* Draws text (whole characters) as far as it is known what its markers mean, and returns the bytes that it has drawn;
 * the rest is to come again with more behind it. before: the character before it, 0 for none. Everything that turns out
 * to be no marker is drawn as it is written. */
size_t inline_draw(const struct inline_sink *sink, const char *s, size_t n, unsigned style, enum inline_part part,
                   uint32_t before);
/* Draws a whole text, of any length. */
void inline_draw_whole(const struct inline_sink *sink, const char *s, size_t n, unsigned style);

/* The last character of a text (0 for none). */
uint32_t inline_last(const char *s, size_t n);

#endif
