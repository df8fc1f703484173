/* references.c: items that a client names instead of sending them again: what a response of this server said, by the
 * item's id. Such an id holds its response's (reply_item_id), so nothing is searched but that response's output. */
#include "serve/api/references.h"

#include "json/jwrite.h"

#include <stdio.h>
#include <string.h>

/* What one body may ask for: each reference can mean reading a whole output again. */
enum { MOST_REFERENCES = 1024, MOST_BYTES = 8 << 20 };

/* The output that was read last: references to it stand together. */
struct output {
    char id[80];
    struct jdoc *doc;
};

static const struct jval *reference_of(const struct jval *item)
{
    const struct jval *type = jval_get_type(item, "type", J_STRING), *id = jval_get_type(item, "id", J_STRING);
    bool alone = !type && !jval_given(item, "role") && !jval_given(item, "content");
    return id && (alone || (type && jtext_is(type->text, "item_reference"))) ? id : NULL;
}

bool references_any(const struct jval *list)
{
    for (const struct jval *item = list->first; item; item = item->next)
        if (reference_of(item))
            return true;
    return false;
}

/* "resp_X" of "msg_X0001". */
static bool response_of(struct jtext item, char *id, size_t size)
{
    const char *name = memchr(item.s, '_', item.len);
    size_t end = name ? (size_t)(item.s + item.len - name) : 0;
    if (end < 6 || end > size - 8 || memchr(item.s, 0, item.len))
        return false;
    snprintf(id, size, "resp_%.*s", (int)end - 5, name + 1);
    return true;
}

static const struct jval *find(struct output *o, struct jtext id, const struct request_world *world)
{
    char response[sizeof o->id];
    struct osso_error ignored;
    if (!response_of(id, response, sizeof response))
        return NULL;
    if (strcmp(response, o->id) != 0) {
        const char *said = world->said ? world->said(world->user, response) : NULL;
        jdoc_release(o->doc);
        o->doc = NULL;
        snprintf(o->id, sizeof o->id, "%s", response);
        if (said && jdoc_read_harmony(said, strlen(said), "a stored response", &o->doc, &ignored))
            o->doc = NULL;
    }
    for (const struct jval *item = o->doc ? jdoc_root(o->doc)->first : NULL; item; item = item->next) {
        const struct jval *own = jval_get_type(item, "id", J_STRING);
        if (own && own->text.len == id.len && memcmp(own->text.s, id.s, id.len) == 0)
            return item;
    }
    return NULL;
}

bool references_resolve(struct buf *out, const struct jval *list, const struct request_world *world, struct refusal *r)
{
    struct output last = {.doc = NULL};
    bool ok = true;
    size_t i = 0, n = 0;
    buf_putc(out, '[');
    for (const struct jval *item = list->first; item && ok; item = item->next, i++) {
        const struct jval *id = reference_of(item), *found = id ? find(&last, id->text, world) : item;
        char at[64];
        snprintf(at, sizeof at, "input[%zu].id", i);
        n += id != NULL;
        if (!found) {
            ok = refuse(r, 404, at, "there is no item \"%.80s\" here: its response was not stored, or is gone",
                        id->text.s);
        } else if (n > MOST_REFERENCES || out->len > MOST_BYTES)
            ok = refuse(r, 400, at, "more than %d references to items, or more than 8 MiB of what they name",
                        MOST_REFERENCES);
        else {
            buf_puts(out, i ? "," : "");
            jwrite_value(out, found, JWRITE_SPELT);
        }
    }
    buf_putc(out, ']');
    jdoc_release(last.doc);
    return ok;
}
