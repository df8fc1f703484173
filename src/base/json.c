/* json.c: jansson behind one door. */
#include "base/json.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"

#include <string.h>

enum { JSON_DEPTH = 128 };

/* jansson parses recursively up to its own limit of 2048 levels; ours is checked here, before it sees the text. */
static bool too_deep(const char *text, size_t len)
{
    int depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '[' || c == '{') {
            if (++depth > JSON_DEPTH)
                return true;
        } else if (c == ']' || c == '}') {
            depth--;
        }
    }
    return false;
}

enum osso_status json_read(const char *text, size_t len, const char *where, json_t **json_out, struct osso_error *err)
{
    json_error_t e;
    *json_out = NULL;
    if (too_deep(text, len))
        return error_set(err, OSSO_FORMAT, "%s: JSON nested deeper than %d levels", where, JSON_DEPTH);
    json_t *json = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL | JSON_DECODE_ANY, &e);
    if (!json && json_error_code(&e) == json_error_out_of_memory)
        return error_nomem(err, len, where);
    if (!json)
        return error_set(err, OSSO_FORMAT, "%s: line %d, column %d: %s", where, e.line, e.column, e.text);
    *json_out = json;
    return OSSO_OK;
}

enum osso_status json_read_file(const char *path, uint64_t limit, json_t **json_out, struct osso_error *err)
{
    char *text;
    size_t len;
    *json_out = NULL;
    enum osso_status status = file_read(path, limit, &text, &len, err);
    if (status)
        return status;
    status = json_read(text, len, path, json_out, err);
    mem_free(text);
    return status;
}

/* The member, or NULL with *found false when it is missing. null counts as missing. */
static const json_t *member(const json_t *obj, const char *key, bool *found)
{
    const json_t *v = json_object_get(obj, key);
    if (v && json_is_null(v))
        v = NULL;
    if (found)
        *found = v != NULL;
    return v;
}

static enum osso_status wrong_type(const char *where, const char *key, const char *want, struct osso_error *err)
{
    return error_set(err, OSSO_FORMAT, "%s: \"%s\" must be %s", where, key, want);
}

enum osso_status json_get_i64(const json_t *obj, const char *key, int64_t min, int64_t max, int64_t *out, bool *found,
                              const char *where, struct osso_error *err)
{
    const json_t *v = member(obj, key, found);
    if (!v)
        return OSSO_OK;
    int64_t n;
    if (json_is_integer(v))
        n = json_integer_value(v);
    else if (json_is_real(v) && json_real_value(v) > -1e15 && json_real_value(v) < 1e15 &&
             json_real_value(v) == (double)(int64_t)json_real_value(v)) /* 4096.0 */
        n = (int64_t)json_real_value(v);
    else
        return wrong_type(where, key, "an integer", err);
    if (n < min || n > max)
        return error_set(err, OSSO_FORMAT, "%s: \"%s\" is %lld; it must be from %lld to %lld", where, key, (long long)n,
                         (long long)min, (long long)max);
    *out = n;
    return OSSO_OK;
}

enum osso_status json_get_f64(const json_t *obj, const char *key, double *out, bool *found, const char *where,
                              struct osso_error *err)
{
    const json_t *v = member(obj, key, found);
    if (!v)
        return OSSO_OK;
    if (!json_is_number(v))
        return wrong_type(where, key, "a number", err);
    *out = json_number_value(v);
    return OSSO_OK;
}

enum osso_status json_get_bool(const json_t *obj, const char *key, bool *out, bool *found, const char *where,
                               struct osso_error *err)
{
    const json_t *v = member(obj, key, found);
    if (!v)
        return OSSO_OK;
    if (!json_is_boolean(v))
        return wrong_type(where, key, "true or false", err);
    *out = json_is_true(v);
    return OSSO_OK;
}

enum osso_status json_get_str(const json_t *obj, const char *key, const char **out, bool *found, const char *where,
                              struct osso_error *err)
{
    const json_t *v = member(obj, key, found);
    if (!v)
        return OSSO_OK;
    if (!json_is_string(v))
        return wrong_type(where, key, "a string", err);
    *out = json_string_value(v);
    return OSSO_OK;
}
