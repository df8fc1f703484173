/* stored_routes.c: GET and DELETE of /v1/responses/{id}, GET of its input_items, page by page. */
#include "serve/stored_routes.h"

#include "base/mem.h"
#include "json/jwrite.h"
#include "serve/desk.h"
#include "serve/exchange.h"
#include "serve/stored.h"

#include <stdlib.h>
#include <string.h>

/* The API's: so many items when nothing is said, and at most. */
enum { USUAL_PAGE = 20, LONGEST_PAGE = 100 };

struct page {
    bool ascending;
    size_t limit;
    char after[256]; /* the id that the last page ended with */
};

static void missing(struct exchange *x)
{
    exchange_error(x, 404, "id", NULL, "there is no response \"%.80s\" here", exchange_id(x));
}

void stored_read(struct exchange *x)
{
    struct buf out = {0};
    char stream[8];
    if (exchange_parameter(x, "stream", stream, sizeof stream) && strcmp(stream, "true") == 0) {
        exchange_error(x, 400, "stream", NULL, "a stored response is not streamed once more; ask without \"stream\"");
        return;
    }
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

/* False: refused. */
static bool read_page(struct exchange *x, struct page *page)
{
    char text[64], *end = text;
    *page = (struct page){.limit = USUAL_PAGE};
    exchange_parameter(x, "after", page->after, sizeof page->after);
    if (exchange_parameter(x, "limit", text, sizeof text)) {
        long n = strtol(text, &end, 10);
        if (*end || end == text || n < 1 || n > LONGEST_PAGE) {
            exchange_error(x, 400, "limit", NULL, "\"limit\" must be an integer from 1 to %d", LONGEST_PAGE);
            return false;
        }
        page->limit = (size_t)n;
    }
    if (!exchange_parameter(x, "order", text, sizeof text) || strcmp(text, "desc") == 0)
        return true;
    page->ascending = strcmp(text, "asc") == 0;
    if (!page->ascending)
        exchange_error(x, 400, "order", NULL, "\"order\" must be asc or desc");
    return page->ascending;
}

static struct jtext id_of(const struct jval *item)
{
    const struct jval *id = jval_get_type(item, "id", J_STRING);
    return id ? id->text : (struct jtext){"", 0};
}

/* Where the page begins: behind the last item of this id, so that a list whose ids are not unique ends, too. Beyond n:
 * there is no such item. */
static size_t first_of(const struct jval *const *items, size_t n, const char *after)
{
    for (size_t i = n; *after && i-- > 0;)
        if (jtext_is(id_of(items[i]), after))
            return i + 1;
    return *after ? n + 1 : 0;
}

static void put_edge(struct buf *out, const char *key, const struct jval *item)
{
    struct jtext id = item ? id_of(item) : (struct jtext){0};
    buf_printf(out, ",\"%s\":", key);
    if (id.s)
        jwrite_string(out, id.s, id.len);
    else
        buf_puts(out, "null");
}

/* Nothing: no item has the id that the page is to begin behind. */
static void put_page(struct buf *out, const struct jval *list, const struct page *page)
{
    size_t n = list->n_children, i = 0;
    const struct jval **items = mem_array(n + 1, sizeof *items);
    if (!items) {
        out->failed = true;
        return;
    }
    for (const struct jval *item = list->first; item; item = item->next, i++)
        items[page->ascending ? i : n - 1 - i] = item;
    size_t begin = first_of(items, n, page->after);
    if (begin > n) {
        mem_free(items);
        return;
    }
    size_t end = n - begin > page->limit ? begin + page->limit : n;
    buf_puts(out, "{\"object\":\"list\",\"data\":[");
    for (i = begin; i < end; i++) {
        buf_puts(out, i > begin ? "," : "");
        jwrite_value(out, items[i], JWRITE_SPELT);
    }
    buf_putc(out, ']');
    put_edge(out, "first_id", begin < end ? items[begin] : NULL);
    put_edge(out, "last_id", begin < end ? items[end - 1] : NULL);
    buf_printf(out, ",\"has_more\":%s}", end < n ? "true" : "false");
    mem_free(items);
}

void stored_items(struct exchange *x)
{
    struct buf items = {0}, out = {0};
    struct jdoc *doc = NULL;
    struct osso_error ignored;
    struct page page;
    if (!read_page(x, &page))
        return;
    bool found = stored_get(desk_of(x)->responses, exchange_key_id(x), exchange_id(x), STORED_INPUT, &items);
    if (found && !jdoc_read_harmony(items.data, items.len, "items", &doc, &ignored)) {
        put_page(&out, jdoc_root(doc), &page);
        if (out.failed)
            exchange_error(x, 503, NULL, NULL, "not enough memory for the answer");
        else if (!out.len)
            exchange_error(x, 404, "after", NULL, "no item of this response has the id \"%.80s\"", page.after);
        else
            exchange_reply(x, 200, NULL, "application/json", out.data, out.len);
    } else
        missing(x);
    jdoc_release(doc);
    buf_free(&items);
    buf_free(&out);
}
