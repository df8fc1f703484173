/* request.c: what every dialect asks alike, and a chat as the prompt. */
#include "serve/api/request_apis.h"

#include "base/mem.h"
#include "json/jget.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_STOP_BYTES = 256 };

static bool no_memory(struct refusal *r)
{
    return refuse(r, 503, NULL, "not enough memory for the request");
}

/* ---- how tokens are chosen ------------------------------------------------------------------------------ */

/* Digits and nothing else; -1: it is none. */
static long long read_id(struct jtext key)
{
    bool digits = key.len > 0 && key.len < 12 && strspn(key.s, "0123456789") == key.len;
    return digits ? strtoll(key.s, NULL, 10) : -1;
}

static bool read_bias(struct request *q, const struct jval *list, const struct request_world *world, struct refusal *r)
{
    size_t n = 0;
    if (!list || !list->first)
        return true;
    q->bias = mem_array(list->n_children, sizeof *q->bias);
    if (!q->bias)
        return no_memory(r);
    for (const struct jval *v = list->first; v; v = v->next, n++) {
        long long id = read_id(v->key);
        if (id < 0 || id >= world->vocab)
            return refuse(r, 400, "logit_bias", "\"logit_bias\": \"%.40s\" is no token id; the model has 0 to %lld",
                          v->key.s, (long long)world->vocab - 1);
        if (v->type != J_NUMBER || !(fabs(jget_real(v)) <= 100))
            return refuse(r, 400, "logit_bias", "\"logit_bias\": token %lld needs a number from -100 to 100", id);
        q->bias[n] = (struct osso_logit_bias){.id = (int32_t)id, .bias = (float)jget_real(v)};
    }
    q->sampling.bias = q->bias;
    q->sampling.n_bias = n;
    return true;
}

static bool read_sampling(struct request *q, const struct jval *root, const struct request_world *world,
                          struct refusal *r)
{
    struct osso_sampling *s = &q->sampling;
    *s = *world->defaults;
    s->temperature = field_real(root, q->api, "temperature", s->temperature);
    s->top_p = field_real(root, q->api, "top_p", s->top_p);
    s->top_k = field_int(root, q->api, "top_k", s->top_k);
    s->min_p = field_real(root, q->api, "min_p", s->min_p);
    s->presence_penalty = field_real(root, q->api, "presence_penalty", s->presence_penalty);
    s->frequency_penalty = field_real(root, q->api, "frequency_penalty", s->frequency_penalty);
    s->repetition_penalty = field_real(root, q->api, "repetition_penalty", s->repetition_penalty);
    if (field_given(root, q->api, "top_p") && s->top_p == 0) { /* asked for: so few that only the first is left */
        s->top_p = 1;
        s->top_k = 1;
    }
    q->seeded = field_given(root, q->api, "seed") != NULL;
    s->seed = (uint64_t)field_int(root, q->api, "seed", 0);
    return read_bias(q, field_given(root, q->api, "logit_bias"), world, r);
}

/* ---- where it ends -------------------------------------------------------------------------------------- */

static bool add_stop(struct request *q, const struct jval *v, struct refusal *r)
{
    if (v->text.len == 0 || v->text.len > MOST_STOP_BYTES)
        return refuse(r, 400, "stop", "a \"stop\" text must have 1 to %d bytes", MOST_STOP_BYTES);
    if (memchr(v->text.s, 0, v->text.len))
        return refuse(r, 400, "stop", "a \"stop\" text with a NUL in it");
    q->stop[q->n_stop++] = v->text.s;
    return true;
}

static bool read_end(struct request *q, const struct jval *root, struct refusal *r)
{
    static const char *const limits[] = {"max_output_tokens", "max_completion_tokens", "max_tokens"};
    const struct jval *stop = field_given(root, q->api, "stop");
    size_t i = 0;
    while (i < 3 && !field_given(root, q->api, limits[i]))
        i++;
    if (i < 3) {
        q->max_tokens = field_int(root, q->api, limits[i], 0);
        q->no_tokens = q->max_tokens == 0;
    }
    q->min_tokens = field_int(root, q->api, "min_tokens", 0);
    q->ignore_eos = field_bool(root, q->api, "ignore_eos", false);
    if (q->max_tokens > 0 && q->min_tokens > q->max_tokens)
        return refuse(r, 400, "min_tokens", "\"min_tokens\" is %lld, but at most %lld tokens are wanted",
                      (long long)q->min_tokens, (long long)q->max_tokens);
    if (stop && stop->type == J_STRING)
        return add_stop(q, stop, r);
    for (const struct jval *v = stop ? stop->first : NULL; v; v = v->next)
        if (!add_stop(q, v, r))
            return false;
    return true;
}

/* ---- the whole ------------------------------------------------------------------------------------------ */

static bool read_common(struct request *q, const struct jval *root, const struct request_world *world,
                        struct refusal *r)
{
    const struct jval *options = field_given(root, q->api, "stream_options");
    const struct jval *usage = options ? jval_given(options, "include_usage") : NULL;
    q->n = field_int(root, q->api, "n", 1);
    q->stream = field_bool(root, q->api, "stream", false);
    q->top_logprobs = field_int(root, q->api, "top_logprobs", 0);
    q->include_usage = q->stream && usage && usage->type == J_BOOL && usage->truth;
    if (usage && usage->type != J_BOOL)
        return refuse(r, 400, "stream_options.include_usage", "\"include_usage\" must be true or false");
    if (options && !q->stream)
        return refuse(r, 400, "stream_options", "\"stream_options\" without \"stream\": true");
    return read_sampling(q, root, world, r) && read_end(q, root, r);
}

bool request_read(unsigned api, const char *body, size_t len, const struct request_world *world,
                  struct request **request_out, struct refusal *r)
{
    struct request *q = *request_out = mem_alloc(sizeof *q);
    if (!q)
        return no_memory(r);
    q->api = api;
    static const struct jdoc_limits limits = {.depth = 64, .values = 400000};
    enum osso_status status = jdoc_read_limited(body, len, "the body", &limits, &q->doc, &r->err);
    if (status)
        return refuse_status(r, status, NULL);
    const struct jval *root = jdoc_root(q->doc);
    if (!fields_check(root, api, r) || !read_common(q, root, world, r))
        return false;
    q->harmony = api != API_COMPLETIONS;
    if (api == API_CHAT)
        return request_chat(q, world, r);
    return api == API_RESPONSES ? request_responses(q, world, r) : request_completions(q, world, r);
}

void request_spell(const struct request *q, size_t prompt, const struct osso_tokenizer *tokenizer, struct buf *out)
{
    for (size_t i = 0; i < q->prompts[prompt].len; i++) {
        const char *piece;
        size_t len;
        osso_tokenizer_piece(tokenizer, q->prompts[prompt].data[i], &piece, &len);
        buf_add(out, piece, len);
    }
}

void request_free(struct request *q)
{
    if (!q)
        return;
    for (size_t i = 0; i < q->n_prompts; i++)
        osso_ids_free(q->prompts + i);
    mem_free(q->prompts);
    mem_free(q->bias);
    toolset_free(&q->tools);
    buf_free(&q->items);
    jdoc_release(q->doc);
    mem_free(q);
}
