/* jnum.h: JSON numbers as openai-harmony reads and prints them.
 *
 * Its numbers are unsigned or signed 64-bit integers where they fit and doubles otherwise. Its decimal to double
 * conversion is a fast one that may miss the nearest double by a unit or two in the last place; as the number is
 * printed into the prompt (a default in a tool's schema), the same double must come out here. */
#ifndef OSSO_TEXT_JNUM_H
#define OSSO_TEXT_JNUM_H

#include <stddef.h>

enum jnum_result { JNUM_OK, JNUM_BAD, JNUM_RANGE };
enum { JNUM_SPACE = 64 };

/* Reads the number at the start of s[0..n). *used_out is its length in the text; `out` receives its printed form,
 * NUL-terminated: integers as they are, doubles with the fewest digits that read back to the same double. */
enum jnum_result jnum_read(const char *s, size_t n, size_t *used_out, char out[JNUM_SPACE]);

#endif
