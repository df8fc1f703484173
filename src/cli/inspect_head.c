/* inspect_head.c: what the JSON of every verb of osso inspect begins with, and texts of tokens. */
#include "cli/inspect_head.h"

#include "cli/out.h"
#include "json/jwrite.h"

#include <math.h>
#include <string.h>

uint64_t inspect_seed(const struct options *o)
{
    return o->v[OPT_inspect_seed].set ? o->v[OPT_inspect_seed].u : 0;
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
        const char *piece = "";
        size_t len = 0;
        osso_tokenizer_piece(r->tokenizer, ids[i], &piece, &len);
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

void inspect_print_token(const struct runner *r, int32_t id)
{
    const char *piece = "";
    size_t len = 0;
    if (!r->tokenizer)
        return;
    osso_tokenizer_piece(r->tokenizer, id, &piece, &len);
    out_puts("\"");
    for (size_t i = 0; i < len;) {
        size_t n = strcspn(piece + i, "\n\t\r");
        n = n < len - i ? n : len - i;
        out_model_text(piece + i, n);
        i += n;
        if (i < len)
            out_puts(piece[i] == '\n' ? "\\n" : piece[i] == '\t' ? "\\t" : "\\r");
        i += i < len;
    }
    out_puts("\"");
}
