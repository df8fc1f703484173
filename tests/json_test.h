/* json_test.h: golden files of JSON. What is missing or of another type fails the test. */
#ifndef OSSO_JSON_TEST_H
#define OSSO_JSON_TEST_H

#include "test.h"

#include "json/jget.h"

static inline struct jdoc *json_of(const char *text, size_t len)
{
    struct jdoc *doc;
    struct osso_error err;
    check_ok(jdoc_read(text, len, "JSON", &doc, &err), err);
    return doc;
}

static inline const struct jval *json_member(const struct jval *object, const char *key)
{
    const struct jval *v = jval_get(object, key);
    if (!v)
        fail_msg("there is no \"%s\"", key);
    return v;
}

static inline int64_t json_int(const struct jval *v)
{
    int64_t n;
    assert_true(jget_integer(v, &n));
    return n;
}

static inline struct jtext json_text(const struct jval *object, const char *key)
{
    const struct jval *v = json_member(object, key);
    assert_int_equal(v->type, J_STRING);
    return v->text;
}

static inline bool json_true(const struct jval *object, const char *key)
{
    const struct jval *v = json_member(object, key);
    assert_int_equal(v->type, J_BOOL);
    return v->truth;
}

/* A list of token ids; the caller frees it. */
static inline int32_t *json_ids(const struct jval *list, size_t *n_out)
{
    size_t n = 0;
    int32_t *ids = malloc((list->n_children + 1) * sizeof *ids);
    for (const struct jval *v = list->first; v; v = v->next)
        ids[n++] = (int32_t)json_int(v);
    *n_out = n;
    return ids;
}

/* A file with one JSON text in each line: the next one, NULL at the end. */
struct json_lines {
    FILE *f;
    char *line;
    size_t cap, n;
};

static inline struct json_lines json_lines_open(const char *relative)
{
    char path[512];
    struct json_lines lines = {.f = fopen(test_path(path, sizeof path, relative), "r")};
    assert_non_null(lines.f);
    return lines;
}

static inline struct jdoc *json_lines_next(struct json_lines *lines)
{
    ssize_t len = getline(&lines->line, &lines->cap, lines->f);
    lines->n += len > 0;
    return len > 0 ? json_of(lines->line, (size_t)len) : NULL;
}

static inline void json_lines_close(struct json_lines *lines)
{
    free(lines->line);
    fclose(lines->f);
}

#endif
