/* harmony_render.c: a conversation as the token ids of a prompt.
 *
 *     <|start|> ROLE[:NAME] [ to=RECIPIENT] [<|channel|>CHANNEL] [ CONTENT-TYPE] <|message|> CONTENT <|end|>
 *
 * Special tokens are written by id; everything that comes from the caller is ordinary text, whatever it spells. Each
 * piece is encoded alone, as openai-harmony does: tokens never reach across a boundary. A message that has its model's
 * own ids is written as these.
 *
 * The way of a token goes on in token/tokenizer.c. */
#include "harmony/conversation.h"
#include "harmony/own_ids.h"

#include "base/error.h"
#include "base/sized.h"

#include <stdio.h>
#include <string.h>

static const char constrain_marker[] = "<|constrain|>";

struct render {
    const struct osso_tokenizer *tokenizer;
    struct osso_ids *ids;
    struct buf scratch;
    struct osso_error *err;
    bool has_functions;
};

/* ---- messages ------------------------------------------------------------------------------------------- */

static enum osso_status put_text(struct render *r, const char *s, size_t len)
{
    return len ? osso_tokenizer_encode(r->tokenizer, s, len, 0, r->ids, r->err) : OSSO_OK;
}

static enum osso_status put_special(struct render *r, const char *name)
{
    int32_t id = osso_tokenizer_special(r->tokenizer, name);
    if (id < 0)
        return error_set(r->err, OSSO_UNSUPPORTED, "the tokenizer has no %s: it cannot write harmony messages", name);
    return osso_ids_push(r->ids, id, r->err);
}

/* before + text, encoded as one piece. */
static enum osso_status put_joined(struct render *r, const char *before, struct jtext text)
{
    buf_clear(&r->scratch);
    buf_puts(&r->scratch, before);
    buf_add(&r->scratch, text.s, text.len);
    if (r->scratch.failed)
        return error_nomem(r->err, text.len, "a message header");
    return put_text(r, r->scratch.data, r->scratch.len);
}

static enum osso_status put_author(struct render *r, const struct message *m)
{
    const char *role = role_name(m->role);
    if (m->role == OSSO_ROLE_TOOL) {
        if (!m->name.s)
            return error_set(r->err, OSSO_USAGE, "a tool message needs the tool's name (\"functions.get_time\")");
        return put_text(r, m->name.s, m->name.len);
    }
    enum osso_status status = put_text(r, role, strlen(role));
    return status || !m->name.s ? status : put_joined(r, ":", m->name);
}

static enum osso_status put_content_type(struct render *r, struct jtext type)
{
    size_t marker = sizeof constrain_marker - 1;
    enum osso_status status;
    if (type.len < marker || memcmp(type.s, constrain_marker, marker) != 0)
        return put_joined(r, " ", type);
    if ((status = put_text(r, " ", 1)) || (status = put_special(r, constrain_marker)))
        return status;
    return put_text(r, type.s + marker, type.len - marker);
}

static enum osso_status put_header(struct render *r, const struct message *m)
{
    enum osso_status status;
    if ((status = put_special(r, "<|start|>")) || (status = put_author(r, m)))
        return status;
    if (m->recipient.s && !jtext_is(m->recipient, "all") && (status = put_joined(r, " to=", m->recipient)))
        return status;
    if (m->channel.s &&
        ((status = put_special(r, "<|channel|>")) || (status = put_text(r, m->channel.s, m->channel.len))))
        return status;
    if (m->content_type.s && (status = put_content_type(r, m->content_type)))
        return status;
    return put_special(r, "<|message|>");
}

static enum osso_status put_part(struct render *r, const struct message *m, const struct part *part)
{
    if (part->kind == PART_TEXT)
        return put_text(r, part->text.s, part->text.len);
    enum osso_role home = part->kind == PART_SYSTEM ? OSSO_ROLE_SYSTEM : OSSO_ROLE_DEVELOPER;
    if (m->role != home)
        return error_set(r->err, OSSO_USAGE, "%s content in a %s message", role_name(home), role_name(m->role));
    buf_clear(&r->scratch);
    harmony_part_text(&r->scratch, part, r->has_functions);
    if (r->scratch.failed)
        return error_nomem(r->err, r->scratch.len, "the text of a message");
    return put_text(r, r->scratch.data, r->scratch.len);
}

static enum osso_status put_end(struct render *r, const struct message *m)
{
    return put_special(r, m->role == OSSO_ROLE_ASSISTANT && m->recipient.s ? "<|call|>" : "<|end|>");
}

/* As its model wrote it, but for <|return|>, which ends an answer, not a message of history. */
static enum osso_status put_own(struct render *r, const struct message *m)
{
    const char *wrong = own_ids_wrong(r->tokenizer, m->ids, m->n_ids);
    bool ended = !wrong && own_ids_end(r->tokenizer, m->ids[m->n_ids - 1]);
    bool stays = ended && m->ids[m->n_ids - 1] != osso_tokenizer_special(r->tokenizer, "<|return|>");
    if (wrong)
        return error_set(r->err, OSSO_USAGE, "its own ids are no message: %s", wrong);
    enum osso_status status = put_special(r, "<|start|>");
    if (!status)
        status = osso_ids_append(r->ids, m->ids, ended && !stays ? m->n_ids - 1 : m->n_ids, r->err);
    return status || stays ? status : put_end(r, m);
}

static enum osso_status put_message(struct render *r, const struct message *m)
{
    if (m->ids)
        return put_own(r, m);
    enum osso_status status = put_header(r, m);
    for (size_t i = 0; i < m->n_parts && !status; i++)
        status = put_part(r, m, &m->parts[i]);
    return status ? status : put_end(r, m);
}

/* What is wrong with a message is said with its number, as where a conversation is read. */
static enum osso_status put_numbered(struct render *r, const struct osso_conversation *c, size_t i)
{
    char at[32];
    enum osso_status status = put_message(r, &c->messages[i]);
    snprintf(at, sizeof at, "message %zu", i);
    return status == OSSO_USAGE ? error_prefix(r->err, status, at) : status;
}

/* ---- what history is kept ------------------------------------------------------------------------------- */

static bool is_final(const struct message *m)
{
    return jtext_is(m->channel, "final");
}

/* openai-harmony's rule: if the last assistant message is final, all analysis before the FIRST final goes. Returns the
 * index below which analysis is dropped. */
static size_t library_bound(const struct osso_conversation *c)
{
    size_t last = c->n_messages, first = 0;
    while (last > 0 && c->messages[last - 1].role != OSSO_ROLE_ASSISTANT)
        last--;
    if (last == 0 || !is_final(&c->messages[last - 1]))
        return 0;
    while (first < c->n_messages && !is_final(&c->messages[first]))
        first++;
    return first;
}

/* A turn is complete when its final message is there: everything before the LAST final goes. What comes after it, a
 * tool loop in progress, keeps its analysis. */
static size_t turns_bound(const struct osso_conversation *c)
{
    size_t last = c->n_messages;
    while (last > 0 && !(c->messages[last - 1].role == OSSO_ROLE_ASSISTANT && is_final(&c->messages[last - 1])))
        last--;
    return last;
}

enum osso_status osso_conversation_render(const struct osso_conversation *conversation,
                                          const struct osso_tokenizer *tokenizer,
                                          const struct osso_render_options *options, struct osso_ids *ids,
                                          struct osso_error *err)
{
    struct render r = {.tokenizer = tokenizer, .ids = ids, .err = err};
    struct osso_render_options o = {.size = sizeof o};
    size_t n = conversation->n_messages, start = ids->len, bound = 0;
    enum osso_status status = sized_check(options, "osso_render_options", err);
    if (status)
        return status;
    sized_in(&o, sizeof o, options);
    if (o.drop == OSSO_DROP_LIBRARY)
        bound = library_bound(conversation);
    else if (o.drop == OSSO_DROP_TURNS)
        bound = turns_bound(conversation);
    r.has_functions = conversation_has_functions(conversation);

    for (size_t i = 0; i < n && !status; i++)
        if (i >= bound || !jtext_is(conversation->messages[i].channel, "analysis"))
            status = put_numbered(&r, conversation, i);
    if (!status && o.purpose == OSSO_RENDER_COMPLETION && !(status = put_special(&r, "<|start|>")))
        status = put_text(&r, "assistant", 9);
    if (!status && o.purpose == OSSO_RENDER_TRAINING && n > 0) {
        const struct message *last = &conversation->messages[n - 1];
        if (last->role == OSSO_ROLE_ASSISTANT && is_final(last)) {
            ids->len--; /* its <|end|> or <|call|>: a final message is never dropped */
            status = put_special(&r, "<|return|>");
        }
    }
    if (status)
        ids->len = start;
    buf_free(&r.scratch);
    return status;
}
