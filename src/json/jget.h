/* jget.h: what a tree read by osso's own rules (jdoc_read) says. */
#ifndef OSSO_JSON_JGET_H
#define OSSO_JSON_JGET_H

#include "json/jdoc.h"

/* Is it a number without point and exponent? Its value; 0 if it is none. */
bool jget_integer(const struct jval *v, int64_t *out);
/* The value of a number of either kind, 0 of everything else. */
double jget_real(const struct jval *v);

/* Members of an object with their type checked. A missing member leaves *out alone and sets *found (if not NULL)
 * to false; a member of another type, or a number outside [min, max], is an error that names `where` and the key. */
enum osso_status jget_i64(const struct jval *obj, const char *key, int64_t min, int64_t max, int64_t *out, bool *found,
                          const char *where, struct osso_error *err);
enum osso_status jget_f64(const struct jval *obj, const char *key, double *out, bool *found, const char *where,
                          struct osso_error *err);
enum osso_status jget_bool(const struct jval *obj, const char *key, bool *out, bool *found, const char *where,
                           struct osso_error *err);
enum osso_status jget_str(const struct jval *obj, const char *key, const char **out, bool *found, const char *where,
                          struct osso_error *err);

#endif
