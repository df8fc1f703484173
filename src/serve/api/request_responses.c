/* request_responses.c: a request of the Responses API as a chat: instructions, what was stored, the input's items. */
#include "serve/api/request_apis.h"

#include "json/jwrite.h"
#include "serve/api/items_in.h"
#include "serve/api/references.h"
#include "serve/api/request_prompt.h"

#include <string.h>

static void put_member(struct buf *out, const struct jval *v)
{
    buf_putc(out, ',');
    jwrite_string(out, v->key.s, v->key.len);
    buf_putc(out, ':');
    jwrite_value(out, v, JWRITE_SPELT);
}

/* An item as it is kept and listed: with a type, an id and a status, a message's text as a part. */
static void put_item(struct buf *out, const struct jval *item, size_t n)
{
    const struct jval *role = jval_get_type(item, "role", J_STRING), *type = jval_get_type(item, "type", J_STRING);
    const struct jval *content = jval_get_type(item, "content", J_STRING);
    bool message = type ? jtext_is(type->text, "message") : role != NULL;
    buf_printf(out, "%s{\"type\":", out->len ? "," : "");
    jwrite_string(out, type ? type->text.s : "message", type ? type->text.len : 7);
    if (!jval_get_type(item, "id", J_STRING))
        buf_printf(out, ",\"id\":\"in_%zu\"", n);
    for (const struct jval *v = item->first; v; v = v->next) {
        if (v == content && message) {
            bool mine = role && jtext_is(role->text, "assistant");
            buf_printf(out, ",\"content\":[{\"type\":\"%s\",\"text\":", mine ? "output_text" : "input_text");
            jwrite_string(out, content->text.s, content->text.len);
            buf_puts(out, mine ? ",\"annotations\":[]}]" : "}]");
        } else if (v != type && !(jtext_is(v->key, "id") && v->type != J_STRING))
            put_member(out, v);
    }
    if (!jval_given(item, "status"))
        buf_puts(out, ",\"status\":\"completed\"");
    buf_putc(out, '}');
}

/* Items without the brackets of their list. */
static void put_items(struct request *q, const struct jval *list)
{
    for (const struct jval *item = list->first; item; item = item->next)
        if (item->type == J_OBJECT)
            put_item(&q->items, item, q->n_items++);
}

static bool put_earlier(struct request *q, const struct jval *id, const struct request_world *world, struct buf *chat,
                        struct refusal *r)
{
    struct jdoc *doc = NULL;
    const char *items = world->stored ? world->stored(world->user, id->text.s) : NULL;
    if (!items) {
        refuse(r, 404, "previous_response_id", "there is no response \"%.80s\" here", id->text.s);
        r->code = "previous_response_not_found";
        return false;
    }
    enum osso_status status = jdoc_read_harmony(items, strlen(items), "a stored response", &doc, &r->err);
    if (status)
        return refuse_status(r, status, NULL);
    bool ok = items_put_messages(chat, jdoc_root(doc), "previous_response_id", &q->tools, r);
    put_items(q, jdoc_root(doc));
    jdoc_release(doc);
    return ok;
}

static bool put_list(struct request *q, const struct jval *list, struct buf *chat, struct refusal *r)
{
    put_items(q, list);
    return items_put_messages(chat, list, "input", &q->tools, r);
}

/* What is named stands in its place, so that whoever continues this response finds it. */
static bool put_named(struct request *q, const struct jval *list, const struct request_world *world, struct buf *chat,
                      struct refusal *r)
{
    struct buf whole = {0};
    struct jdoc *doc = NULL;
    bool ok = references_resolve(&whole, list, world, r);
    if (ok && whole.failed)
        ok = refuse(r, 503, NULL, "not enough memory for the request");
    enum osso_status status = ok ? jdoc_read_harmony(whole.data, whole.len, "input", &doc, &r->err) : OSSO_OK;
    if (status)
        ok = refuse_status(r, status, "input");
    ok = ok && put_list(q, jdoc_root(doc), chat, r);
    jdoc_release(doc);
    buf_free(&whole);
    return ok;
}

/* A text is a user's message, and so is no input at all. */
static bool put_input(struct request *q, const struct jval *input, const struct request_world *world, struct buf *chat,
                      struct refusal *r)
{
    struct buf text = {0};
    if (input && input->type == J_ARRAY && input->first)
        return references_any(input) ? put_named(q, input, world, chat, r) : put_list(q, input, chat, r);
    jwrite_string(&text, input && input->type == J_STRING ? input->text.s : "",
                  input && input->type == J_STRING ? input->text.len : 0);
    buf_printf(chat, ",{\"role\":\"user\",\"content\":%s}", text.data ? text.data : "");
    buf_printf(
        &q->items,
        "%s{\"type\":\"message\",\"id\":\"in_%zu\",\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":%s}],"
        "\"status\":\"completed\"}",
        q->items.len ? "," : "", q->n_items++, text.data ? text.data : "");
    chat->failed |= text.failed;
    buf_free(&text);
    return true;
}

static bool read_form(struct request *q, const struct jval *root, struct refusal *r)
{
    const struct jval *format = jval_given(field_given(root, q->api, "text"), "format");
    const struct jval *type = jval_get_type(format, "type", J_STRING);
    const struct jval *truncation = field_given(root, q->api, "truncation"),
                      *effort = jval_given(field_given(root, q->api, "reasoning"), "effort");
    const struct jval *include = field_given(root, q->api, "include");
    if (format && !(type && jtext_is(type->text, "text")))
        return refuse(r, 400, "text.format", "\"text.format\" can only be {\"type\": \"text\"} yet");
    if (truncation && !jtext_is(truncation->text, "disabled"))
        return refuse(r, 400, "truncation",
                      "\"truncation\" can only be \"disabled\": nothing of a conversation is dropped here");
    if (field_bool(root, q->api, "background", false))
        return refuse(r, 400, "background", "\"background\" can only be false");
    for (const struct jval *v = include ? include->first : NULL; v; v = v->next) {
        if (v->type != J_STRING)
            return refuse(r, 400, "include", "\"include\" must be a list of texts");
        q->include_encrypted |= jtext_is(v->text, "reasoning.encrypted_content");
        q->logprobs |= jtext_is(v->text, "message.output_text.logprobs");
    }
    q->logprobs |= q->top_logprobs > 0;
    q->store = field_bool(root, q->api, "store", true);
    return !effort || request_effort(q, effort, "reasoning.effort", r);
}

bool request_responses(struct request *q, const struct request_world *world, struct refusal *r)
{
    const struct jval *root = jdoc_root(q->doc), *earlier = field_given(root, q->api, "previous_response_id");
    const struct jval *instructions = field_given(root, q->api, "instructions");
    struct buf messages = {0}, chat = {0};
    if (!read_form(q, root, r) || !toolset_read(root, q->api, &q->tools, r))
        return false;
    if (instructions) {
        buf_puts(&messages, ",{\"role\":\"developer\",\"content\":");
        jwrite_string(&messages, instructions->text.s, instructions->text.len);
        buf_puts(&messages, "}");
    }
    bool ok = !earlier || put_earlier(q, earlier, world, &messages, r);
    ok = ok && put_input(q, field_given(root, q->api, "input"), world, &messages, r);
    buf_puts(&chat, "{\"messages\":[");
    if (messages.len)
        buf_add(&chat, messages.data + 1, messages.len - 1);
    buf_puts(&chat, "]");
    if (q->tools.shown.len)
        buf_printf(&chat, ",\"tools\":%s", q->tools.shown.data);
    buf_puts(&chat, "}");
    chat.failed |= messages.failed || q->items.failed;
    ok = ok && request_prompt(q, world, &chat, r);
    buf_free(&messages);
    buf_free(&chat);
    return ok;
}
