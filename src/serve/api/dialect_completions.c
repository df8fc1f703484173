/* dialect_completions.c: text completions, with echo and log-probabilities as lm-evaluation-harness reads them. */
#include "serve/api/dialect_parts.h"

#include "base/mem.h"
#include "json/jget.h"
#include "json/jwrite.h"

#include <string.h>

static void put_head(struct reply *reply)
{
    buf_printf(&reply->out, "{\"id\":\"%s\",\"object\":\"text_completion\",\"created\":%lld,\"model\":", reply->id,
               (long long)reply->about.created);
    reply_put_text(reply, reply->about.model, strlen(reply->about.model));
    reply_puts(reply, ",\"system_fingerprint\":null");
}

/* The texts of a prompt's tokens, one behind the other. */
static void put_prompt(const struct sequence *s, struct buf *text)
{
    const struct request *q = s->reply->request;
    const struct osso_ids *ids = q->prompts + s->index / (size_t)q->n;
    for (size_t i = 0; i < ids->len; i++) {
        const char *piece;
        size_t len;
        osso_tokenizer_piece(s->reply->about.tokenizer, ids->data[i], &piece, &len);
        buf_add(text, piece, len);
    }
}

/* The lists of the older form, of tokens that are JSON objects of the newer one. `at`: where the first stands in the
 * text. */
struct lists {
    struct buf tokens, logprobs, tops, offsets;
    size_t at, n;
};

static void list_token(struct lists *l, const struct jval *v)
{
    const struct jval *token = jval_get_type(v, "token", J_STRING), *top = jval_get_type(v, "top_logprobs", J_ARRAY);
    const struct jval *logprob = jval_get(v, "logprob"), *bytes = jval_get_type(v, "bytes", J_ARRAY);
    const char *comma = l->n++ ? "," : "";
    bool is_first = !jval_given(v, "logprob");
    buf_puts(&l->tokens, comma);
    jwrite_string(&l->tokens, token->text.s, token->text.len);
    buf_puts(&l->logprobs, comma);
    jwrite_value(&l->logprobs, logprob, JWRITE_SPELT);
    buf_printf(&l->offsets, "%s%zu", comma, l->at);
    buf_puts(&l->tops, comma);
    if (is_first)
        buf_puts(&l->tops, "null");
    else {
        buf_puts(&l->tops, "{");
        for (const struct jval *t = top ? top->first : NULL; t; t = t->next) {
            const struct jval *name = jval_get_type(t, "token", J_STRING);
            buf_puts(&l->tops, t == top->first ? "" : ",");
            jwrite_string(&l->tops, name->text.s, name->text.len);
            buf_puts(&l->tops, ":");
            jwrite_value(&l->tops, jval_get(t, "logprob"), JWRITE_SPELT);
        }
        buf_puts(&l->tops, "}");
    }
    l->at += bytes ? bytes->n_children : 0;
}

static void list_tokens(struct reply *reply, struct lists *l, const char *objects, size_t len)
{
    struct buf text = {0};
    struct jdoc *doc = NULL;
    struct osso_error ignored;
    buf_puts(&text, "[");
    buf_add(&text, objects, len);
    buf_puts(&text, "]");
    if (text.failed || jdoc_read_harmony(text.data, text.len, "tokens", &doc, &ignored))
        reply->failed = true; /* one's own text: there was no memory for it */
    for (const struct jval *v = doc ? jdoc_root(doc)->first : NULL; v; v = v->next)
        list_token(l, v);
    jdoc_release(doc);
    buf_free(&text);
}

static void put_logprobs(struct reply *reply, struct lists *l)
{
    const char *no = "";
    buf_printf(&reply->out,
               "{\"tokens\":[%s],\"token_logprobs\":[%s],\"top_logprobs\":", l->tokens.data ? l->tokens.data : no,
               l->logprobs.data ? l->logprobs.data : no);
    if (reply->request->top_logprobs)
        buf_printf(&reply->out, "[%s]", l->tops.data ? l->tops.data : no);
    else
        reply_puts(reply, "null");
    buf_printf(&reply->out, ",\"text_offset\":[%s]}", l->offsets.data ? l->offsets.data : no);
    reply->failed |= l->tokens.failed || l->logprobs.failed || l->tops.failed || l->offsets.failed;
    buf_free(&l->tokens);
    buf_free(&l->logprobs);
    buf_free(&l->tops);
    buf_free(&l->offsets);
}

static void put_choice(struct sequence *s, const char *text, size_t len, const char *finish)
{
    struct reply *reply = s->reply;
    struct item *item = s->items.n ? s->items.list : NULL;
    struct lists l = {.at = 0};
    buf_printf(&reply->out, "{\"index\":%zu,\"text\":", s->index);
    reply_put_text(reply, text, len);
    reply_puts(reply, ",\"logprobs\":");
    if (reply->request->logprobs) {
        if (!s->listed && reply->request->echo) {
            s->listed = true;
            const struct buf *prompt =
                &reply->sequences[s->index - s->index % (size_t)reply->request->n].prompt_logprobs;
            list_tokens(reply, &l, prompt->data ? prompt->data : "", prompt->len);
        }
        size_t from = item ? item->n_logprobs + (item->n_logprobs > 0) : 0;
        if (item && item->logprobs.len > from) {
            l.at = l.n ? l.at : s->told;
            list_tokens(reply, &l, item->logprobs.data + from, item->logprobs.len - from);
            item->n_logprobs = item->logprobs.len;
        }
        put_logprobs(reply, &l);
    } else
        reply_puts(reply, "null");
    s->told += len;
    buf_printf(&reply->out, ",\"finish_reason\":%s%s%s}", finish ? "\"" : "", finish ? finish : "null",
               finish ? "\"" : "");
}

static void put_chunk(struct sequence *s, const char *text, size_t len, const char *finish)
{
    reply_data_begin(s->reply);
    put_head(s->reply);
    reply_puts(s->reply, ",\"choices\":[");
    put_choice(s, text, len, finish);
    reply_puts(s->reply, s->reply->request->include_usage ? "],\"usage\":null}" : "]}");
    reply_data_end(s->reply);
}

static void echo(struct sequence *s)
{
    struct buf text = {0};
    if (s->echoed || !s->reply->request->echo)
        return;
    s->echoed = true;
    put_prompt(s, &text);
    put_chunk(s, text.data ? text.data : "", text.len, NULL);
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
    put_chunk(s, text, len, NULL);
}

static void end(struct sequence *s)
{
    if (!s->reply->request->stream)
        return;
    echo(s);
    put_chunk(s, "", 0, reply_finish_reason(s));
}

static void done(struct reply *reply, const struct reply_usage *usage)
{
    if (reply->request->stream) {
        if (reply->request->include_usage) {
            reply_data_begin(reply);
            put_head(reply);
            reply_puts(reply, ",\"choices\":[],\"usage\":");
            reply_put_usage(reply, usage);
            reply_puts(reply, "}");
            reply_data_end(reply);
        }
        reply_puts(reply, "data: [DONE]\n\n");
        return;
    }
    put_head(reply);
    reply_puts(reply, ",\"choices\":[");
    for (size_t i = 0; i < reply->n; i++) {
        struct sequence *s = reply->sequences + i;
        struct buf text = {0};
        if (reply->request->echo)
            put_prompt(s, &text);
        if (s->items.n)
            buf_add(&text, s->items.list->text.data ? s->items.list->text.data : "", s->items.list->text.len);
        reply_puts(reply, i ? "," : "");
        put_choice(s, text.data, text.len, reply_finish_reason(s));
        reply->failed |= text.failed;
        buf_free(&text);
    }
    reply_puts(reply, "],\"usage\":");
    reply_put_usage(reply, usage);
    reply_puts(reply, "}");
}

static void fail(struct reply *reply, const struct refusal *r)
{
    reply_data_begin(reply);
    refusal_write(&reply->out, r);
    reply_data_end(reply);
}

const struct dialect dialect_completions = {"cmpl-", begin, news, end, done, fail};
