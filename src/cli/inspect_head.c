/* inspect_head.c: what the JSON of every verb of osso inspect begins with, and texts of tokens. */
#include "cli/inspect_head.h"

#include "base/error.h"
#include "base/utf8.h"
#include "cli/columns.h"
#include "cli/out.h"
#include "json/jwrite.h"

#include <math.h>
#include <string.h>

static bool piece_of(const struct runner *r, int32_t id, const char **piece, size_t *len)
{
    *piece = "";
    *len = 0;
    return r->tokenizer && osso_tokenizer_piece(r->tokenizer, id, piece, len);
}

uint64_t inspect_seed(const struct options *o)
{
    return o->v[OPT_inspect_seed].set ? o->v[OPT_inspect_seed].u : 0;
}

enum osso_status inspect_check_seed(const struct options *o, struct osso_error *err)
{
    return o->v[OPT_inspect_seed].random
               ? error_set(err, OSSO_USAGE, "--seed -1: what is drawn here is to be drawn again; give a number")
               : OSSO_OK;
}

void inspect_head(struct buf *out, const struct options *o, const struct runner *r)
{
    buf_puts(out, "{\"model\":");
    jwrite_string(out, r->path ? r->path : "", r->path ? strlen(r->path) : 0);
    buf_printf(out, ",\"version\":\"%s\",\"exact\":%s,\"seed\":%llu", osso_version(),
               o->v[OPT_exact].set ? "true" : "false", (unsigned long long)inspect_seed(o));
}

void inspect_ids(struct buf *out, const struct runner *r, const char *name, const int32_t *ids, size_t n)
{
    buf_printf(out, ",\"%sids\":[", name);
    buf_ids(out, ids, n, ",");
    buf_printf(out, "],\"%stokens\":", name);
    buf_puts(out, r->tokenizer ? "[" : "null");
    for (size_t i = 0; i < n && r->tokenizer; i++) {
        const char *piece;
        size_t len;
        piece_of(r, ids[i], &piece, &len);
        buf_puts(out, i ? "," : "");
        jwrite_string(out, piece, len);
    }
    buf_puts(out, r->tokenizer ? "]" : "");
}

void inspect_number(struct buf *out, double value)
{
    if (isfinite(value))
        buf_printf(out, "%.9g", value);
    else
        buf_puts(out, "null");
}

void inspect_member(struct buf *out, const char *name, double value)
{
    buf_printf(out, ",\"%s\":", name);
    inspect_number(out, value);
}

void inspect_place(struct buf *out, const char *name, int64_t place)
{
    if (place < 0)
        buf_printf(out, ",\"%s\":null", name);
    else
        buf_printf(out, ",\"%s\":%lld", name, (long long)place);
}

void inspect_json_token(struct buf *out, const struct runner *r, int32_t id)
{
    const char *piece;
    size_t len;
    buf_printf(out, "\"id\":%d", (int)id);
    if (piece_of(r, id, &piece, &len)) {
        buf_puts(out, ",\"text\":");
        jwrite_string(out, piece, len);
    }
}

/* One character of a token as a line can show it; returns its columns. */
static int show_char(struct buf *out, const char *s, size_t n)
{
    static const char *const named[] = {['\n'] = "\\n", ['\t'] = "\\t", ['\r'] = "\\r"};
    unsigned char c = (unsigned char)*s;
    int columns;
    if (c < sizeof named / sizeof *named && named[c]) {
        buf_puts(out, named[c]);
        return 2;
    }
    if (utf8_sequence((const uint8_t *)s, n) != n || !char_is_safe((const unsigned char *)s, n)) {
        buf_puts(out, "\xEF\xBF\xBD");
        return 1;
    }
    text_char(s, n, &columns);
    buf_add(out, s, n);
    return columns;
}

void inspect_token(struct buf *out, const struct runner *r, int32_t id, int columns)
{
    const char *piece;
    size_t len;
    int used = 0;
    if (piece_of(r, id, &piece, &len)) {
        buf_putc(out, '"');
        for (size_t at = 0, n; at < len; at += n) {
            int width;
            n = text_char(piece + at, len - at, &width);
            used += show_char(out, piece + at, n);
        }
        buf_putc(out, '"');
        used += 2;
    } else {
        size_t before = out->len;
        buf_printf(out, "%d", (int)id);
        used = (int)(out->len - before);
    }
    for (; used < columns; used++)
        buf_putc(out, ' ');
}
