/* stored.c: kept responses: one blob each, the lengths of its three texts in front. */
#include "serve/stored.h"

#include "json/jwrite.h"
#include "serve/desk.h"
#include "serve/exchange.h"

#include <string.h>

struct lengths {
    size_t object, input, output;
};

void stored_keep(struct shelf *shelf, uint64_t owner, const char *id, const char *object, const struct buf *input,
                 const char *output)
{
    struct lengths n = {strlen(object), input->len, strlen(output)};
    struct buf all = {0};
    buf_add(&all, &n, sizeof n);
    buf_add(&all, object, n.object);
    buf_add(&all, input->data ? input->data : "", n.input);
    buf_add(&all, output, n.output);
    if (!all.failed)
        shelf_put(shelf, owner, id, all.data,
                  all.len); /* too large: it cannot be continued, which its client is told then */
    buf_free(&all);
}

bool stored_get(struct shelf *shelf, uint64_t owner, const char *id, enum stored_part part, struct buf *out)
{
    struct buf all = {0};
    struct lengths n;
    bool found = shelf_get(shelf, owner, id, &all) && all.len >= sizeof n;
    if (found) {
        memcpy(&n, all.data, sizeof n);
        const char *object = all.data + sizeof n, *input = object + n.object, *output = input + n.input;
        if (part == STORED_OBJECT)
            buf_add(out, object, n.object);
        else {
            buf_puts(out, "[");
            buf_add(out, input, n.input);
            if (part == STORED_ALL && n.output) {
                buf_puts(out, n.input ? "," : "");
                buf_add(out, output, n.output);
            }
            buf_puts(out, "]");
        }
    }
    buf_free(&all);
    return found && !out->failed;
}

/* ---- routes --------------------------------------------------------------------------------------------- */

static void missing(struct exchange *x)
{
    exchange_error(x, 404, "id", NULL, "there is no response \"%.80s\" here", exchange_id(x));
}

void stored_read(struct exchange *x)
{
    struct buf out = {0};
    if (stored_get(desk_of(x)->responses, exchange_key_id(x), exchange_id(x), STORED_OBJECT, &out))
        exchange_reply(x, 200, NULL, "application/json", out.data, out.len);
    else
        missing(x);
    buf_free(&out);
}

void stored_delete(struct exchange *x)
{
    struct buf out = {0};
    if (shelf_drop(desk_of(x)->responses, exchange_key_id(x), exchange_id(x))) {
        buf_puts(&out, "{\"id\":");
        jwrite_string(&out, exchange_id(x), strlen(exchange_id(x)));
        buf_puts(&out, ",\"object\":\"response\",\"deleted\":true}");
        exchange_reply(x, 200, NULL, "application/json", out.data, out.len);
    } else
        missing(x);
    buf_free(&out);
}

static void put_edge(struct buf *out, const char *key, const struct jval *item)
{
    const struct jval *id = jval_get_type(item, "id", J_STRING);
    buf_printf(out, ",\"%s\":", key);
    if (id)
        jwrite_string(out, id->text.s, id->text.len);
    else
        buf_puts(out, "null");
}

void stored_items(struct exchange *x)
{
    struct buf items = {0}, out = {0};
    struct jdoc *doc = NULL;
    struct osso_error ignored;
    bool found = stored_get(desk_of(x)->responses, exchange_key_id(x), exchange_id(x), STORED_INPUT, &items);
    if (found && !jdoc_read_harmony(items.data, items.len, "items", &doc, &ignored)) {
        const struct jval *list = jdoc_root(doc);
        buf_printf(&out, "{\"object\":\"list\",\"data\":%s", items.data);
        put_edge(&out, "first_id", list->first);
        put_edge(&out, "last_id", list->last);
        buf_puts(&out, ",\"has_more\":false}");
        exchange_reply(x, 200, NULL, "application/json", out.data, out.len);
    } else
        missing(x);
    jdoc_release(doc);
    buf_free(&items);
    buf_free(&out);
}
