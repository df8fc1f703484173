/* items_in.c: items of the Responses API as messages of a chat.
 *
 *     message                       a message; the assistant's right before a call is what it said on the way to it
 *     reasoning                     an assistant's message of thoughts alone
 *     function_call                 an assistant's message with a call; of a namespace: by the name the model knows
 *     custom_tool_call              the same with the one string "input"
 *     ..._output                    a tool message
 */
#include "serve/api/items_in.h"

#include "json/jwrite.h"

#include <stdio.h>
#include <string.h>

static const char seal_mark[] = "osso1:";

/* ---- pieces --------------------------------------------------------------------------------------------- */

void items_seal(struct buf *out, const char *text, size_t len)
{
    buf_puts(out, seal_mark);
    buf_base64(out, text, len);
}

static int letter_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool items_unseal(struct buf *out, struct jtext sealed)
{
    size_t at = sizeof seal_mark - 1;
    unsigned held = 0, bits = 0;
    if (sealed.len < at || memcmp(sealed.s, seal_mark, at) != 0)
        return false;
    for (; at < sealed.len && sealed.s[at] != '='; at++) {
        int v = letter_value(sealed.s[at]);
        if (v < 0)
            return false;
        held = held << 6 | (unsigned)v;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            buf_putc(out, (char)(held >> bits & 255));
        }
    }
    return true;
}

void items_put_call(struct buf *out, struct jtext id, struct jtext name, struct jtext arguments, bool custom)
{
    struct buf wrapped = {0};
    buf_puts(out, "{\"id\":");
    jwrite_string(out, id.s, id.len);
    buf_puts(out, ",\"type\":\"function\",\"function\":{\"name\":");
    jwrite_string(out, name.s, name.len);
    buf_puts(out, ",\"arguments\":");
    if (custom) {
        buf_puts(&wrapped, "{\"input\":");
        jwrite_string(&wrapped, arguments.s, arguments.len);
        buf_puts(&wrapped, "}");
        arguments = (struct jtext){wrapped.data ? wrapped.data : "", wrapped.len};
    }
    jwrite_string(out, arguments.s, arguments.len);
    buf_puts(out, "}}");
    out->failed |= wrapped.failed;
    buf_free(&wrapped);
}

void items_put_output(struct buf *out, const struct jval *output)
{
    if (output->type != J_ARRAY) {
        jwrite_value(out, output, JWRITE_SPELT);
        return;
    }
    buf_putc(out, '[');
    for (const struct jval *part = output->first; part; part = part->next) {
        const struct jval *type = jval_get_type(part, "type", J_STRING), *text = jval_get_type(part, "text", J_STRING);
        static const char *const kinds[] = {"image", "audio", "video", "file"};
        const char *left_out = NULL;
        for (size_t i = 0; type && !text && i < sizeof kinds / sizeof *kinds; i++)
            left_out = left_out ? left_out : strstr(type->text.s, kinds[i]) ? kinds[i] : NULL;
        if (part != output->first)
            buf_putc(out, ',');
        if (left_out)
            buf_printf(out, "{\"type\":\"text\",\"text\":\"[%s left out: this model reads text]\"}", left_out);
        else
            jwrite_value(out, part, JWRITE_SPELT);
    }
    buf_putc(out, ']');
}

/* ---- items ---------------------------------------------------------------------------------------------- */

static struct jtext text_of(const struct jval *item, const char *key)
{
    const struct jval *v = jval_get_type(item, key, J_STRING);
    return v ? v->text : (struct jtext){0};
}

static bool is_call(const struct jval *item)
{
    struct jtext type = text_of(item, "type");
    return jtext_is(type, "function_call") || jtext_is(type, "custom_tool_call");
}

static bool put_item_call(struct buf *out, const struct jval *item, const struct toolset *tools, const char *at,
                          struct refusal *r)
{
    bool custom = jtext_is(text_of(item, "type"), "custom_tool_call");
    struct jtext name = text_of(item, "name"), id = text_of(item, "call_id"), space = text_of(item, "namespace");
    struct jtext arguments = text_of(item, custom ? "input" : "arguments");
    if (!name.s || !id.s || !arguments.s)
        return refuse(r, 400, at, "a call needs the texts \"name\", \"call_id\" and \"%s\"",
                      custom ? "input" : "arguments");
    const struct tool *tool = toolset_named(tools, name, space);
    if (tool)
        name = (struct jtext){tool->shown, strlen(tool->shown)};
    items_put_call(out, id, name, arguments, custom);
    return true;
}

static bool put_reasoning(struct buf *out, const struct jval *item, const char *at, struct refusal *r)
{
    const struct jval *content = jval_given(item, "content");
    struct jtext sealed = text_of(item, "encrypted_content");
    struct buf text = {0};
    if (content && content->type != J_ARRAY)
        return refuse(r, 400, at, "a reasoning item's \"content\" must be a list of parts");
    for (const struct jval *part = content ? content->first : NULL; part; part = part->next) {
        struct jtext piece = text_of(part, "text");
        buf_puts(&text, text.len && piece.len ? "\n" : "");
        buf_add(&text, piece.s ? piece.s : "", piece.len);
    }
    if (!text.len && sealed.s && !items_unseal(&text, sealed)) {
        buf_free(&text);
        return refuse(r, 400, at, "a reasoning item's \"encrypted_content\" is not from this server");
    }
    if (text.len) {
        buf_puts(out, ",{\"role\":\"assistant\",\"reasoning_content\":");
        jwrite_string(out, text.data, text.len);
        buf_puts(out, "}");
    }
    out->failed |= text.failed;
    buf_free(&text);
    return true;
}

static bool put_output(struct buf *out, const struct jval *item, const char *at, struct refusal *r)
{
    struct jtext id = text_of(item, "call_id");
    const struct jval *output = jval_given(item, "output");
    if (!id.s || !output || (output->type != J_STRING && output->type != J_ARRAY))
        return refuse(r, 400, at, "a tool's output needs a \"call_id\" and an \"output\" (text or a list of parts)");
    buf_puts(out, ",{\"role\":\"tool\",\"tool_call_id\":");
    jwrite_string(out, id.s, id.len);
    buf_puts(out, ",\"content\":");
    items_put_output(out, output);
    buf_puts(out, "}");
    return true;
}

/* The calls that follow an assistant's message belong to it: *item becomes the last of them. */
static bool put_message(struct buf *out, const struct jval **item, const struct toolset *tools, const char *at,
                        struct refusal *r)
{
    struct jtext role = text_of(*item, "role");
    const struct jval *content = jval_given(*item, "content");
    if (!role.s || !content || (content->type != J_STRING && content->type != J_ARRAY))
        return refuse(r, 400, at, "a message needs a \"role\" and a \"content\" (text or a list of parts)");
    buf_puts(out, ",{\"role\":");
    jwrite_string(out, role.s, role.len);
    buf_puts(out, ",\"content\":");
    jwrite_value(out, content, JWRITE_SPELT);
    if (jtext_is(role, "assistant") && (*item)->next && is_call((*item)->next)) {
        *item = (*item)->next;
        buf_puts(out, ",\"tool_calls\":[");
        if (!put_item_call(out, *item, tools, at, r))
            return false;
        buf_puts(out, "]");
    }
    buf_puts(out, "}");
    return true;
}

bool items_put_messages(struct buf *out, const struct jval *list, const char *param, const struct toolset *tools,
                        struct refusal *r)
{
    size_t i = 0;
    for (const struct jval *item = list->first; item; item = item->next, i++) {
        const struct jval *first = item;
        struct jtext type = text_of(item, "type");
        char at[64];
        bool ok = true;
        snprintf(at, sizeof at, "%s[%zu]", param, i);
        if (item->type != J_OBJECT)
            ok = refuse(r, 400, at, "an item must be an object");
        else if (jtext_is(type, "message") || (!type.s && jval_given(item, "role")))
            ok = put_message(out, &item, tools, at, r);
        else if (jtext_is(type, "reasoning"))
            ok = put_reasoning(out, item, at, r);
        else if (is_call(item)) {
            buf_puts(out, ",{\"role\":\"assistant\",\"tool_calls\":[");
            ok = put_item_call(out, item, tools, at, r);
            buf_puts(out, "]}");
        } else if (jtext_is(type, "function_call_output") || jtext_is(type, "custom_tool_call_output"))
            ok = put_output(out, item, at, r);
        else
            ok = refuse(r, 400, at,
                        "an item of type \"%.40s\"; messages, reasoning, function calls and custom tool calls "
                        "with their outputs are read here",
                        type.s ? type.s : "");
        if (!ok)
            return false;
        i += item != first;
    }
    return true;
}
