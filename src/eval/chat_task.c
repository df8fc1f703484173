/* chat_task.c: the lines of chat tasks: what they may hold, and the conversation that a model is asked to go on with.
 */
#include "eval/chat_task.h"

#include "base/error.h"
#include "base/mem.h"
#include "json/jwrite.h"

/* ---- what a line may hold --------------------------------------------------------------------------------- */

enum osso_status chat_check(const struct jval *line, const char *where, struct osso_error *err)
{
    const struct jval *effort = jval_given(line, "effort"), *family = jval_given(line, "family");
    const struct jval *messages = jval_get_type(line, "messages", J_ARRAY), *tools = jval_given(line, "tools");
    const struct jval *date = jval_given(line, "date");
    if (!messages || messages->n_children == 0)
        return error_set(err, OSSO_FORMAT, "%s: there is no list of 'messages'", where);
    if (effort && !(effort->type == J_STRING && (jtext_is(effort->text, "low") || jtext_is(effort->text, "medium") ||
                                                 jtext_is(effort->text, "high"))))
        return error_set(err, OSSO_FORMAT, "%s: 'effort' is low, medium or high", where);
    if (family && (family->type != J_STRING || family->text.len == 0))
        return error_set(err, OSSO_FORMAT, "%s: 'family' is no text", where);
    if (date && (date->type != J_STRING || date->text.len == 0))
        return error_set(err, OSSO_FORMAT, "%s: 'date' is no text, such as 2026-01-15", where);
    if (tools && tools->type != J_ARRAY)
        return error_set(err, OSSO_FORMAT, "%s: 'tools' is no list", where);
    return chat_rules_check(line, where, err);
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
    const struct jval *date = jval_given(line, "date");
    const struct osso_system system = {
        .size = sizeof system, .effort = effort ? effort->text.s : NULL, .date = date ? date->text.s : NULL};
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
