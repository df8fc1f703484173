/* request_completions.c: a text completion's request: up to 64 prompts, texts or ids. */
#include "serve/api/request_apis.h"

#include "base/mem.h"
#include "json/jget.h"

#include <stdio.h>

enum { MOST_PROMPTS = 64 };

static bool add_ids(struct osso_ids *ids, const struct jval *list, const struct request_world *world, const char *at,
                    struct refusal *r)
{
    for (const struct jval *v = list->first; v; v = v->next) {
        int64_t id;
        if (!jget_integer(v, &id) || id < 0 || id >= world->vocab)
            return refuse(r, 400, at, "\"prompt\": %.20s is no token id; the model has 0 to %lld", v->spelt.s,
                          (long long)world->vocab - 1);
        enum osso_status status = osso_ids_push(ids, (int32_t)id, &r->err);
        if (status)
            return refuse_status(r, status, at);
    }
    return true;
}

/* An empty text begins where a document begins. */
static bool add_text(struct osso_ids *ids, struct jtext text, const struct request_world *world, const char *at,
                     struct refusal *r)
{
    enum osso_status status = osso_tokenizer_encode(world->tokenizer, text.s, text.len, 0, ids, &r->err);
    int32_t begin = osso_tokenizer_special(world->tokenizer, "<|startoftext|>");
    if (!status && ids->len == 0 && begin >= 0)
        status = osso_ids_push(ids, begin, &r->err);
    if (!status && ids->len == 0)
        return refuse(r, 400, at, "an empty prompt, and the model has no token that begins a text");
    return status ? refuse_status(r, status, at) : true;
}

static bool add_prompt(struct request *q, const struct jval *v, const struct request_world *world, const char *at,
                       struct refusal *r)
{
    struct osso_ids *ids = q->prompts + q->n_prompts++;
    return v->type == J_ARRAY ? add_ids(ids, v, world, at, r) : add_text(ids, v->text, world, at, r);
}

bool request_completions(struct request *q, const struct request_world *world, struct refusal *r)
{
    const struct jval *root = jdoc_root(q->doc), *prompt = field_given(root, q->api, "prompt"),
                      *suffix = field_given(root, q->api, "suffix");
    if (!prompt)
        return refuse(r, 400, "prompt", "\"prompt\" is missing: a text, token ids, or a list of either");
    if (suffix && suffix->text.len)
        return refuse(r, 400, "suffix", "\"suffix\" is not supported: gpt-oss fills no gaps");
    if (field_int(root, q->api, "best_of", q->n) != q->n)
        return refuse(r, 400, "best_of", "\"best_of\" must be as many as \"n\": nothing is thrown away here");
    q->logprobs = field_given(root, q->api, "logprobs") != NULL;
    q->top_logprobs = field_int(root, q->api, "logprobs", 0);
    q->special_names = !field_bool(root, q->api, "skip_special_tokens", true);
    q->echo = field_bool(root, q->api, "echo", false);
    if (!field_given(root, q->api, "max_tokens"))
        q->max_tokens = 16; /* the API's default */
    q->prompts = mem_array(MOST_PROMPTS, sizeof *q->prompts);
    if (!q->prompts)
        return refuse(r, 503, NULL, "not enough memory for the prompts");
    if (prompt->type == J_STRING || prompt->first->type == J_NUMBER)
        return add_prompt(q, prompt, world, "prompt", r);
    size_t i = 0;
    for (const struct jval *v = prompt->first; v; v = v->next, i++) {
        char at[32];
        snprintf(at, sizeof at, "prompt[%zu]", i);
        if (!add_prompt(q, v, world, at, r))
            return false;
    }
    return true;
}
