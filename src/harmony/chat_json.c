/* chat_json.c: a chat request, as OpenAI's API and those who speak it send one, as a harmony conversation.
 *
 *     system, developer        a developer message with these instructions; the tools stand in the first of them
 *     assistant, its thoughts  reasoning_content, reasoning or thinking: an analysis message
 *     assistant, content       final; commentary (a preamble) where calls follow
 *     assistant, tool_calls    one commentary message each, to functions.NAME, JSON
 *     tool                     functions.NAME, to the assistant; the name is that of the call with its tool_call_id
 *
 * What a field cannot say here is refused (images) or told (response_format), never dropped in silence. */
#include "harmony/conversation.h"

#include "base/error.h"
#include "base/sized.h"
#include "json/jwrite.h"

#include <stdio.h>
#include <string.h>

/* The fields of a request that are taken, or say nothing that a prompt could say. */
static const char *const request_fields[] = {
    "messages",
    "tools",
    "functions",
    "reasoning_effort",
    "tool_choice",
    "function_call",
    "model",
    "stream",
    "temperature",
    "stream_options",
    "max_completion_tokens",
    "max_tokens",
    "top_p",
    "n",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "stop",
    "logit_bias",
    "logprobs",
    "top_logprobs",
    "store",
    "metadata",
    "user",
};
static const char *const thought_fields[] = {"reasoning_content", "reasoning", "thinking"};
static const char *const message_fields[] = {"role",       "content",      "name",         "refusal",
                                             "tool_calls", "tool_call_id", "function_call"};

#define COUNT(list) (sizeof(list) / sizeof *(list))

struct chat {
    struct osso_conversation *c;
    const struct jval *messages;
    const struct osso_system *system;
    struct buf tools;   /* a JSON list; empty: none */
    struct buf ignored; /* fields, separated by commas */
    struct osso_error *err;
};

static bool is_listed(struct jtext key, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (jtext_is(key, list[i]))
            return true;
    return false;
}

/* Adds a field to the note, once; a note has an end, whatever a request holds. */
static void ignore(struct chat *chat, struct jtext key)
{
    enum { MOST_KEY = 40, MOST_NOTE = 400 };
    struct buf name = {0};
    jwrite_string(&name, key.s, key.len < MOST_KEY ? key.len : MOST_KEY);
    bool again = name.failed || (chat->ignored.data && strstr(chat->ignored.data, name.data));
    if (!again && chat->ignored.len < MOST_NOTE)
        buf_printf(&chat->ignored, "%s%s", chat->ignored.len ? ", " : "", name.data);
    buf_free(&name);
}

/* ---- texts ---------------------------------------------------------------------------------------------- */

static enum osso_status add_part(struct chat *chat, struct message *m, const struct jval *part)
{
    const struct jval *type = jval_get_type(part, "type", J_STRING);
    const struct jval *text = part->type == J_STRING ? part : jval_get_type(part, "text", J_STRING);
    if (type && jtext_is(type->text, "refusal"))
        text = jval_get_type(part, "refusal", J_STRING);
    if (text)
        return message_add_text(m, text->text, chat->err);
    if (type && (strstr(type->text.s, "image") || strstr(type->text.s, "audio") || strstr(type->text.s, "video") ||
                 strstr(type->text.s, "file")))
        return error_set(chat->err, OSSO_UNSUPPORTED,
                         "a content part of type \"%s\"; gpt-oss reads text only, leave it out or describe it",
                         type->text.s);
    return error_set(chat->err, OSSO_FORMAT, "a content part without \"text\"");
}

/* Text, null or a list of text parts. */
static enum osso_status add_content(struct chat *chat, struct message *m, const struct jval *content)
{
    enum osso_status status = OSSO_OK;
    if (!content)
        return message_add_text(m, (struct jtext){0}, chat->err);
    if (content->type == J_STRING)
        return message_add_text(m, content->text, chat->err);
    if (content->type != J_ARRAY)
        return error_set(chat->err, OSSO_FORMAT, "\"content\" must be text, null or a list of text parts");
    for (const struct jval *part = content->first; part && !status; part = part->next)
        status = add_part(chat, m, part);
    return status;
}

static bool set(struct jtext *field, const char *value)
{
    return jtext_copy(field, (struct jtext){value, value ? strlen(value) : 0});
}

/* One message of the assistant. */
static enum osso_status say(struct chat *chat, const char *channel, const char *recipient, const struct jval *content)
{
    struct message m = {.role = OSSO_ROLE_ASSISTANT};
    bool ok = set(&m.channel, channel) && set(&m.recipient, recipient) &&
              set(&m.content_type, recipient ? "<|constrain|>json" : NULL);
    enum osso_status status = ok ? add_content(chat, &m, content) : error_nomem(chat->err, sizeof m, "a message");
    if (!status)
        return conversation_append(chat->c, &m, chat->err);
    message_clear(&m);
    return status;
}

/* ---- messages ------------------------------------------------------------------------------------------- */

static enum osso_status name_of(struct chat *chat, struct jtext name, struct buf *out)
{
    buf_puts(out, name.len >= 10 && memcmp(name.s, "functions.", 10) == 0 ? "" : "functions.");
    buf_add(out, name.s, name.len);
    return out->failed ? error_nomem(chat->err, name.len, "a tool's name") : OSSO_OK;
}

/* `function`: {"name", "arguments": text or (as some write it) an object}. */
static enum osso_status add_call(struct chat *chat, const struct jval *function)
{
    const struct jval *name = jval_get_type(function, "name", J_STRING), *arguments = jval_given(function, "arguments");
    struct buf recipient = {0}, text = {0};
    struct jval content = {.type = J_STRING};
    if (!name || !name->text.len)
        return error_set(chat->err, OSSO_FORMAT, "a tool call without a function's \"name\"");
    if (arguments && arguments->type == J_STRING)
        buf_add(&text, arguments->text.s, arguments->text.len);
    else if (arguments)
        jwrite_value(&text, arguments, JWRITE_SPELT);
    else
        buf_puts(&text, "{}");
    content.text = (struct jtext){text.data ? text.data : "", text.len};
    enum osso_status status = text.failed ? error_nomem(chat->err, text.len, "a call's arguments") : OSSO_OK;
    if (!status)
        status = name_of(chat, name->text, &recipient);
    if (!status)
        status = say(chat, "commentary", recipient.data, &content);
    buf_free(&recipient);
    buf_free(&text);
    return status;
}

static enum osso_status add_assistant(struct chat *chat, const struct jval *v)
{
    const struct jval *content = jval_given(v, "content"), *calls = jval_given(v, "tool_calls");
    const struct jval *one = jval_given(v, "function_call"), *thought = NULL;
    enum osso_status status = OSSO_OK;
    if (calls && calls->type != J_ARRAY)
        return error_set(chat->err, OSSO_FORMAT, "\"tool_calls\" must be a list");
    bool called = one || (calls && calls->first);
    content = content ? content : jval_given(v, "refusal");
    for (size_t i = 0; i < COUNT(thought_fields) && !thought; i++)
        thought = jval_given(v, thought_fields[i]);
    if (thought && thought->type != J_STRING)
        return error_set(chat->err, OSSO_FORMAT, "what the assistant thought (\"%s\") must be text", thought->key.s);
    if (!content && !called && !thought)
        return error_set(chat->err, OSSO_FORMAT, "an assistant message without \"content\" and \"tool_calls\"");
    if (thought && thought->text.len)
        status = say(chat, "analysis", NULL, thought);
    bool empty = content &&
                 ((content->type == J_STRING && !content->text.len) || (content->type == J_ARRAY && !content->first));
    if (!status && content && !(empty && called))
        status = say(chat, called ? "commentary" : "final", NULL, content);
    for (const struct jval *call = calls ? calls->first : NULL; call && !status; call = call->next)
        status = add_call(chat, jval_given(call, "function") ? jval_given(call, "function") : call);
    return status || !one ? status : add_call(chat, one);
}

/* The name that the nearest earlier call with this id had. */
static const struct jval *called_name(const struct chat *chat, const struct jval *answer, struct jtext id)
{
    const struct jval *name = NULL;
    for (const struct jval *m = chat->messages->first; m && m != answer; m = m->next) {
        const struct jval *calls = jval_get_type(m, "tool_calls", J_ARRAY);
        for (const struct jval *call = calls ? calls->first : NULL; call; call = call->next) {
            const struct jval *its = jval_get_type(call, "id", J_STRING), *f = jval_given(call, "function");
            if (its && its->text.len == id.len && memcmp(its->text.s, id.s, id.len) == 0)
                name = jval_get_type(f ? f : call, "name", J_STRING);
        }
    }
    return name;
}

static enum osso_status add_result(struct chat *chat, const struct jval *v)
{
    const struct jval *id = jval_get_type(v, "tool_call_id", J_STRING);
    const struct jval *name = id ? called_name(chat, v, id->text) : NULL;
    struct message m = {.role = OSSO_ROLE_TOOL};
    struct buf full = {0};
    name = name ? name : jval_get_type(v, "name", J_STRING);
    if (!name && id)
        return error_set(chat->err, OSSO_FORMAT,
                         "\"tool_call_id\" is \"%s\", but no call before has this id; give the call, or a \"name\"",
                         id->text.s);
    if (!name)
        return error_set(chat->err, OSSO_FORMAT, "a tool message needs a \"tool_call_id\" or a \"name\"");
    enum osso_status status = name_of(chat, name->text, &full);
    if (!status && !(jtext_copy(&m.name, (struct jtext){full.data, full.len}) && set(&m.recipient, "assistant") &&
                     set(&m.channel, "commentary")))
        status = error_nomem(chat->err, sizeof m, "a message");
    if (!status)
        status = add_content(chat, &m, jval_given(v, "content"));
    buf_free(&full);
    if (!status)
        return conversation_append(chat->c, &m, chat->err);
    message_clear(&m);
    return status;
}

static enum osso_status add_user(struct chat *chat, const struct jval *v)
{
    const struct jval *name = jval_get_type(v, "name", J_STRING);
    struct message m = {.role = OSSO_ROLE_USER};
    enum osso_status status = OSSO_OK;
    if (!jval_given(v, "content"))
        status = error_set(chat->err, OSSO_FORMAT, "a user's message without \"content\"");
    else if (name && !jtext_copy(&m.name, name->text))
        status = error_nomem(chat->err, sizeof m, "a message");
    else
        status = add_content(chat, &m, jval_given(v, "content"));
    if (!status)
        return conversation_append(chat->c, &m, chat->err);
    message_clear(&m);
    return status;
}

/* Instructions, with the tools the first time. `v` may be NULL: tools alone. */
static enum osso_status add_developer(struct chat *chat, const struct jval *v)
{
    struct message m = {0};
    struct buf text = {0};
    enum osso_status status = v ? add_content(chat, &m, jval_given(v, "content")) : OSSO_OK;
    for (size_t i = 0; i < m.n_parts; i++)
        buf_add(&text, m.parts[i].text.s, m.parts[i].text.len);
    if (!status && text.failed)
        status = error_nomem(chat->err, text.len, "instructions");
    if (!status && text.len && memchr(text.data, 0, text.len))
        status = error_set(chat->err, OSSO_FORMAT, "instructions with a NUL in them; leave it out");
    if (!status)
        status = osso_conversation_add_developer(chat->c, text.len ? text.data : NULL,
                                                 chat->tools.len ? chat->tools.data : NULL, chat->err);
    buf_clear(&chat->tools);
    buf_free(&text);
    message_clear(&m);
    return status;
}

static enum osso_status add_message(struct chat *chat, const struct jval *v)
{
    const struct jval *role = jval_get_type(v, "role", J_STRING);
    if (!role)
        return error_set(chat->err, OSSO_FORMAT, "a message must be an object with a \"role\"");
    for (const struct jval *m = v->first; m; m = m->next)
        if (m->type != J_NULL && !is_listed(m->key, message_fields, COUNT(message_fields)) &&
            !is_listed(m->key, thought_fields, COUNT(thought_fields)))
            ignore(chat, m->key);
    if (jtext_is(role->text, "system") || jtext_is(role->text, "developer"))
        return add_developer(chat, v);
    if (jtext_is(role->text, "user"))
        return add_user(chat, v);
    if (jtext_is(role->text, "assistant"))
        return add_assistant(chat, v);
    if (jtext_is(role->text, "tool") || jtext_is(role->text, "function"))
        return add_result(chat, v);
    return error_set(chat->err, OSSO_FORMAT, "role \"%s\"; it must be system, developer, user, assistant or tool",
                     role->text.s);
}

/* ---- the request ---------------------------------------------------------------------------------------- */

/* {"type": "function", "function": {...}} or the function itself, as a list that the developer message takes. */
static enum osso_status read_tools(struct chat *chat, const struct jval *root)
{
    const struct jval *choice = jval_given(root, "tool_choice") ? jval_given(root, "tool_choice")
                                                                : jval_given(root, "function_call");
    const struct jval *list = jval_given(root, "tools") ? jval_given(root, "tools") : jval_given(root, "functions");
    bool none = choice && choice->type == J_STRING && jtext_is(choice->text, "none");
    if (choice && !none && !(choice->type == J_STRING && jtext_is(choice->text, "auto")))
        ignore(chat, choice->key);
    if (list && list->type != J_ARRAY)
        return error_set(chat->err, OSSO_FORMAT, "\"%s\" must be a list", list->key.s);
    if (!list || !list->first || none)
        return OSSO_OK;
    for (const struct jval *tool = list->first; tool; tool = tool->next) {
        const struct jval *type = jval_get_type(tool, "type", J_STRING), *function = jval_given(tool, "function");
        if (type && !jtext_is(type->text, "function"))
            return error_set(chat->err, OSSO_UNSUPPORTED, "a tool of type \"%s\"; only functions are known here",
                             type->text.s);
        buf_puts(&chat->tools, tool == list->first ? "[" : ",");
        jwrite_value(&chat->tools, function ? function : tool, JWRITE_SPELT);
    }
    buf_puts(&chat->tools, "]");
    return chat->tools.failed ? error_nomem(chat->err, chat->tools.len, "the tools") : OSSO_OK;
}

static enum osso_status begin(struct chat *chat, const struct jval *root)
{
    struct osso_system system = {.size = sizeof system};
    const struct jval *effort = jval_given(root, "reasoning_effort");
    sized_in(&system, sizeof system, chat->system);
    if (effort && effort->type != J_STRING)
        return error_set(chat->err, OSSO_FORMAT, "\"reasoning_effort\" must be low, medium or high");
    if (effort)
        system.effort = effort->text.s;
    for (const struct jval *m = root->type == J_OBJECT ? root->first : NULL; m; m = m->next) {
        if (m->type != J_NULL && !is_listed(m->key, request_fields, COUNT(request_fields)))
            ignore(chat, m->key);
    }
    enum osso_status status = osso_conversation_add_system(chat->c, &system, chat->err);
    return status == OSSO_USAGE && effort ? OSSO_FORMAT : status;
}

static enum osso_status read_messages(struct chat *chat, char *at, size_t size)
{
    enum osso_status status = OSSO_OK;
    const struct jval *first = chat->messages->first;
    const struct jval *role = first ? jval_get_type(first, "role", J_STRING) : NULL;
    if (chat->tools.len && !(role && (jtext_is(role->text, "system") || jtext_is(role->text, "developer"))))
        status = add_developer(chat, NULL);
    size_t i = 0;
    for (const struct jval *m = first; m && !status; m = m->next, i++) {
        size_t made = chat->c->n_messages;
        if ((status = add_message(chat, m)))
            snprintf(at, size, "message %zu", i);
        for (; made < chat->c->n_messages; made++)
            chat->c->messages[made].request_message = i;
    }
    return status;
}

enum osso_status osso_conversation_from_chat(const char *json, size_t len, const char *where,
                                             const struct osso_system *system, char **ignored_out,
                                             struct osso_conversation **conversation_out, struct osso_error *err)
{
    struct jdoc *doc;
    char at[32] = "the request";
    struct chat chat = {.system = system, .err = err};
    *conversation_out = NULL;
    *ignored_out = NULL;
    enum osso_status status = system ? sized_check(system, "osso_system", err) : OSSO_OK;
    if (status || (status = jdoc_read_harmony(json, len, where, &doc, err)))
        return status;
    const struct jval *root = jdoc_root(doc);
    chat.messages = root->type == J_ARRAY ? root : jval_get_type(root, "messages", J_ARRAY);
    if (!chat.messages)
        status = error_set(err, OSSO_FORMAT, "it must be an object with a list \"messages\"");
    if (!status)
        status = osso_conversation_create(&chat.c, err);
    if (!status)
        status = begin(&chat, root);
    if (!status)
        status = read_tools(&chat, root);
    if (!status)
        status = read_messages(&chat, at, sizeof at);
    if (!status && chat.ignored.failed)
        status = error_nomem(err, chat.ignored.len, "a note");
    if (status) {
        error_prefix(err, status, at);
        error_prefix(err, status, where);
        osso_conversation_free(chat.c);
    } else {
        *conversation_out = chat.c;
        *ignored_out = chat.ignored.len ? buf_take(&chat.ignored) : NULL;
    }
    buf_free(&chat.tools);
    buf_free(&chat.ignored);
    jdoc_release(doc);
    return status;
}
