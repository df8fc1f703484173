/* chat_grade.c: is what a model wrote in a conversation what the line wants, and is it well-formed harmony? The two are
 * apart: a right text in a message that never ended is right and not well-formed. A call has to be whole: half of one
 * could not be made. */
#include "eval/chat_task.h"

#include "base/error.h"
#include "eval/nul.h"
#include "json/jget.h"
#include "json/jwrite.h"

#include <math.h>
#include <string.h>

/* ---- JSON values -------------------------------------------------------------------------------------------- */

static bool equal_numbers(const struct jval *a, const struct jval *b)
{
    int64_t x, y;
    if (jget_integer(a, &x) && jget_integer(b, &y))
        return x == y;
    return jget_real(a) == jget_real(b);
}

bool chat_equal(const struct jval *a, const struct jval *b)
{
    if (a->type != b->type || a->n_children != b->n_children)
        return false;
    switch (a->type) {
    case J_NULL: return true;
    case J_BOOL: return a->truth == b->truth;
    case J_NUMBER: return equal_numbers(a, b);
    case J_STRING: return jtext_compare(a->text, b->text) == 0;
    case J_ARRAY:
        for (const struct jval *x = a->first, *y = b->first; x; x = x->next, y = y->next)
            if (!chat_equal(x, y))
                return false;
        return true;
    case J_OBJECT: /* as many members, no key twice */
        for (const struct jval *x = a->first; x; x = x->next) {
            const struct jval *y = b->first;
            while (y && jtext_compare(x->key, y->key) != 0)
                y = y->next;
            if (!y || !chat_equal(x, y))
                return false;
        }
        return true;
    }
    return false;
}

/* ---- messages ----------------------------------------------------------------------------------------------- */

/* What an answer's messages are. */
struct transcript {
    const struct osso_conversation *messages;
    struct osso_message final, call; /* the last of each; text NULL: none */
    int n_calls;
    bool channels; /* each message has one that there is */
};

static bool is_channel(const char *name)
{
    return name && (strcmp(name, "analysis") == 0 || strcmp(name, "commentary") == 0 || strcmp(name, "final") == 0);
}

static enum osso_status hear(const struct osso_conversation *messages, struct transcript *h, struct osso_error *err)
{
    *h = (struct transcript){.messages = messages, .channels = osso_conversation_size(messages) > 0};
    for (size_t i = 0; i < osso_conversation_size(messages); i++) {
        struct osso_message m = {.size = sizeof m};
        enum osso_status status = osso_conversation_get(messages, i, &m, err);
        if (status)
            return status;
        m.text = m.text ? m.text : "";
        h->channels = h->channels && m.role == OSSO_ROLE_ASSISTANT && is_channel(m.channel);
        if (m.role != OSSO_ROLE_ASSISTANT)
            continue;
        if (m.recipient) {
            h->call = m;
            h->n_calls++;
        } else if (m.channel && strcmp(m.channel, "final") == 0)
            h->final = m;
    }
    return OSSO_OK;
}

/* "functions.NAME" is what harmony calls the function NAME. */
bool chat_is_function(const char *recipient, struct jtext name)
{
    static const char space[] = "functions.";
    size_t n = sizeof space - 1;
    if (name.len > n && memcmp(name.s, space, n) == 0)
        n = 0;
    else if (strncmp(recipient, space, n) != 0)
        return false;
    return strlen(recipient + n) == name.len && memcmp(recipient + n, name.s, name.len) == 0;
}

static bool right_call(const struct jval *expected, const struct transcript *h, bool whole)
{
    struct jdoc *doc = NULL;
    struct osso_error none;
    if (h->n_calls != 1 || !whole || !chat_is_function(h->call.recipient, jval_get(expected, "name")->text) ||
        jdoc_read(h->call.text, h->call.text_len, "a call", &doc, &none))
        return false;
    bool right = chat_equal(jdoc_root(doc), jval_get(expected, "arguments"));
    jdoc_release(doc);
    return right;
}

/* {"name": ..., "arguments": ...}; arguments that are no JSON stand there as a text. */
static void write_call(const struct osso_message *call, struct buf *out)
{
    struct jdoc *doc = NULL;
    struct osso_error none;
    buf_puts(out, "{\"name\":");
    jwrite_string(out, call->recipient, strlen(call->recipient));
    buf_puts(out, ",\"arguments\":");
    if (jdoc_read(call->text, call->text_len, "a call", &doc, &none) == OSSO_OK)
        jwrite_value(out, jdoc_root(doc), JWRITE_SPELT);
    else
        jwrite_string(out, call->text, call->text_len);
    buf_putc(out, '}');
    jdoc_release(doc);
}

static bool is_stop(const struct osso_tokenizer *tokenizer, int32_t id)
{
    return id == osso_tokenizer_special(tokenizer, "<|return|>") || id == osso_tokenizer_special(tokenizer, "<|call|>");
}

/* All ids through a parser; *ok_out: it refused none (without STRICT it never does); *ended_out: none lacks its end
 * because another one begins, which the strict reader takes for text. */
static enum osso_status parse(const struct osso_tokenizer *tokenizer, const int32_t *ids, size_t n, unsigned flags,
                              struct osso_parser **out, bool *ok_out, bool *ended_out, struct osso_error *err)
{
    struct osso_error refused;
    struct osso_parser_state state = {.size = sizeof state};
    const int32_t end = osso_tokenizer_special(tokenizer, "<|end|>");
    enum osso_status status = osso_parser_create(tokenizer, "assistant", flags, out, err);
    *ok_out = !status;
    *ended_out = true;
    for (size_t i = 0; i < n && *ok_out; i++) {
        *ok_out = osso_parser_push(*out, ids[i], &state, &refused) == OSSO_OK;
        if (state.message_done && state.end_id >= 0 && state.end_id != end && !is_stop(tokenizer, state.end_id))
            *ended_out = false;
    }
    *ok_out = *ok_out && osso_parser_finish(*out, NULL, &refused) == OSSO_OK;
    return status;
}

/* Is the last message a call that ends with <|call|>, or an answer that ends with <|return|>? */
static bool ended(const struct osso_tokenizer *tokenizer, const struct transcript *h, const int32_t *ids, size_t n,
                  struct osso_error *err)
{
    struct osso_message m = {.size = sizeof m};
    size_t count = osso_conversation_size(h->messages);
    if (n == 0 || count == 0 || osso_conversation_get(h->messages, count - 1, &m, err))
        return false;
    bool answer = !m.recipient && m.channel && strcmp(m.channel, "final") == 0;
    return (m.recipient || answer) &&
           ids[n - 1] == osso_tokenizer_special(tokenizer, m.recipient ? "<|call|>" : "<|return|>");
}

enum osso_status chat_grade(const struct osso_tokenizer *tokenizer, const struct jval *line, const int32_t *ids,
                            size_t n, struct chat_verdict *v, struct osso_error *err)
{
    struct osso_parser *strict = NULL, *parser = NULL;
    struct transcript h;
    const struct jval *call = line ? jval_given(line, chat_rule_names[CHAT_CALL]) : NULL;
    bool ok = false, total = false, apart = false;
    buf_puts(&v->said, "");
    enum osso_status status = line ? chat_check(line, "a line", err) : OSSO_OK;
    if (!status)
        status = parse(tokenizer, ids, n, OSSO_PARSE_STRICT, &strict, &ok, &apart, err);
    if (!status)
        status = parse(tokenizer, ids, n, 0, &parser, &total, &apart, err);
    if (!status && !total)
        status = error_nomem(err, n, "an answer");
    if (!status)
        status = hear(osso_parser_messages(parser), &h, err);
    if (!status) {
        bool whole = ended(tokenizer, &h, ids, n, err);
        v->well_formed = ok && apart && h.channels && whole;
        if (h.n_calls > 0 && (!h.final.text || call))
            write_call(&h.call, &v->said);
        else if (h.final.text)
            nul_hide(&v->said, h.final.text, h.final.text_len);
        status = v->said.failed ? error_nomem(err, v->said.len, "an answer") : OSSO_OK;
        if (!status && line)
            v->right = call ? right_call(call, &h, whole) : h.final.text && chat_rules_hold(line, &v->said);
    }
    osso_parser_free(strict);
    osso_parser_free(parser);
    return status;
}
