/* request_prompt.c: a chat as the prompt. */
#include "serve/api/request_prompt.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

bool request_effort(struct request *q, const struct jval *v, const char *param, struct refusal *r)
{
    static const char *const words[][2] = {{"none", "low"},  {"minimal", "low"}, {"low", "low"}, {"medium", "medium"},
                                           {"high", "high"}, {"xhigh", "high"},  {"max", "high"}};
    if (v->type == J_STRING)
        for (size_t i = 0; i < sizeof words / sizeof *words; i++)
            if (jtext_is(v->text, words[i][0])) {
                snprintf(q->effort, sizeof q->effort, "%s", words[i][1]);
                return true;
            }
    return refuse(r, 400, param, "\"%s\" must be none, minimal, low, medium, high, xhigh or max", param);
}

/* "the request: message 3: ..." is about messages[3]. */
static bool refuse_chat(const struct request *q, struct refusal *r, enum osso_status status)
{
    const char *what = q->api == API_CHAT ? "messages" : "input", *at = strstr(r->err.text, "message ");
    unsigned long i;
    refuse_status(r, status, what);
    if (q->api == API_CHAT && at && sscanf(at, "message %lu:", &i) == 1)
        snprintf(r->param, sizeof r->param, "messages[%lu]", i);
    return false;
}

bool request_prompt(struct request *q, const struct request_world *world, const struct buf *chat, struct refusal *r)
{
    struct osso_system system = {.size = sizeof system, .date = world->date, .effort = q->effort[0] ? q->effort : NULL};
    struct osso_conversation *conversation = NULL;
    char *ignored = NULL;
    if (chat->failed || !(q->prompts = mem_alloc(sizeof *q->prompts)))
        return refuse(r, 503, NULL, "not enough memory for the request");
    q->n_prompts = 1;
    enum osso_status status = osso_conversation_from_chat(chat->data, chat->len, "the request", &system, &ignored,
                                                          &conversation, &r->err);
    osso_free(ignored);
    if (status)
        return refuse_chat(q, r, status);
    if (world->recall)
        status = world->recall(world->user, &conversation, &r->err);
    struct osso_render_options options = {.size = sizeof options, .drop = OSSO_DROP_TURNS};
    if (!status)
        status = osso_conversation_render(conversation, world->tokenizer, &options, q->prompts, &r->err);
    osso_conversation_free(conversation);
    return status ? refuse_status(r, status, NULL) : true;
}
