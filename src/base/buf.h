/* buf.h: a growable byte string. Appending never fails halfway: after a failed allocation `failed` stays set,
 * further appends do nothing, and the caller looks once at the end. */
#ifndef OSSO_BASE_BUF_H
#define OSSO_BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
    char *data; /* NUL-terminated once something was appended; NULL before */
    size_t len, cap;
    bool failed;
};

void buf_add(struct buf *b, const void *bytes, size_t n);
void buf_puts(struct buf *b, const char *s);
void buf_putc(struct buf *b, char c);
void buf_printf(struct buf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Numbers in decimal with `between` between them: what printf would write, several times as fast. */
void buf_ids(struct buf *b, const int32_t *ids, size_t n, const char *between);
/* As base64, with padding. */
void buf_base64(struct buf *b, const void *bytes, size_t n);
void buf_clear(struct buf *b); /* length 0, memory kept */
void buf_free(struct buf *b);
/* Gives the string to the caller (mem_free it); NULL if an allocation failed. b is empty afterwards. */
char *buf_take(struct buf *b);

#endif
