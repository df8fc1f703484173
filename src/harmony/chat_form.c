/* chat_form.c: is a text a chat request of OpenAI's API, where openai-harmony's form is expected? Its reader would skip
 * what it does not know, and with it tools, calls and thoughts. */
#include "base/error.h"
#include "json/jdoc.h"
#include "osso/text.h"

#include <stdio.h>

#define COUNT(list) (sizeof(list) / sizeof *(list))

static const char *const request_signs[] = {"tools",      "functions",       "tool_choice",          "function_call",
                                            "model",      "response_format", "reasoning_effort",     "stream",
                                            "max_tokens", "temperature",     "max_completion_tokens"};

static const char *message_sign(const struct jval *m)
{
    static const char *const keys[] = {"tool_calls",        "tool_call_id", "function_call", "refusal",
                                       "reasoning_content", "reasoning",    "thinking"};
    const struct jval *content = jval_get(m, "content");
    for (size_t i = 0; i < COUNT(keys); i++)
        if (jval_given(m, keys[i]))
            return keys[i];
    for (const struct jval *p = content && content->type == J_ARRAY ? content->first : NULL; p; p = p->next)
        if (jval_given(p, "image_url") || jval_given(p, "input_audio") || jval_given(p, "file"))
            return "content\" with images, sounds or files, \"content";
    return content && content->type == J_NULL ? "content\": null, \"content" : NULL;
}

enum osso_status osso_conversation_check_form(const char *json, size_t len, const char *where, struct osso_error *err)
{
    struct jdoc *doc;
    char at[32] = "the text";
    const char *sign = NULL;
    if (jdoc_read_harmony(json, len, where, &doc, err))
        return OSSO_OK; /* what is wrong with it is said by whoever reads it */
    const struct jval *root = jdoc_root(doc), *messages = jval_get_type(root, "messages", J_ARRAY);
    for (size_t i = 0; messages && i < COUNT(request_signs) && !sign; i++)
        sign = jval_given(root, request_signs[i]) ? request_signs[i] : NULL;
    size_t i = 0;
    for (const struct jval *m = messages ? messages->first : NULL; m && !sign; m = m->next, i++)
        if ((sign = message_sign(m)))
            snprintf(at, sizeof at, "message %zu", i);
    enum osso_status status = OSSO_OK;
    if (sign)
        status = error_set(err, OSSO_FORMAT,
                           "%s: %s has \"%s\": this is a chat request in OpenAI's form, not openai-harmony's; "
                           "--from chat converts it",
                           where, at, sign);
    else if (root->type == J_ARRAY)
        status = error_set(err, OSSO_FORMAT, "%s: a bare list of messages; write {\"messages\": [...]}", where);
    jdoc_release(doc);
    return status;
}
