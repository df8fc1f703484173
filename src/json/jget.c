/* jget.c: members of an object with their type checked. */
#include "json/jget.h"

#include "base/error.h"
#include "json/jnum.h"

#include <string.h>

bool jget_integer(const struct jval *v, int64_t *out)
{
    *out = 0;
    if (!v || v->type != J_NUMBER || strpbrk(v->spelt.s, ".eE"))
        return false;
    return jnum_i64(v->spelt.s, v->spelt.len, out);
}

double jget_real(const struct jval *v)
{
    double value = 0;
    if (v && v->type == J_NUMBER)
        jnum_f64(v->spelt.s, v->spelt.len, &value);
    return value;
}

/* The member, or NULL with *found false when it is missing. null counts as missing. */
static const struct jval *member(const struct jval *obj, const char *key, bool *found)
{
    const struct jval *v = jval_get(obj, key);
    if (v && v->type == J_NULL)
        v = NULL;
    if (found)
        *found = v != NULL;
    return v;
}

static enum osso_status wrong_type(const char *where, const char *key, const char *want, struct osso_error *err)
{
    return error_set(err, OSSO_FORMAT, "%s: \"%s\" must be %s", where, key, want);
}

enum osso_status jget_i64(const struct jval *obj, const char *key, int64_t min, int64_t max, int64_t *out, bool *found,
                          const char *where, struct osso_error *err)
{
    const struct jval *v = member(obj, key, found);
    if (!v)
        return OSSO_OK;
    int64_t n;
    double real = jget_real(v);
    if (!jget_integer(v, &n)) {
        if (v->type != J_NUMBER || !(real > -1e15 && real < 1e15 && real == (double)(int64_t)real))
            return wrong_type(where, key, "an integer", err);
        n = (int64_t)real; /* 4096.0 */
    }
    if (n < min || n > max)
        return error_set(err, OSSO_FORMAT, "%s: \"%s\" is %lld; it must be from %lld to %lld", where, key, (long long)n,
                         (long long)min, (long long)max);
    *out = n;
    return OSSO_OK;
}

enum osso_status jget_f64(const struct jval *obj, const char *key, double *out, bool *found, const char *where,
                          struct osso_error *err)
{
    const struct jval *v = member(obj, key, found);
    if (!v)
        return OSSO_OK;
    if (v->type != J_NUMBER)
        return wrong_type(where, key, "a number", err);
    *out = jget_real(v);
    return OSSO_OK;
}

enum osso_status jget_bool(const struct jval *obj, const char *key, bool *out, bool *found, const char *where,
                           struct osso_error *err)
{
    const struct jval *v = member(obj, key, found);
    if (!v)
        return OSSO_OK;
    if (v->type != J_BOOL)
        return wrong_type(where, key, "true or false", err);
    *out = v->truth;
    return OSSO_OK;
}

enum osso_status jget_str(const struct jval *obj, const char *key, const char **out, bool *found, const char *where,
                          struct osso_error *err)
{
    const struct jval *v = member(obj, key, found);
    if (!v)
        return OSSO_OK;
    if (v->type != J_STRING)
        return wrong_type(where, key, "a string", err);
    *out = v->text.s;
    return OSSO_OK;
}
