/* harmony_schema.c: JSON schema to the TypeScript types of the tools section.
 *
 * The layout, with its quirks (a nested object's description printed twice, a nested closing brace indented like the
 * fields), is what the models were trained with. Functions here call each other as
 * deep as the schema nests, which jdoc.h bounds at 127; their frames are small. */
#include "harmony/harmony_schema.h"

#include "base/mem.h"
#include "json/jwrite.h"

#include <stdlib.h>
#include <string.h>

static void schema(struct buf *out, const struct jval *v, int indent);

static void add_text(struct buf *out, struct jtext text)
{
    buf_add(out, text.s, text.len);
}

static void pad(struct buf *out, int n)
{
    static const char blanks[] = "                                ";
    for (; n > 0; n -= 32)
        buf_add(out, blanks, n < 32 ? (size_t)n : 32);
}

/* A text member; absent when it is missing or of another type. */
static struct jtext text_of(const struct jval *v, const char *key)
{
    const struct jval *m = jval_get_type(v, key, J_STRING);
    return m ? m->text : (struct jtext){0};
}

static bool is_enum(const struct jval *v)
{
    const struct jval *list = jval_get_type(v, "enum", J_ARRAY);
    return list && list->n_children > 0;
}

/* "default: ..." of a schema that has one. A default of an enum is bare beside a property, and JSON inside a union. */
static bool add_default(struct buf *out, const struct jval *v, const char *before, bool bare_enum)
{
    const struct jval *d = jval_get(v, "default");
    if (!d)
        return false;
    buf_puts(out, before);
    buf_puts(out, "default: ");
    if (d->type == J_STRING && !is_enum(v)) {
        buf_putc(out, '"');
        add_text(out, d->text);
        buf_putc(out, '"');
    } else if (d->type == J_STRING && bare_enum) {
        add_text(out, d->text);
    } else {
        jwrite_value(out, d, JWRITE_PRINTED);
    }
    return true;
}

/* A type, and " | null" if the schema is nullable and the type does not say null anywhere. */
static void add_type(struct buf *out, const struct jval *v, int indent)
{
    size_t start = out->len;
    schema(out, v, indent);
    const struct jval *nullable = jval_get_type(v, "nullable", J_BOOL);
    if (!nullable || !nullable->truth || out->failed)
        return;
    for (size_t i = start; i + 4 <= out->len; i++)
        if (memcmp(out->data + i, "null", 4) == 0)
            return;
    buf_puts(out, " | null");
}

/* A union that is not a property's: each variant on a line of its own, with its comments behind it. */
static void add_union(struct buf *out, const struct jval *variants, int indent)
{
    for (const struct jval *v = variants->first; v; v = v->next) {
        struct jtext description = text_of(v, "description");
        buf_putc(out, '\n');
        pad(out, indent);
        buf_puts(out, " | ");
        add_type(out, v, indent + 3);
        if (description.s) {
            buf_puts(out, " // ");
            add_text(out, description);
        }
        add_default(out, v, description.s ? " " : " // ", false);
    }
}

/* "type": ["integer", "null"]; false if there is no name in the list. */
static bool add_type_names(struct buf *out, const struct jval *list)
{
    bool any = false;
    for (const struct jval *t = list->first; t; t = t->next) {
        if (t->type != J_STRING)
            continue;
        if (any)
            buf_puts(out, " | ");
        if (jtext_is(t->text, "integer"))
            buf_puts(out, "number");
        else
            add_text(out, t->text);
        any = true;
    }
    return any;
}

static void add_string_type(struct buf *out, const struct jval *v)
{
    const struct jval *list = jval_get_type(v, "enum", J_ARRAY);
    bool any = false;
    for (const struct jval *e = list ? list->first : NULL; e; e = e->next) {
        if (e->type != J_STRING)
            continue;
        buf_puts(out, any ? " | \"" : "\"");
        add_text(out, e->text);
        buf_putc(out, '"');
        any = true;
    }
    if (!any)
        buf_puts(out, "string");
}

/* ---- properties ----------------------------------------------------------------------------------------- */

static void add_comment(struct buf *out, int indent, const char *before, struct jtext text, const char *after)
{
    pad(out, indent);
    buf_puts(out, before);
    add_text(out, text);
    buf_puts(out, after);
}

static void add_examples(struct buf *out, const struct jval *v, int indent)
{
    const struct jval *examples = jval_get_type(v, "examples", J_ARRAY);
    if (!examples || examples->n_children == 0)
        return;
    add_comment(out, indent, "// Examples:\n", (struct jtext){"", 0}, "");
    for (const struct jval *e = examples->first; e; e = e->next)
        if (e->type == J_STRING)
            add_comment(out, indent, "// - \"", e->text, "\"\n");
}

static bool same(struct jtext a, struct jtext b)
{
    return a.s && b.s && jtext_compare(a, b) == 0;
}

/* A property that is a union: its description and default come first, unless the first variant says the same. */
static void add_union_property(struct buf *out, const struct jval *v, const struct jval *variants, bool required,
                               int indent)
{
    struct jtext description = text_of(v, "description");
    bool above = description.s && !same(description, text_of(variants->first, "description"));
    if (above)
        add_comment(out, indent, "// ", description, "\n");
    if (jval_get(v, "default")) {
        pad(out, indent);
        add_default(out, v, "// ", true);
        buf_putc(out, '\n');
    }
    add_comment(out, indent, "", v->key, required ? ":\n" : "?:\n");
    for (const struct jval *variant = variants->first; variant; variant = variant->next) {
        struct jtext comment = text_of(variant, "description");
        pad(out, indent);
        buf_puts(out, " | ");
        add_type(out, variant, indent + 3);
        if (same(comment, description) || (variant == variants->first && above))
            comment.s = NULL;
        if (comment.s) {
            buf_puts(out, " // ");
            add_text(out, comment);
        }
        add_default(out, variant, comment.s ? " " : " // ", true);
        buf_putc(out, '\n');
    }
    pad(out, indent);
    buf_puts(out, ",\n");
}

static void add_property(struct buf *out, const struct jval *v, bool required, int indent)
{
    struct jtext title = text_of(v, "title"), description = text_of(v, "description");
    const struct jval *one_of = jval_get(v, "oneOf");
    if (title.s) {
        add_comment(out, indent, "// ", title, "\n");
        pad(out, indent);
        buf_puts(out, "//\n");
    }
    if (description.s && !one_of)
        add_comment(out, indent, "// ", description, "\n");
    add_examples(out, v, indent);
    if (one_of && one_of->type == J_ARRAY) {
        add_union_property(out, v, one_of, required, indent);
        return;
    }
    add_comment(out, indent, "", v->key, required ? ": " : "?: ");
    add_type(out, v, indent + 4);
    buf_putc(out, ',');
    if (!one_of)
        add_default(out, v, " // ", true);
    buf_putc(out, '\n');
}

static int by_text(const void *pa, const void *pb)
{
    return jtext_compare(*(const struct jtext *)pa, *(const struct jtext *)pb);
}

/* The names in "required", sorted: a schema of many properties must not cost their number squared. NULL with
 * *n_out > 0: no memory. */
static struct jtext *required_names(const struct jval *v, size_t *n_out)
{
    const struct jval *list = jval_get_type(v, "required", J_ARRAY);
    struct jtext *names = list && list->n_children ? mem_array(list->n_children, sizeof *names) : NULL;
    size_t n = 0;
    *n_out = list ? list->n_children : 0;
    if (!names)
        return NULL;
    for (const struct jval *r = list->first; r; r = r->next)
        if (r->type == J_STRING)
            names[n++] = r->text;
    qsort(names, n, sizeof *names, by_text);
    *n_out = n;
    return names;
}

static void add_object(struct buf *out, const struct jval *v, int indent)
{
    struct jtext description = text_of(v, "description");
    const struct jval *properties = jval_get_type(v, "properties", J_OBJECT);
    size_t n_required;
    struct jtext *required = required_names(v, &n_required);
    if (!required && n_required > 0) {
        out->failed = true;
        return;
    }
    if (description.s)
        add_comment(out, indent, "// ", description, "\n");
    buf_puts(out, "{\n");
    for (const struct jval *p = properties ? properties->first : NULL; p; p = p->next)
        add_property(out, p, required && bsearch(&p->key, required, n_required, sizeof *required, by_text), indent);
    pad(out, indent);
    buf_putc(out, '}');
    mem_free(required);
}

/* ---- any schema ----------------------------------------------------------------------------------------- */

static void schema(struct buf *out, const struct jval *v, int indent)
{
    const struct jval *one_of = jval_get_type(v, "oneOf", J_ARRAY), *type = jval_get(v, "type");
    if (one_of) {
        add_union(out, one_of, indent);
        return;
    }
    if (type && type->type == J_ARRAY && add_type_names(out, type))
        return;
    struct jtext name = text_of(v, "type");
    if (jtext_is(name, "object")) {
        add_object(out, v, indent);
    } else if (jtext_is(name, "string")) {
        add_string_type(out, v);
    } else if (jtext_is(name, "number") || jtext_is(name, "integer")) {
        buf_puts(out, "number");
    } else if (jtext_is(name, "boolean")) {
        buf_puts(out, "boolean");
    } else if (jtext_is(name, "array")) {
        const struct jval *items = jval_get(v, "items");
        if (items)
            schema(out, items, indent);
        buf_puts(out, items ? "[]" : "Array<any>");
    } else {
        buf_puts(out, "any");
    }
}

void harmony_schema(struct buf *out, const struct jval *v)
{
    schema(out, v, 0);
}
