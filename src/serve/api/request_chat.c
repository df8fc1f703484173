/* request_chat.c: a chat completion's request. The messages are handed on as they are, but for what only this API has:
 * calls of custom tools, and images in a tool's output. */
#include "serve/api/request_apis.h"

#include "json/jwrite.h"
#include "serve/api/items_in.h"
#include "serve/api/request_prompt.h"

#include <stdio.h>
#include <string.h>

static void put_field(struct buf *out, const struct jval *v)
{
    buf_putc(out, ',');
    jwrite_string(out, v->key.s, v->key.len);
    buf_putc(out, ':');
    jwrite_value(out, v, JWRITE_SPELT);
}

/* {"id", "type": "custom", "custom": {"name", "input"}} is told as the function that the model knows. */
static void put_calls(struct buf *out, const struct jval *calls)
{
    buf_puts(out, ",\"tool_calls\":[");
    for (const struct jval *call = calls->first; call; call = call->next) {
        const struct jval *custom = jval_get_type(call, "custom", J_OBJECT), *id = jval_get_type(call, "id", J_STRING);
        const struct jval *name = jval_get_type(custom, "name", J_STRING),
                          *input = jval_get_type(custom, "input", J_STRING);
        if (call != calls->first)
            buf_putc(out, ',');
        if (name && input)
            items_put_call(out, id ? id->text : (struct jtext){"", 0}, name->text, input->text, true);
        else
            jwrite_value(out, call, JWRITE_SPELT);
    }
    buf_putc(out, ']');
}

static void put_message(struct buf *out, const struct jval *m)
{
    const struct jval *role = jval_get_type(m, "role", J_STRING);
    bool tool = role && (jtext_is(role->text, "tool") || jtext_is(role->text, "function"));
    if (m->type != J_OBJECT || !role) {
        jwrite_value(out, m, JWRITE_SPELT); /* whoever reads it says what is wrong */
        return;
    }
    buf_puts(out, "{\"role\":");
    jwrite_string(out, role->text.s, role->text.len);
    for (const struct jval *v = m->first; v; v = v->next) {
        if (v == role)
            continue;
        if (tool && jtext_is(v->key, "content") && v->type == J_ARRAY) {
            buf_puts(out, ",\"content\":");
            items_put_output(out, v);
        } else if (jtext_is(v->key, "tool_calls") && v->type == J_ARRAY)
            put_calls(out, v);
        else
            put_field(out, v);
    }
    buf_putc(out, '}');
}

static bool read_effort(struct request *q, const struct jval *root, struct refusal *r)
{
    const struct jval *effort = field_given(root, q->api, "reasoning_effort");
    const struct jval *inner = jval_given(field_given(root, q->api, "chat_template_kwargs"), "reasoning_effort");
    if (effort)
        return request_effort(q, effort, "reasoning_effort", r);
    return !inner || request_effort(q, inner, "chat_template_kwargs.reasoning_effort", r);
}

static bool read_form(const struct request *q, const struct jval *root, struct refusal *r)
{
    const struct jval *format = field_given(root, q->api, "response_format"),
                      *type = jval_get_type(format, "type", J_STRING);
    const struct jval *modalities = field_given(root, q->api, "modalities");
    if (format && !(type && jtext_is(type->text, "text")))
        return refuse(r, 400, "response_format", "\"response_format\" can only be {\"type\": \"text\"} yet");
    for (const struct jval *v = modalities ? modalities->first : NULL; v; v = v->next)
        if (v->type != J_STRING || !jtext_is(v->text, "text"))
            return refuse(r, 400, "modalities", "\"modalities\" can only be [\"text\"]: gpt-oss writes text");
    return true;
}

bool request_chat(struct request *q, const struct request_world *world, struct refusal *r)
{
    const struct jval *root = jdoc_root(q->doc), *messages = field_given(root, q->api, "messages");
    const struct jval *tier = field_given(root, q->api, "service_tier");
    struct buf chat = {0};
    q->tier = tier ? tier->text : (struct jtext){"default", 7};
    if (!messages)
        return refuse(r, 400, "messages", "\"messages\" is missing: a list of messages");
    q->logprobs = field_bool(root, q->api, "logprobs", false);
    if (q->top_logprobs && !q->logprobs)
        return refuse(r, 400, "top_logprobs", "\"top_logprobs\" needs \"logprobs\": true");
    if (!read_effort(q, root, r) || !read_form(q, root, r) || !toolset_read(root, q->api, &q->tools, r))
        return false;
    buf_puts(&chat, "{\"messages\":[");
    for (const struct jval *m = messages->first; m; m = m->next) {
        if (m != messages->first)
            buf_putc(&chat, ',');
        put_message(&chat, m);
    }
    buf_puts(&chat, "]");
    if (q->tools.shown.len)
        buf_printf(&chat, ",\"tools\":%s", q->tools.shown.data);
    buf_puts(&chat, "}");
    bool ok = request_prompt(q, world, &chat, r);
    buf_free(&chat);
    return ok;
}
