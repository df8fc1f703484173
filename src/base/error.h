/* error.h: filling a struct osso_error. */
#ifndef OSSO_BASE_ERROR_H
#define OSSO_BASE_ERROR_H

#include "osso/status.h"

/* Writes the sentence and returns `status`, so that a failure reads: return error_set(err, OSSO_IO, "...").
 * `err` may be NULL. Control characters and invalid UTF-8 that arrive through %s are replaced by '?',
 * because file contents end up in these sentences and a terminal shows them. */
enum osso_status error_set(struct osso_error *err, enum osso_status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "prefix: " before the sentence that is already there; returns `status`. */
enum osso_status error_prefix(struct osso_error *err, enum osso_status status, const char *prefix);

/* The sentence for a failed allocation of `bytes` for `what`. */
enum osso_status error_nomem(struct osso_error *err, unsigned long long bytes, const char *what);

#endif
