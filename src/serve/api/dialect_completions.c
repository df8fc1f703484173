/* dialect_completions.c: text completions, with echo and log-probabilities as lm-evaluation-harness reads them. */
#include "serve/api/dialect_parts.h"

#include "json/jwrite.h"

#include <math.h>
#include <string.h>

static const char object[] = "text_completion";

static const struct sequence *first_of(const struct sequence *s)
{
    return s - s->index % (size_t)s->reply->request->n;
}

/* ---- log-probabilities ---------------------------------------------------------------------------------- */

static void put_tops(struct buf *out, const struct osso_tokenizer *tokenizer, const struct osso_event *event)
{
    if (isnan(event->logprob)) { /* a first token: nothing stood in its place instead */
        buf_puts(out, "null");
        return;
    }
    buf_puts(out, "{");
    for (size_t i = 0; i < event->n_top; i++) {
        buf_puts(out, i ? "," : "");
        items_put_name(out, tokenizer, event->top[i].id);
        buf_puts(out, ":");
        items_put_score(out, event->top[i].logprob);
    }
    buf_puts(out, "}");
}

static void token(struct sequence *s, struct token_lists *to, const struct osso_event *event)
{
    const struct osso_tokenizer *tokenizer = s->reply->about.tokenizer;
    const char *comma = to->tokens.len ? "," : "", *bytes;
    size_t at = to->bytes + (to == &s->said ? first_of(s)->prompt.bytes : 0), len;
    buf_puts(&to->tokens, comma);
    items_put_name(&to->tokens, tokenizer, event->id);
    buf_puts(&to->logprobs, comma);
    items_put_score(&to->logprobs, event->logprob);
    buf_puts(&to->tops, comma);
    put_tops(&to->tops, tokenizer, event);
    buf_printf(&to->offsets, "%s%zu", comma, at);
    bool unnamed = to == &s->said && !s->reply->request->special_names &&
                   osso_tokenizer_is_special(tokenizer, event->id);
    osso_tokenizer_piece(tokenizer, event->id, &bytes, &len);
    to->bytes += unnamed ? 0 : len;
}

/* Lists that stand one behind the other as one. */
static void put_list(struct reply *reply, const struct buf *a, const struct buf *b)
{
    reply_puts(reply, "[");
    reply_puts(reply, a->data ? a->data : "");
    reply_puts(reply, a->len && b->len ? "," : "");
    reply_puts(reply, b->data ? b->data : "");
    reply_puts(reply, "]");
    reply->failed |= a->failed || b->failed;
}

static void put_logprobs(struct reply *reply, const struct token_lists *a, const struct token_lists *b)
{
    reply_puts(reply, "{\"tokens\":");
    put_list(reply, &a->tokens, &b->tokens);
    reply_puts(reply, ",\"token_logprobs\":");
    put_list(reply, &a->logprobs, &b->logprobs);
    reply_puts(reply, ",\"top_logprobs\":");
    if (reply->request->top_logprobs)
        put_list(reply, &a->tops, &b->tops);
    else
        reply_puts(reply, "null");
    reply_puts(reply, ",\"text_offset\":");
    put_list(reply, &a->offsets, &b->offsets);
    reply_puts(reply, "}");
}

static void forget(struct token_lists *l)
{
    buf_clear(&l->tokens);
    buf_clear(&l->logprobs);
    buf_clear(&l->tops);
    buf_clear(&l->offsets);
}

/* ---- choices -------------------------------------------------------------------------------------------- */

static const struct token_lists none;

/* A text with the tokens of the prompt, or of what was said, or of both. */
static void put_text(struct sequence *s, const char *text, size_t len, const char *finish,
                     const struct token_lists *prompt, const struct token_lists *said)
{
    struct reply *reply = s->reply;
    buf_printf(&reply->out, "{\"index\":%zu,\"text\":", s->index);
    reply_put_text(reply, text, len);
    reply_puts(reply, ",\"logprobs\":");
    if (reply->request->logprobs)
        put_logprobs(reply, prompt, said);
    else
        reply_puts(reply, "null");
    buf_printf(&reply->out, ",\"finish_reason\":%s%s%s}", finish ? "\"" : "", finish ? finish : "null",
               finish ? "\"" : "");
}

static void put_chunk(struct sequence *s, const char *text, size_t len, const char *finish,
                      const struct token_lists *prompt, const struct token_lists *said)
{
    reply_data_begin(s->reply);
    reply_put_head(s->reply, object);
    reply_puts(s->reply, ",\"choices\":[");
    put_text(s, text, len, finish, prompt, said);
    reply_puts(s->reply, s->reply->request->include_usage ? "],\"usage\":null}" : "]}");
    reply_data_end(s->reply);
}

static void tell(struct sequence *s, const char *text, size_t len, const char *finish)
{
    put_chunk(s, text, len, finish, &none, &s->said);
    forget(&s->said);
}

static void echo(struct sequence *s)
{
    const struct request *q = s->reply->request;
    struct buf text = {0};
    if (s->echoed || !q->echo)
        return;
    s->echoed = true;
    request_spell(q, s->index / (size_t)q->n, s->reply->about.tokenizer, &text);
    put_chunk(s, text.data, text.len, NULL, &first_of(s)->prompt, &none);
    s->reply->failed |= text.failed;
    buf_free(&text);
}

/* The prompt goes out before its answer; its log-probabilities are known when that begins. */
static void begin(struct reply *reply)
{
    for (size_t i = 0; reply->request->stream && !reply->request->logprobs && i < reply->n; i++)
        echo(reply->sequences + i);
}

static void news(struct sequence *s, enum item_news news, struct item *item, const char *text, size_t len)
{
    (void)item;
    if (!s->reply->request->stream || news != ITEM_GROWS)
        return;
    echo(s);
    tell(s, text, len, NULL);
}

static void end(struct sequence *s)
{
    if (!s->reply->request->stream)
        return;
    echo(s);
    tell(s, "", 0, reply_finish_reason(s));
}

static void put_choice(struct sequence *s)
{
    const struct request *q = s->reply->request;
    struct buf text = {0};
    if (q->echo)
        request_spell(q, s->index / (size_t)q->n, s->reply->about.tokenizer, &text);
    if (s->items.n)
        buf_add(&text, s->items.list->text.data, s->items.list->text.len);
    put_text(s, text.data, text.len, reply_finish_reason(s), &first_of(s)->prompt, &s->said);
    s->reply->failed |= text.failed;
    buf_free(&text);
}

static void done(struct reply *reply, const struct reply_usage *usage)
{
    reply_choices_done(reply, usage, object, object, put_choice);
}

const struct dialect dialect_completions = {.id_prefix = "cmpl-",
                                            .begin = begin,
                                            .news = news,
                                            .end = end,
                                            .token = token,
                                            .done = done,
                                            .fail = reply_choices_fail};
