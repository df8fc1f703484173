/* page.c: a page of HTML that needs nothing but itself. */
#include "cli/page.h"

#include "base/sha256.h"

#include <string.h>

static const char style[] =
    "body{font:15px/1.45 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#1c1c1c;background:#fff}"
    "h1{font-size:1.5rem}table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.25rem .6rem;"
    "border-bottom:1px solid #ddd}td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}tr.part td:first-child{padding-left:1.6rem;"
    "color:#555}.why{color:#a40000}dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem}dt{color:#555}dd{margin:0;"
    "overflow-wrap:anywhere}svg{vertical-align:middle}.bar{fill:#9bbcd8}.range{stroke:#1c3f5f;stroke-width:2}.frame{fill:#f1f1f1}"
    "@media(prefers-color-scheme:dark){body{color:#e4e4e4;background:#161616}th,td{border-color:#383838}tr.part td:first-child,dt{color:#aaa}"
    ".frame{fill:#2a2a2a}.bar{fill:#3f6b8f}.range{stroke:#cfe3f5}.why{color:#ff8a80}}";

void page_text(struct buf *out, struct jtext t)
{
    for (size_t i = 0; i < t.len; i++)
        switch (t.s[i]) {
        case '<': buf_puts(out, "&lt;"); break;
        case '>': buf_puts(out, "&gt;"); break;
        case '&': buf_puts(out, "&amp;"); break;
        case '"': buf_puts(out, "&quot;"); break;
        default:
            if ((unsigned char)t.s[i] >= ' ')
                buf_putc(out, t.s[i]);
        }
}

void page_facts(struct buf *out, const struct jval *v, const char *prefix)
{
    for (const struct jval *f = v ? v->first : NULL; f; f = f->next) {
        if (f->type == J_OBJECT || f->type == J_ARRAY || f->type == J_NULL)
            continue;
        buf_printf(out, "<dt>%s", prefix);
        page_text(out, f->key);
        buf_puts(out, "</dt><dd>");
        if (f->type == J_BOOL)
            buf_puts(out, f->truth ? "yes" : "no");
        else
            page_text(out, f->text);
        buf_puts(out, "</dd>\n");
    }
}

/* 'sha256-...' of two texts, one behind the other, as a policy names what may run. */
static void hash_source(struct buf *out, const char *first, const char *second)
{
    struct buf all = {0};
    uint8_t hash[SHA256_LEN];
    buf_puts(&all, first);
    buf_puts(&all, second);
    sha256(all.data ? all.data : "", all.len, hash);
    out->failed = out->failed || all.failed;
    buf_puts(out, "'sha256-");
    buf_base64(out, hash, sizeof hash);
    buf_puts(out, "'");
    buf_free(&all);
}

void page_begin(struct buf *out, const char *title, const char *heading, const char *more, const char *script)
{
    buf_puts(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
        "content=\"width=device-width\"><meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
        "base-uri 'none'; form-action 'none'; style-src ");
    hash_source(out, style, more ? more : "");
    if (script) {
        buf_puts(out, "; script-src ");
        hash_source(out, script, "");
    }
    buf_printf(out, "\"><meta name=\"color-scheme\" content=\"light dark\"><title>%s</title><style>", title);
    buf_puts(out, style);
    buf_puts(out, more ? more : "");
    buf_printf(out, "</style></head><body>\n<main><h1>%s</h1>\n", heading);
}

void page_end(struct buf *out, const char *script)
{
    buf_puts(out, "</main>\n");
    if (script) {
        buf_puts(out, "<script>");
        buf_puts(out, script);
        buf_puts(out, "</script>\n");
    }
    buf_puts(out, "</body></html>\n");
}
