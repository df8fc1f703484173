/* space.h: white space as Python's str.strip and \s know it. */
#ifndef OSSO_EVAL_SPACE_H
#define OSSO_EVAL_SPACE_H

#include <stddef.h>

/* Bytes of the white space character that s[0..n) begins with, or ends with; 0: it does not. */
size_t space_at(const char *s, size_t n);
size_t space_before(const char *s, size_t n);
/* How many bytes of white space a text begins with, ends with. */
size_t space_leading(const char *s, size_t n);
size_t space_trailing(const char *s, size_t n);
/* Characters of a text (bytes that begin one). */
size_t count_characters(const char *s, size_t n);
/* Words: runs of what is no white space. */
size_t count_words(const char *s, size_t n);

#endif
