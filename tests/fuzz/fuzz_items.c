/* libFuzzer: any JSON as items of the Responses API. What is taken becomes messages of a chat, as JSON, of which each
 * has a role; any bytes as sealed thoughts come out as they went in, or are not ours. */
#include "base/must.h"
#include "serve/api/items_in.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char tools_text[] =
    "{\"tools\":[{\"type\":\"function\",\"name\":\"get\"},{\"type\":\"custom\",\"name\":\"patch\"},"
    "{\"type\":\"namespace\",\"name\":\"b\",\"tools\":[{\"type\":\"function\",\"name\":\"get\"}]}]}";

static void read_tools(struct toolset *tools)
{
    struct jdoc *doc = NULL;
    struct refusal r = {0};
    must(jdoc_read_harmony(tools_text, sizeof tools_text - 1, "tools", &doc, &r.err) == OSSO_OK);
    must(toolset_read(jdoc_root(doc), API_RESPONSES, tools, &r));
    jdoc_release(doc);
}

static void expect_messages(const struct buf *messages)
{
    struct buf list = {0};
    struct jdoc *doc = NULL;
    struct osso_error err;
    buf_puts(&list, "[");
    if (messages->len)
        buf_add(&list, messages->data + 1, messages->len - 1);
    buf_puts(&list, "]");
    must(!list.failed && jdoc_read_harmony(list.data, list.len, "fuzz", &doc, &err) == OSSO_OK);
    for (const struct jval *m = jdoc_root(doc)->first; m; m = m->next)
        must(jval_get_type(m, "role", J_STRING) != NULL);
    jdoc_release(doc);
    buf_free(&list);
}

static void seal_and_unseal(const char *text, size_t len)
{
    struct buf sealed = {0}, open = {0}, wild = {0};
    items_seal(&sealed, text, len);
    must(items_unseal(&open, (struct jtext){sealed.data, sealed.len}));
    must(open.len == len && (len == 0 || memcmp(open.data, text, len) == 0));
    items_unseal(&wild, (struct jtext){text, len});
    buf_free(&sealed);
    buf_free(&open);
    buf_free(&wild);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct toolset tools;
    struct jdoc *doc = NULL;
    struct buf out = {0};
    struct refusal r = {0};
    if (!tools.n)
        read_tools(&tools);
    seal_and_unseal((const char *)data, size);
    if (!jdoc_read_harmony((const char *)data, size, "fuzz", &doc, &r.err) && jdoc_root(doc)->type == J_ARRAY) {
        r = (struct refusal){0};
        if (items_put_messages(&out, jdoc_root(doc), "input", &tools, &r))
            expect_messages(&out);
        else
            must(r.status == 400 && r.err.text[0] && strncmp(r.param, "input[", 6) == 0);
    }
    buf_free(&out);
    jdoc_release(doc);
    return 0;
}
