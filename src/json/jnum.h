/* jnum.h: what a JSON number means. Each is given a number that jlex_number found, s[0..n). */
#ifndef OSSO_JSON_JNUM_H
#define OSSO_JSON_JNUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JNUM_SPACE = 64 };

/* As openai-harmony reads and prints it: `out` receives the printed form, NUL-terminated. Its numbers are unsigned or
 * signed 64-bit integers where they fit, printed as they are, and doubles otherwise, printed with the fewest digits
 * that read back to the same double. Its decimal to double conversion is a fast one that may miss the nearest double by
 * a unit or two in the last place; as the number is printed into the prompt (a default in a tool's schema), the same
 * double must come out here. False: too large for a double. */
bool jnum_read(const char *s, size_t n, char out[JNUM_SPACE]);

/* An integer (no point, no exponent). False: it does not fit. */
bool jnum_i64(const char *s, size_t n, int64_t *out);
/* The nearest double. False: it is too large for one. */
bool jnum_f64(const char *s, size_t n, double *out);

#endif
