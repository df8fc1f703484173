/* input.c: text and ids from the command line, files and standard input. */
#include "cli/input.h"

#include "base/error.h"
#include "base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

/* What Windows puts before or makes of a text, from text->data[start] on: a UTF-8 byte order mark is dropped, UTF-16
 * and UTF-32 are named. */
static enum osso_status read_mark(struct buf *text, size_t start, const char *where, struct osso_error *err)
{
    const char *s = text->data + start, *form;
    size_t len = text->len - start;
    size_t mark = utf8_mark(s, len);
    if (mark) {
        memmove(text->data + start, s + mark, len - mark + 1);
        text->len -= mark;
        return OSSO_OK;
    }
    form = utf8_other_form(s, len);
    return form ? error_set(err, OSSO_FORMAT, "%s is %s, not UTF-8; convert it (iconv -f %s -t UTF-8) first", where,
                            form, form)
                : OSSO_OK;
}

enum osso_status input_read(const char *path, struct buf *text, struct osso_error *err)
{
    bool is_stdin = !path || strcmp(path, "-") == 0;
    const char *where = is_stdin ? "standard input" : path;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    enum osso_status status = OSSO_OK;
    size_t start = text->len;
    char space[65536];
    if (fd < 0)
        return error_set(err, OSSO_IO, "cannot open %s: %s", where, strerror(errno));
    for (;;) {
        ssize_t n = read(fd, space, sizeof space);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            status = error_set(err, OSSO_IO, "cannot read %s: %s", where, strerror(errno));
        if (n <= 0)
            break;
        buf_add(text, space, (size_t)n);
        if (text->failed)
            status = error_nomem(err, text->len, where);
        else if (text->len > INPUT_LIMIT)
            status = error_set(err, OSSO_LIMIT, "%s is longer than %d MiB; give less", where, INPUT_LIMIT >> 20);
        if (status)
            break;
    }
    if (!is_stdin)
        close(fd);
    return status || text->len == start ? status : read_mark(text, start, where, err);
}

enum osso_status input_check_utf8(const char *text, size_t len, const char *where, struct osso_error *err)
{
    size_t valid = utf8_valid_prefix((const uint8_t *)text, len);
    if (valid == len)
        return OSSO_OK;
    if (utf8_is_surrogate((const uint8_t *)text + valid, len - valid))
        return error_set(err, OSSO_FORMAT,
                         "%s is not UTF-8: byte %zu begins half of a surrogate pair (text cut inside a character such "
                         "as an emoji); write whole characters",
                         where, valid + 1);
    return error_set(err, OSSO_FORMAT, "%s is not UTF-8: byte %zu is 0x%02x; convert it (iconv -t UTF-8) first", where,
                     valid + 1, (unsigned char)text[valid]);
}

enum osso_status input_text(const struct options *o, struct buf *text, const char **where_out, struct osso_error *err)
{
    const struct option_value *prompt = &o->v[OPT_prompt], *file = &o->v[OPT_file];
    enum osso_status status = OSSO_OK;
    if (prompt->set && file->set)
        return error_set(err, OSSO_USAGE, "-p and -f are both given; give one of them");
    *where_out = prompt->set ? "the text of -p" : file->set && strcmp(file->s, "-") ? file->s : "standard input";
    if (prompt->set)
        buf_puts(text, prompt->s);
    else
        status = input_read(file->set ? file->s : NULL, text, err);
    if (!status && text->failed)
        status = error_nomem(err, text->len, *where_out);
    return status ? status : input_check_utf8(text->data, text->len, *where_out, err);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static size_t skip_blanks(const char *text, size_t len, size_t at)
{
    while (at < len && is_blank(text[at]))
        at++;
    return at;
}

/* The id that begins at text[*at], up to a blank, comma or bracket. */
static enum osso_status read_id(const char *text, size_t len, size_t *at, const char *where, struct osso_ids *ids,
                                struct osso_error *err)
{
    size_t begin = *at, i = begin;
    int64_t value = 0;
    bool good = true;
    for (; i < len && !is_blank(text[i]) && text[i] != ',' && text[i] != '[' && text[i] != ']'; i++) {
        good = good && text[i] >= '0' && text[i] <= '9' && value <= INT32_MAX;
        if (good)
            value = value * 10 + (text[i] - '0');
    }
    *at = i;
    if (i == begin)
        return error_set(err, OSSO_FORMAT, "%s: byte %zu: '%c' where a token id is expected (after %zu ids)", where,
                         i + 1, text[i], ids->len);
    if (!good || value > INT32_MAX)
        return error_set(err, OSSO_FORMAT, "%s: '%.*s' (number %zu) is not a token id", where,
                         (int)(i - begin > 40 ? 40 : i - begin), text + begin, ids->len + 1);
    return osso_ids_push(ids, (int32_t)value, err);
}

enum osso_status input_ids(const char *text, size_t len, const char *where, struct osso_ids *ids,
                           struct osso_error *err)
{
    size_t i = skip_blanks(text, len, 0);
    bool bracket = i < len && text[i] == '[';
    enum osso_status status = OSSO_OK;
    i = skip_blanks(text, len, i + bracket);
    bool comma = false;
    while (!status && i < len && (comma || text[i] != ']')) {
        status = read_id(text, len, &i, where, ids, err);
        size_t next = skip_blanks(text, len, i);
        comma = next < len && text[next] == ',';
        if (!status && !comma && next == i && i < len && text[i] != ']')
            status = error_set(err, OSSO_FORMAT, "%s: byte %zu: '%c' after an id; a blank or a comma is expected",
                               where, i + 1, text[i]);
        i = skip_blanks(text, len, next + comma);
    }
    if (status)
        return status;
    if (comma)
        return error_set(err, OSSO_FORMAT, "%s: it ends with a comma, after %zu ids; one id is missing", where,
                         ids->len);
    if (bracket && i == len)
        return error_set(err, OSSO_FORMAT, "%s: the list ends without its ']', after %zu ids", where, ids->len);
    if (!bracket && i < len)
        return error_set(err, OSSO_FORMAT, "%s: byte %zu: ']' without a '[' before the ids", where, i + 1);
    i = bracket ? skip_blanks(text, len, i + 1) : i;
    if (i < len)
        return error_set(err, OSSO_FORMAT, "%s: byte %zu: text after the ']' of the list", where, i + 1);
    return OSSO_OK;
}

void input_chomp(struct buf *text)
{
    if (text->len > 0 && text->data[text->len - 1] == '\n')
        text->data[--text->len] = 0;
    if (text->len > 0 && text->data[text->len - 1] == '\r')
        text->data[--text->len] = 0;
}

bool input_next_line(const struct buf *text, struct input_line *line)
{
    while (line->next < text->len) {
        line->text = text->data + line->next;
        const char *newline = memchr(line->text, '\n', text->len - line->next);
        line->len = newline ? (size_t)(newline - line->text) : text->len - line->next;
        line->next += line->len + 1;
        line->number++;
        line->len -= line->len > 0 && line->text[line->len - 1] == '\r';
        if (skip_blanks(line->text, line->len, 0) < line->len)
            return true;
    }
    return false;
}

enum osso_status input_ids_of(const char *list, struct osso_ids *ids, struct osso_error *err)
{
    struct buf text = {0};
    const char *where = "--ids";
    enum osso_status status = OSSO_OK;
    if (list[strspn(list, "0123456789, \t\n[]")] == 0)
        buf_puts(&text, list);
    else
        status = input_read(where = list, &text, err);
    if (!status)
        status = input_ids(text.data ? text.data : "", text.len, where, ids, err);
    if (!status && ids->len == 0)
        status = error_set(err, OSSO_USAGE, "%s holds no ids; give some, separated by commas", where);
    buf_free(&text);
    return status;
}
