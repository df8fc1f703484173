/* conversation_json.c: conversations from and to the JSON form of openai-harmony 0.0.8.
 *
 * What its reader refuses is refused: a known field that is missing, repeated or of another type. Unknown fields are
 * ignored. null means absent for optional fields and is an error for required ones. */
#include "harmony/conversation.h"

#include "base/error.h"
#include "json/jwrite.h"

#include <stdio.h>
#include <string.h>

enum { ANY = -1, LIST_OR_STRING = -2 };

struct field {
    const char *key;
    int type; /* enum jtype, or one of the above */
    bool required;
};

static const struct field conversation_fields[] = {{"messages", J_ARRAY, true}, {0}};
static const struct field message_fields[] = {{"role", J_STRING, true},
                                              {"name", J_STRING, false},
                                              {"recipient", J_STRING, false},
                                              {"channel", J_STRING, false},
                                              {"content_type", J_STRING, false},
                                              {"content", LIST_OR_STRING, true},
                                              {0}};
static const struct field part_fields[] = {{"type", J_STRING, true}, {0}};
static const struct field text_fields[] = {{"text", J_STRING, true}, {0}};
static const struct field system_fields[] = {{"model_identity", J_STRING, false},
                                             {"reasoning_effort", J_STRING, false},
                                             {"tools", J_OBJECT, false},
                                             {"conversation_start_date", J_STRING, false},
                                             {"knowledge_cutoff", J_STRING, false},
                                             {"channel_config", J_OBJECT, false},
                                             {0}};
static const struct field channel_fields[] = {
    {"valid_channels", J_ARRAY, true}, {"channel_required", J_BOOL, true}, {0}};
static const struct field developer_fields[] = {{"instructions", J_STRING, false}, {"tools", J_OBJECT, false}, {0}};
static const struct field space_fields[] = {
    {"name", J_STRING, true}, {"description", J_STRING, false}, {"tools", J_ARRAY, true}, {0}};
static const struct field tool_fields[] = {
    {"name", J_STRING, true}, {"description", J_STRING, true}, {"parameters", ANY, false}, {0}};

static const char *const efforts[] = {"Low", "Medium", "High"};

/* ---- checking ------------------------------------------------------------------------------------------- */

static bool has_type(const struct jval *v, int type)
{
    return type == ANY || (type == LIST_OR_STRING ? v->type == J_ARRAY || v->type == J_STRING : (int)v->type == type);
}

static enum osso_status check_fields(const struct jval *v, const struct field *fields, const char *what,
                                     struct osso_error *err)
{
    static const char *const names[] = {"null", "true or false", "a number", "text", "a list", "an object"};
    if (v->type != J_OBJECT)
        return error_set(err, OSSO_FORMAT, "%s must be an object", what);
    for (const struct field *f = fields; f->key; f++) {
        const struct jval *m = jval_get(v, f->key);
        if (!m && f->required)
            return error_set(err, OSSO_FORMAT, "%s has no \"%s\"", what, f->key);
        if (!m)
            continue;
        if (m->repeated)
            return error_set(err, OSSO_FORMAT, "%s has \"%s\" more than once", what, f->key);
        if (m->type == J_NULL && !f->required)
            continue;
        if (!has_type(m, f->type))
            return error_set(err, OSSO_FORMAT, "%s: \"%s\" must be %s", what, f->key,
                             f->type < 0 ? "text or a list" : names[f->type]);
    }
    return OSSO_OK;
}

static enum osso_status check_namespace(const struct jval *space, struct osso_error *err)
{
    enum osso_status status = check_fields(space, space_fields, "a tool namespace", err);
    const struct jval *tools = status ? NULL : jval_get(space, "tools");
    for (const struct jval *tool = tools ? tools->first : NULL; tool && !status; tool = tool->next)
        status = check_fields(tool, tool_fields, "a tool", err);
    return status;
}

static enum osso_status check_tools(const struct jval *spaces, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    if (!spaces || spaces->type != J_OBJECT)
        return OSSO_OK;
    for (const struct jval *space = spaces->first; space && !status; space = space->next)
        for (const struct jval *v = space; v && !status; v = v->earlier)
            status = check_namespace(v, err);
    return status;
}

static enum osso_status check_system(const struct jval *v, struct osso_error *err)
{
    enum osso_status status = check_fields(v, system_fields, "system content", err);
    if (status)
        return status;
    const struct jval *effort = jval_get_type(v, "reasoning_effort", J_STRING);
    bool known = !effort;
    for (size_t i = 0; effort && i < 3; i++)
        known = known || jtext_is(effort->text, efforts[i]);
    if (!known)
        return error_set(err, OSSO_FORMAT, "\"reasoning_effort\" is \"%s\"; it must be Low, Medium or High",
                         effort->text.s);
    const struct jval *config = jval_get_type(v, "channel_config", J_OBJECT);
    if (config && (status = check_fields(config, channel_fields, "\"channel_config\"", err)))
        return status;
    const struct jval *channels = jval_get(config, "valid_channels");
    for (const struct jval *c = channels ? channels->first : NULL; c; c = c->next)
        if (c->type != J_STRING)
            return error_set(err, OSSO_FORMAT, "\"valid_channels\" must be a list of texts");
    return check_tools(jval_get(v, "tools"), err);
}

static enum osso_status check_developer(const struct jval *v, struct osso_error *err)
{
    enum osso_status status = check_fields(v, developer_fields, "developer content", err);
    return status ? status : check_tools(jval_get(v, "tools"), err);
}

/* ---- reading -------------------------------------------------------------------------------------------- */

static enum osso_status read_part(struct message *m, struct jdoc *doc, const struct jval *v, struct osso_error *err)
{
    enum osso_status status = check_fields(v, part_fields, "a content part", err);
    if (status)
        return status;
    struct jtext type = jval_get(v, "type")->text;
    if (jtext_is(type, "text")) {
        status = check_fields(v, text_fields, "a text part", err);
        return status ? status : message_add_text(m, jval_get(v, "text")->text, err);
    }
    if (jtext_is(type, "system_content")) {
        status = check_system(v, err);
        return status ? status : message_add_value(m, PART_SYSTEM, doc, v, err);
    }
    if (jtext_is(type, "developer_content")) {
        status = check_developer(v, err);
        return status ? status : message_add_value(m, PART_DEVELOPER, doc, v, err);
    }
    return error_set(err, OSSO_FORMAT,
                     "a content part of type \"%s\"; it must be text, system_content or developer_content", type.s);
}

static struct jtext optional(const struct jval *v, const char *key)
{
    const struct jval *m = jval_get_type(v, key, J_STRING);
    return m ? m->text : (struct jtext){0};
}

static enum osso_status read_message(struct message *m, struct jdoc *doc, const struct jval *v, struct osso_error *err)
{
    enum osso_status status = check_fields(v, message_fields, "a message", err);
    if (status)
        return status;
    struct jtext role = jval_get(v, "role")->text;
    if (!role_find(role, &m->role))
        return error_set(err, OSSO_FORMAT, "role \"%s\"; it must be system, developer, user, assistant or tool",
                         role.s);
    if (!jtext_copy(&m->name, optional(v, "name")) || !jtext_copy(&m->recipient, optional(v, "recipient")) ||
        !jtext_copy(&m->channel, optional(v, "channel")) || !jtext_copy(&m->content_type, optional(v, "content_type")))
        return error_nomem(err, sizeof *m, "a message");
    const struct jval *content = jval_get(v, "content");
    if (content->type == J_STRING)
        return message_add_text(m, content->text, err);
    for (const struct jval *part = content->first; part && !status; part = part->next)
        status = read_part(m, doc, part, err);
    return status;
}

enum osso_status osso_conversation_from_json(const char *json, size_t len, const char *where,
                                             struct osso_conversation **conversation_out, struct osso_error *err)
{
    struct osso_conversation *c = NULL;
    struct jdoc *doc = NULL;
    char at[64] = "the conversation";
    *conversation_out = NULL;
    enum osso_status status = jdoc_read_harmony(json, len, where, &doc, err);
    if (status)
        return status;
    if ((status = osso_conversation_create(&c, err)))
        goto cleanup;
    if ((status = check_fields(jdoc_root(doc), conversation_fields, "the text", err)))
        goto cleanup;
    size_t i = 0;
    for (const struct jval *v = jval_get(jdoc_root(doc), "messages")->first; v; v = v->next, i++) {
        struct message m = {0};
        snprintf(at, sizeof at, "message %zu", i);
        if ((status = read_message(&m, doc, v, err))) {
            message_clear(&m);
            goto cleanup;
        }
        if ((status = conversation_append(c, &m, err)))
            goto cleanup;
    }
    *conversation_out = c;
    c = NULL;
cleanup:
    if (status) {
        error_prefix(err, status, at);
        error_prefix(err, status, where);
    }
    osso_conversation_free(c);
    jdoc_release(doc);
    return status;
}

/* ---- writing -------------------------------------------------------------------------------------------- */

static void write_key(struct buf *out, const char *key)
{
    buf_printf(out, "%s\"%s\":", out->len && strchr("{[", out->data[out->len - 1]) ? "" : ",", key);
}

/* The member, or null. */
static void write_member(struct buf *out, const struct jval *v, const char *key)
{
    const struct jval *m = jval_get(v, key);
    write_key(out, key);
    if (m)
        jwrite_value(out, m, JWRITE_SPELT);
    else
        buf_puts(out, "null");
}

/* Known fields only, absent ones as null: the reference writes what it has read, not what it was given. */
static void write_fields(struct buf *out, const struct jval *v, const struct field *fields)
{
    for (const struct field *f = fields; f->key; f++)
        if (strcmp(f->key, "tools") != 0 && strcmp(f->key, "channel_config") != 0)
            write_member(out, v, f->key);
}

static void write_tools(struct buf *out, const struct jval *spaces)
{
    write_key(out, "tools");
    if (!spaces || spaces->type != J_OBJECT) {
        buf_puts(out, "null");
        return;
    }
    buf_putc(out, '{');
    for (const struct jval *space = spaces->first; space; space = space->next) {
        if (space != spaces->first)
            buf_putc(out, ',');
        jwrite_string(out, space->key.s, space->key.len);
        buf_puts(out, ":{");
        write_fields(out, space, space_fields);
        write_key(out, "tools");
        buf_putc(out, '[');
        const struct jval *first = jval_get(space, "tools")->first;
        for (const struct jval *tool = first; tool; tool = tool->next) {
            buf_puts(out, tool == first ? "{" : ",{");
            write_fields(out, tool, tool_fields);
            buf_putc(out, '}');
        }
        buf_puts(out, "]}");
    }
    buf_putc(out, '}');
}

static void write_part(struct buf *out, const struct part *part)
{
    switch (part->kind) {
    case PART_TEXT:
        buf_puts(out, "{\"type\":\"text\",\"text\":");
        jwrite_string(out, part->text.s, part->text.len);
        break;
    case PART_SYSTEM: {
        const struct jval *config = jval_get_type(part->value, "channel_config", J_OBJECT);
        buf_puts(out, "{\"type\":\"system_content\"");
        write_fields(out, part->value, system_fields);
        write_tools(out, jval_get(part->value, "tools"));
        write_key(out, "channel_config");
        buf_puts(out, config ? "{" : "null");
        if (config) {
            write_fields(out, config, channel_fields);
            buf_putc(out, '}');
        }
        break;
    }
    case PART_DEVELOPER:
        buf_puts(out, "{\"type\":\"developer_content\"");
        write_fields(out, part->value, developer_fields);
        write_tools(out, jval_get(part->value, "tools"));
        break;
    }
    buf_putc(out, '}');
}

static void write_optional(struct buf *out, const char *key, struct jtext text)
{
    if (!text.s)
        return;
    write_key(out, key);
    jwrite_string(out, text.s, text.len);
}

static void write_message(struct buf *out, const struct message *m)
{
    buf_printf(out, "{\"role\":\"%s\"", role_name(m->role));
    write_optional(out, "name", m->name);
    write_optional(out, "recipient", m->recipient);
    write_key(out, "content");
    if (m->n_parts == 1 && m->parts[0].kind == PART_TEXT) {
        jwrite_string(out, m->parts[0].text.s, m->parts[0].text.len);
    } else {
        buf_putc(out, '[');
        for (size_t i = 0; i < m->n_parts; i++) {
            if (i)
                buf_putc(out, ',');
            write_part(out, &m->parts[i]);
        }
        buf_putc(out, ']');
    }
    write_optional(out, "channel", m->channel);
    write_optional(out, "content_type", m->content_type);
    buf_putc(out, '}');
}

enum osso_status osso_conversation_to_json(const struct osso_conversation *conversation, char **json_out,
                                           struct osso_error *err)
{
    struct buf out = {0};
    buf_puts(&out, "{\"messages\":[");
    for (size_t i = 0; i < conversation->n_messages; i++) {
        if (i)
            buf_putc(&out, ',');
        write_message(&out, &conversation->messages[i]);
    }
    buf_puts(&out, "]}");
    size_t len = out.len;
    *json_out = buf_take(&out);
    return *json_out ? OSSO_OK : error_nomem(err, len, "the JSON text of a conversation");
}
