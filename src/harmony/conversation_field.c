/* conversation_field.c: single fields of how a conversation was opened: read, and changed with everything else of the
 * system and developer message left as it is. */
#include "harmony/conversation.h"

#include "base/error.h"

#include <string.h>

static const struct field {
    const char *name, *key; /* in words; in the message's content */
    enum osso_role role;
    enum part_kind kind;
} fields[] = {
    [OSSO_FIELD_IDENTITY] = {"identity", "model_identity", OSSO_ROLE_SYSTEM, PART_SYSTEM},
    [OSSO_FIELD_EFFORT] = {"reasoning effort", "reasoning_effort", OSSO_ROLE_SYSTEM, PART_SYSTEM},
    [OSSO_FIELD_DATE] = {"date", "conversation_start_date", OSSO_ROLE_SYSTEM, PART_SYSTEM},
    [OSSO_FIELD_INSTRUCTIONS] = {"instructions", "instructions", OSSO_ROLE_DEVELOPER, PART_DEVELOPER},
};

/* The message that holds the field, among those before the first of anybody else; NULL: none does. */
static struct message *find(const struct osso_conversation *c, const struct field *f)
{
    for (size_t i = 0; i < c->n_messages; i++) {
        enum osso_role role = c->messages[i].role;
        if (role == f->role)
            return &c->messages[i];
        if (role != OSSO_ROLE_SYSTEM && role != OSSO_ROLE_DEVELOPER)
            break;
    }
    return NULL;
}

static struct part *find_part(const struct message *m, enum part_kind kind)
{
    for (size_t k = 0; m && k < m->n_parts; k++)
        if (m->parts[k].kind == kind)
            return &m->parts[k];
    return NULL;
}

const char *osso_conversation_field(const struct osso_conversation *conversation, enum osso_field field)
{
    if ((unsigned)field >= sizeof fields / sizeof *fields)
        return NULL;
    const struct message *m = find(conversation, &fields[field]);
    const struct part *part = find_part(m, fields[field].kind);
    const struct jval *v = part ? jval_get_type(part->value, fields[field].key, J_STRING) : NULL;
    if (v)
        return v->text.s;
    /* A developer message in plain text is instructions and nothing else. */
    return field == OSSO_FIELD_INSTRUCTIONS && m && !part && m->n_parts == 1 ? m->parts[0].text.s : NULL;
}

/* The object again, with another value (NULL: none) of one member. A tree is never changed, only read or added to: so a
 * new head is made for each member, over the same children. */
static struct jval *changed(struct jdoc *doc, const struct jval *object, const char *key, const char *value)
{
    struct jval *out = jdoc_new(doc, J_OBJECT);
    bool ok = out != NULL, put = false;
    for (const struct jval *v = object ? object->first : NULL; v && ok; v = v->next) {
        bool here = jtext_is(v->key, key);
        put = put || here;
        if (here && !value)
            continue;
        struct jval *copy = here ? jdoc_string(doc, value, strlen(value)) : jdoc_new(doc, v->type);
        if (copy && !here) {
            *copy = *v;
            copy->next = NULL;
        }
        ok = jdoc_put(out, v->key.s, copy) != NULL;
    }
    if (ok && value && !put)
        ok = jdoc_put(out, key, jdoc_string(doc, value, strlen(value))) != NULL;
    return ok ? out : NULL;
}

static enum osso_status set_text(struct message *m, const char *value, struct osso_error *err)
{
    struct jtext text;
    if (!jtext_copy(&text, (struct jtext){value, strlen(value)}))
        return error_nomem(err, strlen(value), "the text of a message");
    jtext_free(&m->parts[0].text);
    m->parts[0].text = text;
    return message_set_ids(m, NULL, 0, err); /* they say what it was */
}

/* No message for the field yet: one that says nothing else, behind those of the system. */
static enum osso_status insert(struct osso_conversation *c, const struct field *f, const char *value,
                               struct osso_error *err)
{
    struct message m = {.role = f->role};
    struct jdoc *doc = jdoc_create();
    struct jval *object = doc ? changed(doc, NULL, f->key, value) : NULL;
    size_t at = 0;
    while (f->role == OSSO_ROLE_DEVELOPER && at < c->n_messages && c->messages[at].role == OSSO_ROLE_SYSTEM)
        at++;
    enum osso_status status = object ? OSSO_OK : error_nomem(err, strlen(value), "a message");
    if (!status)
        status = message_add_value(&m, f->kind, doc, object, err);
    if (!status)
        status = conversation_append(c, &m, err);
    message_clear(&m);
    jdoc_release(doc);
    if (status)
        return status;
    struct message last = c->messages[c->n_messages - 1];
    memmove(&c->messages[at + 1], &c->messages[at], (c->n_messages - 1 - at) * sizeof last);
    c->messages[at] = last;
    return OSSO_OK;
}

static void take_out(struct osso_conversation *c, struct message *m)
{
    size_t at = (size_t)(m - c->messages);
    message_clear(m);
    c->n_messages--;
    memmove(m, m + 1, (c->n_messages - at) * sizeof *m);
}

/* "high" as the message has it. */
static const char *effort_word(const char *value)
{
    static const char *const words[3][2] = {{"low", "Low"}, {"medium", "Medium"}, {"high", "High"}};
    for (int i = 0; i < 3; i++)
        if (strcmp(value, words[i][0]) == 0 || strcmp(value, words[i][1]) == 0)
            return words[i][1];
    return NULL;
}

enum osso_status osso_conversation_set_field(struct osso_conversation *c, enum osso_field field, const char *value,
                                             struct osso_error *err)
{
    if ((unsigned)field >= sizeof fields / sizeof *fields)
        return error_set(err, OSSO_USAGE, "field %d of a conversation; it must be one of enum osso_field", (int)field);
    const struct field *f = &fields[field];
    if (field == OSSO_FIELD_EFFORT && value && !effort_word(value))
        return error_set(err, OSSO_USAGE, "reasoning effort \"%s\": it must be low, medium or high", value);
    if (field == OSSO_FIELD_EFFORT && value)
        value = effort_word(value);
    struct message *m = find(c, f);
    struct part *part = find_part(m, f->kind);
    if (!m)
        return value ? insert(c, f, value, err) : OSSO_OK;
    if (!part && (field != OSSO_FIELD_INSTRUCTIONS || m->n_parts != 1))
        return error_set(
            err, OSSO_USAGE,
            "the %s cannot be changed: this conversation's %s message is plain text; change it in the file", f->name,
            role_name(f->role));
    const struct jval *tools = part ? jval_get_type(part->value, "tools", J_OBJECT) : NULL;
    bool alone = m->n_parts == 1 && (!tools || tools->n_children == 0);
    if (!value && alone && f->role == OSSO_ROLE_DEVELOPER) { /* an empty message would still be in the prompt */
        take_out(c, m);
        return OSSO_OK;
    }
    if (!part)
        return set_text(m, value, err);
    const struct jval *object = changed(part->doc, part->value, f->key, value);
    if (!object)
        return error_nomem(err, value ? strlen(value) : 0, "a message");
    part->value = object;
    return OSSO_OK; /* structured content never came as ids */
}
