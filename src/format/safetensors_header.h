/* safetensors_header.h: the JSON subset that a safetensors header may hold, objects, strings and lists of unsigned
 * integers, pulled piece by piece: a tree of a hostile 100 MB header would take gigabytes. */
#ifndef OSSO_FORMAT_SAFETENSORS_HEADER_H
#define OSSO_FORMAT_SAFETENSORS_HEADER_H

#include "json/pull.h"
#include "osso/status.h"

struct header {
    struct pull in;
    const char *path; /* for error sentences */
    struct buf text;  /* the string read last, decoded, NUL-terminated */
    struct osso_error *err;
};

/* The sentence for a broken header: path, byte offset, what is wrong. */
enum osso_status header_bad(const struct header *h, const char *what);
/* What the pull reader found wrong, as such a sentence; OSSO_OK when that is nothing. */
enum osso_status header_status(const struct header *h);

#endif
