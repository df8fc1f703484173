/* jwrite.h: JSON into a buffer, compact. Whoever makes an object or a list by hand writes its brackets and commas. */
#ifndef OSSO_JSON_JWRITE_H
#define OSSO_JSON_JWRITE_H

#include "json/jdoc.h"

/* Appends the string literal of n bytes, quotes included; invalid UTF-8 becomes U+FFFD. */
void jwrite_string(struct buf *b, const char *s, size_t n);
/* Appends a number with the fewest digits that read back to the same double; not finite: null. */
void jwrite_number(struct buf *b, double value);

/* Numbers for a prompt are printed as the reference prints them; to be read again they keep their spelling, because the
 * reference's reading of decimals need not return the number it printed. */
enum jwrite_numbers { JWRITE_PRINTED, JWRITE_SPELT };
void jwrite_value(struct buf *out, const struct jval *v, enum jwrite_numbers numbers);

#endif
