/* safetensors_header.h: a cursor over the JSON subset that a safetensors header may hold: objects, strings and lists
 * of unsigned integers. A general JSON tree of a hostile 100 MB header would take gigabytes; this reads it in place. */
#ifndef OSSO_FORMAT_SAFETENSORS_HEADER_H
#define OSSO_FORMAT_SAFETENSORS_HEADER_H

#include "base/buf.h"
#include "osso/status.h"

#include <stdbool.h>
#include <stdint.h>

struct header {
    const char *begin, *p, *end;
    const char *path;       /* for error sentences */
    struct buf text;        /* the string read last, decoded, NUL-terminated */
    struct osso_error *err;
};

/* The sentence for a broken header: path, byte offset, what is wrong. */
enum osso_status header_bad(const struct header *h, const char *what);
/* Skips white space; is the next character c? If so it is taken. */
bool header_take(struct header *h, char c);
enum osso_status header_expect(struct header *h, char c);
/* Called before each member of an object or list whose opening character was taken: takes the separating comma, or the
 * closing character and then sets *more_out to false. *n counts the members so far. */
enum osso_status header_next(struct header *h, char close, int64_t *n, bool *more_out);
/* A string into h->text. NUL characters and lone surrogates are refused. */
enum osso_status header_string(struct header *h);
/* A string that is an object's key, and the colon. */
enum osso_status header_key(struct header *h);
/* An integer from 0 to 2^63 - 1, without sign, point or exponent. */
enum osso_status header_uint(struct header *h, int64_t *out);
/* Only white space may be left. */
enum osso_status header_finish(struct header *h);

#endif
