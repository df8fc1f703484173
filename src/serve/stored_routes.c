/* stored_routes.c: GET and DELETE of /v1/responses/{id}, GET of its input_items. */
#include "serve/stored_routes.h"

#include "json/jwrite.h"
#include "serve/desk.h"
#include "serve/exchange.h"
#include "serve/stored.h"

#include <string.h>

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
