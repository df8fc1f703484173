/* wrap.h: running text on a terminal, broken between words instead of inside them, and how its letters look. */
#ifndef OSSO_CLI_WRAP_H
#define OSSO_CLI_WRAP_H

#include <stdbool.h>
#include <stddef.h>

/* How letters look: a set. */
enum text_style {
    STYLE_BOLD = 1,
    STYLE_ITALIC = 2,
    STYLE_STRUCK = 4,
    STYLE_CODE = 8,
    STYLE_URL = 16,
    STYLE_HEADING = 32,
    STYLE_TITLE = 64, /* a heading of the first two levels */
    STYLE_FAINT = 128 /* what is drawn and not the model's */
};

struct wrap {
    bool (*write)(const char *text, size_t len);
    int (*window)(void); /* its columns, asked for with each new line; 0: nobody knows. NULL: no terminal */
    bool breaks;         /* lines are broken at the window's edge */
    bool keep;           /* but for this one */
    bool open;           /* the last character was no line end */
    int limit;           /* columns of this line; 0: it is not broken */
    int column;          /* where the next character goes */
    unsigned char shown; /* the style that the terminal has */
    char prefix[64];     /* what the rest of a broken line begins with */
    size_t prefix_len;
    int prefix_width;
    char word[128];
    unsigned char word_style[128];
    size_t word_len; /* the word that is being written, 0 when it cannot be moved */
    int word_width;
};

/* For standard output; text begins at the left edge. breaks: lines are broken where it is a terminal that can do it. */
void wrap_begin(struct wrap *wrap, bool breaks);
/* Writes text that may end in the middle of a word; a word that turns out too long for its line moves to the next. What
 * would be dangerous on a terminal is shown as U+FFFD there. */
void wrap_text(struct wrap *wrap, const char *text, size_t len, unsigned style);
/* What the rest of a line begins with when it is broken: a hanging indent. At most sizeof prefix bytes. */
void wrap_prefix(struct wrap *wrap, const char *prefix, size_t len);
/* Columns that a line may have; 0: nobody knows. */
int wrap_columns(const struct wrap *wrap);
/* The terminal's letters are plain again. */
void wrap_end(struct wrap *wrap);

#endif
