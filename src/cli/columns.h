/* columns.h: how wide text is on a terminal; the one place that knows. */
#ifndef OSSO_CLI_COLUMNS_H
#define OSSO_CLI_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Columns of a character: 2 if it is wide, 0 if it combines with the one before, 1 for what is shown as U+FFFD. */
int char_columns(uint32_t c);
/* Has it a picture? */
bool char_is_shown(uint32_t c);
/* The character at s (n >= 1 bytes left): its length, and its columns; a byte that is none stands alone, as U+FFFD. */
size_t text_char(const char *s, size_t n, int *columns_out);
/* Columns of a text without line ends and tabs. */
int text_columns(const char *s, size_t n);

#endif
