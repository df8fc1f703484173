/* text_file.c: what is no text is refused before anything is made of it. */
#include "train/text_file.h"

#include "base/error.h"
#include "base/utf8.h"

#include <string.h>

static size_t line_of(const char *text, const char *at)
{
    size_t line = 1;
    for (const char *s = text; (s = memchr(s, '\n', (size_t)(at - s))); s++)
        line++;
    return line;
}

/* A text that can be learned from: UTF-8 without NUL. */
static enum osso_status check_text(const char *path, const char *text, size_t len, struct osso_error *err)
{
    const char *form = utf8_other_form(text, len), *nul = len ? memchr(text, 0, len) : NULL;
    if (form)
        return error_set(err, OSSO_FORMAT, "%s is %s; save it as UTF-8", path, form);
    if (nul)
        return error_set(err, OSSO_FORMAT, "%s line %zu: a zero byte: this is a binary file, not a text", path,
                         line_of(text, nul));
    size_t valid = utf8_valid_prefix((const uint8_t *)text, len);
    if (valid < len)
        return error_set(err, OSSO_FORMAT, "%s line %zu: not UTF-8; iconv makes UTF-8 of a text in another code", path,
                         line_of(text, text + valid));
    return OSSO_OK;
}

enum osso_status text_file_open(const char *path, struct file_map *map, const char **text_out, size_t *len_out,
                                struct osso_error *err)
{
    enum osso_status status = file_map_open(path, map, err);
    if (status)
        return status;
    size_t mark = map->data ? utf8_mark(map->data, (size_t)map->size) : 0, len = (size_t)map->size - mark;
    const char *text = (const char *)map->data + mark;
    status = len ? check_text(path, text, len, err) : error_set(err, OSSO_FORMAT, "%s is empty", path);
    if (status)
        file_map_close(map);
    *text_out = text;
    *len_out = status ? 0 : len;
    return status;
}

bool text_file_is_lines(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot && (strcmp(dot, ".jsonl") == 0 || strcmp(dot, ".json") == 0);
}
