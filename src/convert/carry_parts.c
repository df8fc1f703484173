/* carry_parts.c: names of files, and safetensors' metadata. */
#include "convert/carry_parts.h"

#include "json/jdoc.h"
#include "json/jwrite.h"

const char *carry_name(enum carry_file file)
{
    static const char *const names[] = {
#define CARRY(id, name) name,
#include "convert/carry.def"
#undef CARRY
    };
    return names[file];
}

/* The members but "format" of an object of strings. */
static void add_metadata(struct buf *out, const struct jval *object)
{
    for (const struct jval *v = object && object->type == J_OBJECT ? object->first : NULL; v; v = v->next) {
        if (v->type != J_STRING || jtext_is(v->key, "format"))
            continue;
        buf_putc(out, ',');
        jwrite_string(out, v->key.s, v->key.len);
        buf_putc(out, ':');
        jwrite_string(out, v->text.s, v->text.len);
    }
}

void carry_take_metadata(struct carry *carry, const char *text, size_t len, bool header)
{
    struct jdoc *doc = NULL;
    struct osso_error none;
    if (jdoc_read(text, len, "metadata", &doc, &none) != OSSO_OK)
        return; /* of a header: the reader has accepted it by rules of its own */
    add_metadata(&carry->metadata, header ? jval_get(jdoc_root(doc), "__metadata__") : jdoc_root(doc));
    jdoc_release(doc);
}
