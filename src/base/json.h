/* json.h: jansson behind one door. Duplicate keys, trailing text, NUL bytes in keys and nesting deeper than
 * 128 are refused; objects keep their order. Where the bytes of printed numbers matter, callers print themselves. */
#ifndef OSSO_BASE_JSON_H
#define OSSO_BASE_JSON_H

#include "osso/status.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* `where` names the text in the error sentence (a path, "standard input"). *json_out is the caller's (json_decref). */
enum osso_status json_read(const char *text, size_t len, const char *where, json_t **json_out, struct osso_error *err);
enum osso_status json_read_file(const char *path, uint64_t limit, json_t **json_out, struct osso_error *err);

/* Members of an object with their type checked. A missing member leaves *out alone and sets *found (if not NULL)
 * to false; a member of another type, or a number outside [min, max], is an error that names `where` and the key. */
enum osso_status json_get_i64(const json_t *obj, const char *key, int64_t min, int64_t max, int64_t *out, bool *found,
                              const char *where, struct osso_error *err);
enum osso_status json_get_f64(const json_t *obj, const char *key, double *out, bool *found, const char *where,
                              struct osso_error *err);
enum osso_status json_get_bool(const json_t *obj, const char *key, bool *out, bool *found, const char *where,
                               struct osso_error *err);
enum osso_status json_get_str(const json_t *obj, const char *key, const char **out, bool *found, const char *where,
                              struct osso_error *err);

#endif
