/* chat_task.c: the lines of chat tasks: what they may hold, and the conversation that a model is asked to go on with.
 */
#include "eval/chat_task.h"

#include "base/error.h"
#include "base/mem.h"
#include "json/jwrite.h"

#include <regex.h>
#include <string.h>

const char *const chat_rule_names[CHAT_RULES] = {"answer", "pattern", "call", "none_of"};

enum { MOST_PATTERN = 1000 }; /* bytes: a pattern is compiled for every answer */

/* ---- what a line may hold --------------------------------------------------------------------------------- */

/* One text, or a list of texts. */
static bool is_texts(const struct jval *v, bool list_only)
{
    if (!list_only && v->type == J_STRING)
        return true;
    if (v->type != J_ARRAY || v->n_children == 0)
        return false;
    for (const struct jval *t = v->first; t; t = t->next)
        if (t->type != J_STRING || t->text.len == 0)
            return false;
    return true;
}

static enum osso_status check_pattern(const struct jval *v, const char *where, struct osso_error *err)
{
    regex_t compiled;
    char why[128];
    if (v->type != J_STRING || v->text.len == 0 || v->text.len > MOST_PATTERN || strlen(v->text.s) != v->text.len)
        return error_set(err, OSSO_FORMAT, "%s: 'pattern' is no text of 1 to %d bytes", where, MOST_PATTERN);
    int code = regcomp(&compiled, v->text.s, REG_EXTENDED | REG_ICASE | REG_NOSUB);
    if (code) {
        regerror(code, &compiled, why, sizeof why);
        return error_set(err, OSSO_FORMAT, "%s: 'pattern' is no extended regular expression: %s", where, why);
    }
    regfree(&compiled);
    return OSSO_OK;
}

static enum osso_status check_rule(const struct jval *v, enum chat_rule rule, const char *where, struct osso_error *err)
{
    switch (rule) {
    case CHAT_PATTERN: return check_pattern(v, where, err);
    case CHAT_CALL:
        if (!jval_get_type(v, "name", J_STRING) || !jval_get_type(v, "arguments", J_OBJECT))
            return error_set(err, OSSO_FORMAT, "%s: 'call' needs a 'name' and an object of 'arguments'", where);
        return OSSO_OK;
    default:
        if (!is_texts(v, rule == CHAT_NONE_OF))
            return error_set(err, OSSO_FORMAT, "%s: '%s' is no %slist of texts", where, chat_rule_names[rule],
                             rule == CHAT_ANSWER ? "text or " : "");
        return OSSO_OK;
    }
}

enum osso_status chat_check(const struct jval *line, const char *where, enum chat_rule *rule_out,
                            struct osso_error *err)
{
    const struct jval *found = NULL, *effort = jval_given(line, "effort"), *family = jval_given(line, "family");
    const struct jval *messages = jval_get_type(line, "messages", J_ARRAY), *tools = jval_given(line, "tools");
    int n = 0;
    if (!messages || messages->n_children == 0)
        return error_set(err, OSSO_FORMAT, "%s: there is no list of 'messages'", where);
    for (int i = 0; i < CHAT_RULES; i++) {
        const struct jval *v = jval_given(line, chat_rule_names[i]);
        if (!v)
            continue;
        found = v;
        *rule_out = (enum chat_rule)i;
        n++;
    }
    if (n != 1)
        return error_set(err, OSSO_FORMAT, "%s: %s of 'answer', 'pattern', 'call' and 'none_of'; give one", where,
                         n ? "more than one" : "none");
    if (effort && !(effort->type == J_STRING && (jtext_is(effort->text, "low") || jtext_is(effort->text, "medium") ||
                                                 jtext_is(effort->text, "high"))))
        return error_set(err, OSSO_FORMAT, "%s: 'effort' is low, medium or high", where);
    if (family && (family->type != J_STRING || family->text.len == 0))
        return error_set(err, OSSO_FORMAT, "%s: 'family' is no text", where);
    if (tools && tools->type != J_ARRAY)
        return error_set(err, OSSO_FORMAT, "%s: 'tools' is no list", where);
    return check_rule(found, *rule_out, where, err);
}

/* ---- what the model is asked ------------------------------------------------------------------------------ */

/* As a conversation that goes on is rendered: without the thoughts of turns that are over. */
static enum osso_status render(const struct osso_tokenizer *tokenizer, struct osso_conversation *c,
                               struct osso_ids *ids, struct osso_error *err)
{
    const struct osso_render_options o = {.size = sizeof o, .purpose = OSSO_RENDER_COMPLETION, .drop = OSSO_DROP_TURNS};
    return osso_conversation_render(c, tokenizer, &o, ids, err);
}

enum osso_status chat_prompt(const struct osso_tokenizer *tokenizer, const struct jval *line, const char *where,
                             struct osso_ids *ids, struct osso_error *err)
{
    const struct jval *effort = jval_given(line, "effort"), *tools = jval_given(line, "tools");
    const struct osso_system system = {.size = sizeof system, .effort = effort ? effort->text.s : NULL};
    struct osso_conversation *c = NULL;
    struct buf request = {0};
    char *ignored = NULL;
    buf_puts(&request, "{\"messages\":");
    jwrite_value(&request, jval_get(line, "messages"), JWRITE_SPELT);
    if (tools) {
        buf_puts(&request, ",\"tools\":");
        jwrite_value(&request, tools, JWRITE_SPELT);
    }
    buf_putc(&request, '}');
    enum osso_status status = request.failed ? error_nomem(err, request.len, "a conversation") : OSSO_OK;
    if (!status)
        status = osso_conversation_from_chat(request.data, request.len, where, &system, &ignored, &c, err);
    if (!status && ignored)
        status = error_set(err, OSSO_FORMAT, "%s: %s would change the answer and is not taken", where, ignored);
    if (!status)
        status = render(tokenizer, c, ids, err);
    buf_free(&request);
    osso_free(ignored);
    osso_conversation_free(c);
    return status;
}

/* What the model's header would be: the answer itself, without thoughts before it. */
static enum osso_status open_final(const struct osso_tokenizer *tokenizer, struct osso_ids *ids, struct osso_error *err)
{
    static const char header[] = "<|channel|>final<|message|>";
    return osso_tokenizer_encode(tokenizer, header, sizeof header - 1, OSSO_ENCODE_SPECIAL, ids, err);
}

enum osso_status chat_wrap(const struct osso_tokenizer *tokenizer, const char *text, size_t len, bool final,
                           struct osso_ids *ids, struct osso_error *err)
{
    struct osso_conversation *c = NULL;
    const struct osso_message user = {.size = sizeof user, .role = OSSO_ROLE_USER, .text = text, .text_len = len};
    enum osso_status status = osso_conversation_create(&c, err);
    if (!status)
        status = osso_conversation_add_system(c, NULL, err);
    if (!status)
        status = osso_conversation_add(c, &user, err);
    if (!status)
        status = render(tokenizer, c, ids, err);
    if (!status && final)
        status = open_final(tokenizer, ids, err);
    osso_conversation_free(c);
    return status;
}
