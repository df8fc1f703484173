/* figures.c: the words and numbers of pictures. */
#include "cli/figures/figures.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "json/jget.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Characters that are not seen, or that move what stands beside them. */
static bool hidden(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa0) || c == 0xad || c == 0x61c || c == 0x180e ||
           (c >= 0x200b && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) ||
           c == 0xfeff || (c >= 0xfff9 && c <= 0xfffb) || (c >= 0xe0000 && c <= 0xe007f);
}

static void one_char(struct buf *out, const char *s, size_t n, uint32_t c)
{
    if (c == '\n')
        buf_puts(out, "\\\\n");
    else if (c == '\t')
        buf_puts(out, "\\\\t");
    else if (c == '\r')
        buf_puts(out, "\\\\r");
    else if (hidden(c))
        buf_printf(out, "[U+%04X]", (unsigned)c);
    else if (c == '"' || c == '\\')
        buf_printf(out, "\\%c", (char)c);
    else if (c == '<' || c == '>' || c == '&') /* nothing in a script element ends it or begins a comment */
        buf_printf(out, "\\u%04x", (unsigned)c);
    else
        buf_add(out, s, n);
}

void figure_plain(struct buf *out, struct jtext t)
{
    for (size_t i = 0; i < t.len;) {
        const uint8_t *s = (const uint8_t *)t.s + i;
        size_t n = utf8_sequence(s, t.len - i);
        unsigned len;
        if (n)
            one_char(out, t.s + i, n, utf8_get(s, &len));
        else
            buf_puts(out, UTF8_REPLACEMENT);
        i += n ? n : 1;
    }
}

void figure_text(struct buf *out, struct jtext t)
{
    buf_putc(out, '"');
    figure_plain(out, t);
    buf_putc(out, '"');
}

void labels_add(struct labels *l, const char *format, ...)
{
    char line[160];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    figure_text(&l->text, (struct jtext){line, strlen(line)});
    buf_putc(&l->text, '\0');
    l->n++;
}

void token_list_of(struct token_list *list, const struct jval *root, const char *prefix, struct buf *out)
{
    char name[40];
    snprintf(name, sizeof name, "%stokens", prefix);
    const struct jval *found = jval_get_type(root, name, J_ARRAY);
    list->texts = found != NULL;
    snprintf(name, sizeof name, "%sids", prefix);
    found = found ? found : jval_get_type(root, name, J_ARRAY);
    list->n = 0;
    list->of = mem_array(found ? found->n_children : 0, sizeof *list->of);
    for (const struct jval *t = found && list->of ? found->first : NULL; t; t = t->next)
        list->of[list->n++] = t;
    out->failed = out->failed || !list->of;
}

void labels_token(struct labels *l, const struct token_list *list, int64_t position)
{
    bool there = position >= 0 && (uint64_t)position < list->n;
    buf_printf(&l->text, list->texts ? "\"%lld " : "\"%lld #", (long long)position);
    figure_plain(&l->text, there ? list->of[position]->text : (struct jtext){"", 0});
    buf_add(&l->text, "\"", 2);
    l->n++;
}

void token_list_free(struct token_list *list)
{
    mem_free(list->of);
}

void labels_free(struct labels *l)
{
    buf_free(&l->text);
    l->n = 0;
}

void figure_begin(struct buf *out, const char *kind, const char *title, const char *note)
{
    if (out->len && out->data[out->len - 1] == '}')
        buf_putc(out, ',');
    buf_printf(out, "{\"kind\":\"%s\",\"title\":", kind);
    figure_text(out, (struct jtext){title, strlen(title)});
    buf_puts(out, ",\"note\":");
    figure_text(out, (struct jtext){note, strlen(note)});
}

double figure_real(const struct jval *v, const char *key)
{
    const struct jval *found = jval_get_type(v, key, J_NUMBER);
    return found ? jget_real(found) : NAN;
}

int64_t figure_place(const struct jval *v, const char *key)
{
    int64_t n;
    const struct jval *found = jval_get_type(v, key, J_NUMBER);
    return found && jget_integer(found, &n) ? n : -1;
}

void figure_number(struct buf *out, double value)
{
    if (!isfinite(value))
        buf_puts(out, "null");
    else
        buf_printf(out, "%.4g", value);
}
