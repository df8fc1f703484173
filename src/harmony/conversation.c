/* conversation.c: a list of harmony messages and the calls that build one. */
#include "harmony/conversation.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/sized.h"
#include "harmony/harmony_tools.h"

#include <string.h>

static const char *const role_names[] = {"system", "developer", "user", "assistant", "tool"};

const char *role_name(enum osso_role role)
{
    return role_names[role];
}

bool role_find(struct jtext name, enum osso_role *role_out)
{
    for (size_t i = 0; i < sizeof role_names / sizeof *role_names; i++)
        if (jtext_is(name, role_names[i])) {
            *role_out = (enum osso_role)i;
            return true;
        }
    return false;
}

bool jtext_copy(struct jtext *out, struct jtext in)
{
    *out = (struct jtext){0};
    if (!in.s)
        return true;
    *out = (struct jtext){mem_strndup(in.s, in.len), in.len};
    return out->s != NULL;
}

void jtext_free(struct jtext *t)
{
    mem_free((char *)t->s);
    *t = (struct jtext){0};
}

/* ---- messages ------------------------------------------------------------------------------------------- */

void message_clear(struct message *m)
{
    for (size_t i = 0; i < m->n_parts; i++) {
        jtext_free(&m->parts[i].text);
        jdoc_release(m->parts[i].doc);
    }
    mem_free(m->parts);
    jtext_free(&m->name);
    jtext_free(&m->recipient);
    jtext_free(&m->channel);
    jtext_free(&m->content_type);
    mem_free(m->ids);
    mem_free(m->shown);
    *m = (struct message){0};
}

static enum osso_status add_part(struct message *m, struct part part, struct osso_error *err)
{
    /* Capacities are the powers of two: a full one is seen from the count alone. */
    if ((m->n_parts & (m->n_parts - 1)) == 0) {
        struct part *parts = mem_grow(m->parts, m->n_parts ? m->n_parts * 2 : 1, sizeof *parts);
        if (!parts)
            return error_nomem(err, (m->n_parts + 1) * sizeof *parts, "the parts of a message");
        m->parts = parts;
    }
    m->parts[m->n_parts++] = part;
    return OSSO_OK;
}

enum osso_status message_add_text(struct message *m, struct jtext text, struct osso_error *err)
{
    struct part part = {.kind = PART_TEXT};
    if (!jtext_copy(&part.text, text.s ? text : (struct jtext){"", 0}))
        return error_nomem(err, text.len, "the text of a message");
    enum osso_status status = add_part(m, part, err);
    if (status)
        jtext_free(&part.text);
    return status;
}

enum osso_status message_add_value(struct message *m, enum part_kind kind, struct jdoc *doc, const struct jval *value,
                                   struct osso_error *err)
{
    enum osso_status status = add_part(m, (struct part){.kind = kind, .doc = doc, .value = value}, err);
    if (!status)
        jdoc_keep(doc);
    return status;
}

enum osso_status message_set_ids(struct message *m, const int32_t *ids, size_t n, struct osso_error *err)
{
    mem_free(m->ids);
    m->ids = n ? mem_array(n, sizeof *ids) : NULL;
    m->n_ids = m->ids ? n : 0;
    if (n && !m->ids)
        return error_nomem(err, n * sizeof *ids, "the ids of a message");
    if (n)
        memcpy(m->ids, ids, n * sizeof *ids);
    return OSSO_OK;
}

enum osso_status conversation_append(struct osso_conversation *c, struct message *m, struct osso_error *err)
{
    struct message *messages = mem_room(c->messages, c->n_messages, &c->cap, sizeof *messages);
    if (!messages) {
        message_clear(m);
        return error_nomem(err, c->n_messages * sizeof *messages, "the messages of a conversation");
    }
    c->messages = messages;
    c->messages[c->n_messages++] = *m;
    *m = (struct message){0};
    return OSSO_OK;
}

bool conversation_has_functions(const struct osso_conversation *c)
{
    for (size_t i = 0; i < c->n_messages; i++)
        for (size_t k = 0; k < c->messages[i].n_parts; k++) {
            const struct part *part = &c->messages[i].parts[k];
            if (part->kind != PART_DEVELOPER)
                continue;
            const struct jval *functions = jval_get(jval_get(part->value, "tools"), "functions");
            const struct jval *tools = jval_get(functions, "tools");
            if (tools && tools->n_children > 0)
                return true;
        }
    return false;
}

/* ---- the public calls ----------------------------------------------------------------------------------- */

enum osso_status osso_conversation_create(struct osso_conversation **conversation_out, struct osso_error *err)
{
    *conversation_out = mem_alloc(sizeof **conversation_out);
    return *conversation_out ? OSSO_OK : error_nomem(err, sizeof **conversation_out, "a conversation");
}

void osso_conversation_truncate(struct osso_conversation *conversation, size_t size)
{
    while (conversation->n_messages > size)
        message_clear(&conversation->messages[--conversation->n_messages]);
}

void osso_conversation_free(struct osso_conversation *conversation)
{
    if (!conversation)
        return;
    osso_conversation_truncate(conversation, 0);
    mem_free(conversation->messages);
    mem_free(conversation);
}

size_t osso_conversation_size(const struct osso_conversation *conversation)
{
    return conversation->n_messages;
}

void osso_free(void *p)
{
    mem_free(p);
}

static struct jtext of_string(const char *s)
{
    return (struct jtext){s, s ? strlen(s) : 0};
}

enum osso_status osso_conversation_add(struct osso_conversation *conversation, const struct osso_message *given,
                                       struct osso_error *err)
{
    struct osso_message all = {0}, *message = &all;
    enum osso_status status = sized_check(given, "osso_message", err);
    if (status)
        return status;
    sized_in(&all, sizeof all, given);
    struct message m = {.role = message->role};
    if ((unsigned)message->role > OSSO_ROLE_TOOL)
        return error_set(err, OSSO_USAGE, "a message's role is %d; it must be one of enum osso_role",
                         (int)message->role);
    if (message->text && message->text_len == 0 && *message->text)
        return error_set(err, OSSO_USAGE, "a message's text_len is 0 beside a text: set it (strlen), or text to NULL");
    if (!message->ids != !message->n_ids)
        return error_set(err, OSSO_USAGE, "a message's ids and n_ids: give both or neither");
    bool copied = jtext_copy(&m.name, of_string(message->name)) &&
                  jtext_copy(&m.recipient, of_string(message->recipient)) &&
                  jtext_copy(&m.channel, of_string(message->channel)) &&
                  jtext_copy(&m.content_type, of_string(message->content_type));
    status = copied ? OSSO_OK : error_nomem(err, message->text_len, "a message");
    if (!status)
        status = message_add_text(&m, (struct jtext){message->text, message->text ? message->text_len : 0}, err);
    if (!status)
        status = message_set_ids(&m, message->ids, message->n_ids, err);
    if (!status)
        return conversation_append(conversation, &m, err);
    message_clear(&m);
    return status;
}

/* A message of several parts is shown as their texts, one after the other, as it is rendered. */
static enum osso_status make_shown(const struct osso_conversation *c, struct message *m, struct osso_error *err)
{
    struct buf text = {0};
    for (size_t k = 0; k < m->n_parts; k++)
        harmony_part_text(&text, &m->parts[k], conversation_has_functions(c));
    size_t len = text.len;
    char *shown = buf_take(&text);
    if (!shown)
        return error_nomem(err, len, "the text of a message");
    mem_free(m->shown);
    m->shown = shown;
    m->shown_len = len;
    return OSSO_OK;
}

enum osso_status osso_conversation_get(const struct osso_conversation *conversation, size_t i,
                                       struct osso_message *message_out, struct osso_error *err)
{
    struct osso_message m_out = {0};
    enum osso_status status = sized_check(message_out, "osso_message", err);
    if (status)
        return status;
    sized_out(message_out, &m_out, sizeof m_out);
    if (i >= conversation->n_messages)
        return error_set(err, OSSO_NOTFOUND, "message %zu of a conversation of %zu", i, conversation->n_messages);
    struct message *m = &conversation->messages[i];
    m_out = (struct osso_message){.role = m->role,
                                  .name = m->name.s,
                                  .recipient = m->recipient.s,
                                  .channel = m->channel.s,
                                  .content_type = m->content_type.s,
                                  .ids = m->ids,
                                  .n_ids = m->n_ids};
    if (m->n_parts == 1 && m->parts[0].kind == PART_TEXT) {
        m_out.text = m->parts[0].text.s;
        m_out.text_len = m->parts[0].text.len;
    } else { /* made again at every call: a later message may have changed the system message's last line */
        status = make_shown(conversation, m, err);
        m_out.text = m->shown;
        m_out.text_len = m->shown_len;
    }
    sized_out(message_out, &m_out, sizeof m_out);
    return status;
}

/* ---- system and developer messages ---------------------------------------------------------------------- */

static struct jval *put_string(struct jdoc *doc, struct jval *object, const char *key, const char *s)
{
    return jdoc_put(object, key, jdoc_string(doc, s, strlen(s)));
}

/* Appends a message with one structured part; `complete` says whether building it ran out of memory. */
static enum osso_status add_structured(struct osso_conversation *c, enum osso_role role, struct jdoc *doc,
                                       const struct jval *value, bool complete, struct osso_error *err)
{
    struct message m = {.role = role};
    enum osso_status status = complete ? OSSO_OK : error_nomem(err, 0, "a message");
    if (!status)
        status = message_add_value(&m, role == OSSO_ROLE_SYSTEM ? PART_SYSTEM : PART_DEVELOPER, doc, value, err);
    if (!status)
        return conversation_append(c, &m, err);
    message_clear(&m);
    return status;
}

static bool put_channels(struct jdoc *doc, struct jval *object)
{
    static const char *const names[] = {"analysis", "commentary", "final"};
    struct jval *config = jdoc_put(object, "channel_config", jdoc_new(doc, J_OBJECT));
    struct jval *channels = jdoc_put(config, "valid_channels", jdoc_new(doc, J_ARRAY));
    struct jval *required = jdoc_put(config, "channel_required", jdoc_new(doc, J_BOOL));
    bool ok = required != NULL;
    for (size_t i = 0; ok && i < 3; i++)
        ok = jdoc_put(channels, NULL, jdoc_string(doc, names[i], strlen(names[i]))) != NULL;
    if (ok)
        required->truth = true;
    return ok;
}

static bool put_builtins(struct jdoc *doc, struct jval *object, const struct osso_system *system)
{
    if (!system->browser && !system->python)
        return true;
    struct jval *tools = jdoc_put(object, "tools", jdoc_new(doc, J_OBJECT));
    return tools && (!system->browser || jdoc_put(tools, "browser", harmony_browser(doc))) &&
           (!system->python || jdoc_put(tools, "python", harmony_python(doc)));
}

enum osso_status osso_conversation_add_system(struct osso_conversation *conversation, const struct osso_system *given,
                                              struct osso_error *err)
{
    static const char *const efforts[3][2] = {{"low", "Low"}, {"medium", "Medium"}, {"high", "High"}};
    struct osso_system all = {0}, *system = &all;
    enum osso_status status = sized_check(given, "osso_system", err);
    if (status)
        return status;
    sized_in(&all, sizeof all, given);
    /* gcc 12 -O2 drops a comparison when the default is chosen inside strcmp's argument */
    const char *effort = system->effort ? NULL : efforts[1][1];
    for (int i = 0; i < 3 && system->effort; i++)
        if (strcmp(system->effort, efforts[i][0]) == 0)
            effort = efforts[i][1];
    if (!effort)
        return error_set(err, OSSO_USAGE, "reasoning effort \"%s\": it must be low, medium or high", system->effort);

    struct jdoc *doc = jdoc_create();
    struct jval *object = doc ? jdoc_new(doc, J_OBJECT) : NULL;
    bool ok = object &&
              put_string(doc, object, "model_identity",
                         system->identity ? system->identity
                                          : "You are ChatGPT, a large language model trained by OpenAI.") &&
              put_string(doc, object, "reasoning_effort", effort) &&
              put_string(doc, object, "knowledge_cutoff",
                         system->knowledge_cutoff ? system->knowledge_cutoff : "2024-06") &&
              (!system->date || put_string(doc, object, "conversation_start_date", system->date)) &&
              put_channels(doc, object) && put_builtins(doc, object, system);
    status = add_structured(conversation, OSSO_ROLE_SYSTEM, doc, object, ok, err);
    jdoc_release(doc);
    return status;
}

/* One function of the caller's list, as a tool of the namespace. A missing description is an empty one. */
static enum osso_status put_function(struct jdoc *doc, struct jval *tools, const struct jval *f, size_t i,
                                     struct osso_error *err)
{
    const struct jval *name = jval_get_type(f, "name", J_STRING), *description = jval_get(f, "description");
    const struct jval *parameters = jval_get(f, "parameters");
    if (!name)
        return error_set(err, OSSO_FORMAT, "tool %zu: it must be an object with a \"name\"", i);
    if (description && description->type != J_STRING && description->type != J_NULL)
        return error_set(err, OSSO_FORMAT, "tool %zu: its \"description\" must be text", i);
    bool described = description && description->type == J_STRING;
    struct jval *tool = jdoc_put(tools, NULL, jdoc_new(doc, J_OBJECT));
    bool ok = tool && jdoc_put(tool, "name", jdoc_string(doc, name->text.s, name->text.len)) &&
              jdoc_put(tool, "description",
                       jdoc_string(doc, described ? description->text.s : "", described ? description->text.len : 0));
    if (ok && parameters) {
        struct jval *copy = jdoc_new(doc, J_NULL); /* a second head for the same children, which stay where they are */
        if (copy) {
            *copy = *parameters;
            copy->next = NULL;
        }
        ok = jdoc_put(tool, "parameters", copy) != NULL;
    }
    return ok ? OSSO_OK : error_nomem(err, 0, "a tool");
}

enum osso_status osso_conversation_add_developer(struct osso_conversation *conversation, const char *instructions,
                                                 const char *tools_json, struct osso_error *err)
{
    struct jdoc *doc = NULL;
    enum osso_status status = OSSO_OK;
    if (tools_json)
        status = jdoc_read_harmony(tools_json, strlen(tools_json), "the tools", &doc, err);
    else
        doc = jdoc_create();
    if (status)
        return status;
    struct jval *object = doc ? jdoc_new(doc, J_OBJECT) : NULL, *list = NULL;
    bool ok = object && (!instructions || put_string(doc, object, "instructions", instructions));
    if (ok && tools_json) {
        if (jdoc_root(doc)->type != J_ARRAY) {
            status = error_set(err, OSSO_FORMAT, "the tools: a JSON list is expected");
            goto cleanup;
        }
        struct jval *spaces = jdoc_put(object, "tools", jdoc_new(doc, J_OBJECT));
        struct jval *functions = jdoc_put(spaces, "functions", jdoc_new(doc, J_OBJECT));
        ok = functions && put_string(doc, functions, "name", "functions");
        list = ok ? jdoc_put(functions, "tools", jdoc_new(doc, J_ARRAY)) : NULL;
        ok = list != NULL;
        size_t i = 0;
        for (const struct jval *f = ok ? jdoc_root(doc)->first : NULL; f; f = f->next, i++)
            if ((status = put_function(doc, list, f, i, err)))
                goto cleanup;
    }
    status = add_structured(conversation, OSSO_ROLE_DEVELOPER, doc, object, ok, err);
cleanup:
    jdoc_release(doc);
    return status;
}
