/* wrap.h: running text on a terminal, broken between words instead of inside them. */
#ifndef OSSO_CLI_WRAP_H
#define OSSO_CLI_WRAP_H

#include <stddef.h>

struct wrap {
    int limit;  /* columns that are used; 0: no wrapping */
    int column; /* where the next character goes */
    char word[128];
    size_t word_len; /* the word that is being written, 0 when it cannot be moved */
    int word_width;
};

/* For standard output: a terminal's width, or nothing when it is none. Text begins at the left edge. */
void wrap_begin(struct wrap *wrap);
/* Writes text that may end in the middle of a word; a word that turns out too long for its line moves to the next. */
void wrap_text(struct wrap *wrap, const char *text, size_t len);

#endif
