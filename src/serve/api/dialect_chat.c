/* dialect_chat.c: chat completions. Thoughts go out under both names that clients read, "reasoning_content" and
 * "reasoning"; what the model says on the way to a call is content. */
#include "serve/api/dialect_parts.h"

#include <stdio.h>
#include <string.h>

static void put_head(struct reply *reply, const char *object)
{
    buf_printf(&reply->out, "{\"id\":\"%s\",\"object\":\"%s\",\"created\":%lld,\"model\":", reply->id, object,
               (long long)reply->about.created);
    reply_put_text(reply, reply->about.model, strlen(reply->about.model));
    reply_puts(reply, ",\"system_fingerprint\":null");
    const struct jval *tier = jval_given(jdoc_root(reply->request->doc), "service_tier");
    reply_puts(reply, ",\"service_tier\":");
    reply_put_text(reply, tier ? tier->text.s : "default", tier ? tier->text.len : 7);
}

static void chunk_begin(const struct sequence *s)
{
    reply_data_begin(s->reply);
    put_head(s->reply, "chat.completion.chunk");
    buf_printf(&s->reply->out, ",\"choices\":[{\"index\":%zu,\"delta\":{", s->index);
}

static void chunk_end(struct sequence *s, const char *finish, struct item *logprobs_of)
{
    struct reply *reply = s->reply;
    reply_puts(reply, "},\"logprobs\":");
    if (logprobs_of && logprobs_of->logprobs.len > logprobs_of->n_logprobs) {
        const struct buf *all = &logprobs_of->logprobs;
        size_t from = logprobs_of->n_logprobs + (logprobs_of->n_logprobs > 0); /* past the comma */
        reply_puts(reply, "{\"content\":[");
        buf_add(&reply->out, all->data + from, all->len - from);
        reply_puts(reply, "],\"refusal\":null}");
        logprobs_of->n_logprobs = all->len;
    } else
        reply_puts(reply, "null");
    buf_printf(&reply->out, ",\"finish_reason\":%s%s%s}]%s}", finish ? "\"" : "", finish ? finish : "null",
               finish ? "\"" : "", reply->request->include_usage ? ",\"usage\":null" : "");
    reply_data_end(reply);
}

static void begin(struct reply *reply)
{
    for (size_t i = 0; reply->request->stream && i < reply->n; i++) {
        chunk_begin(reply->sequences + i);
        reply_puts(reply, "\"role\":\"assistant\",\"content\":\"\"");
        chunk_end(reply->sequences + i, NULL, NULL);
    }
}

/* ---- calls ---------------------------------------------------------------------------------------------- */

/* An object without its last brace: a stream adds the index, a whole answer the arguments. */
static void put_call(struct sequence *s, const struct item *item, size_t index, const char *text, size_t len)
{
    struct reply *reply = s->reply;
    struct call_name call = reply_call_name(reply, item);
    const char *kind = call.custom ? "custom" : "function";
    char id[64];
    reply_item_id(s, "call_", index, id);
    buf_printf(&reply->out, "\"id\":\"%s\",\"type\":\"%s\",\"%s\":{\"name\":", id, kind, kind);
    reply_put_text(reply, call.name, strlen(call.name));
    if (call.space) {
        reply_puts(reply, ",\"namespace\":");
        reply_put_text(reply, call.space, strlen(call.space));
    }
    reply_puts(reply, call.custom ? ",\"input\":" : ",\"arguments\":");
    reply_put_text(reply, text, len);
    reply_puts(reply, "}}");
}

static void stream_call(struct sequence *s, enum item_news news, struct item *item, const char *text, size_t len)
{
    bool custom = reply_call_name(s->reply, item).custom;
    size_t index = (size_t)(item - s->items.list);
    struct buf input = {0};
    if (news == ITEM_BEGINS)
        s->n_calls++;
    if (custom && news != ITEM_ENDS) /* its text stands inside JSON: known when that is whole */
        return;
    if (!custom && news == ITEM_ENDS)
        return;
    if (custom) {
        toolset_input(&input, item->text.data ? item->text.data : "", item->text.len);
        text = input.data ? input.data : "";
        len = input.len;
    }
    chunk_begin(s);
    buf_printf(&s->reply->out, "\"tool_calls\":[{\"index\":%zu,", s->n_calls - 1);
    if (news == ITEM_GROWS) {
        reply_puts(s->reply, "\"function\":{\"arguments\":");
        reply_put_text(s->reply, text, len);
        reply_puts(s->reply, "}}");
    } else
        put_call(s, item, index, text, len);
    reply_puts(s->reply, "]");
    chunk_end(s, NULL, NULL);
    buf_free(&input);
}

/* ---- streaming ------------------------------------------------------------------------------------------ */

/* Thoughts of two messages are told apart by a line end. */
static bool has_earlier(const struct sequence *s, const struct item *item)
{
    for (const struct item *i = s->items.list; i < item; i++)
        if (i->voice == OSSO_VOICE_THOUGHT && i->text.len)
            return true;
    return false;
}

static void stream_thought(struct sequence *s, const struct item *item, const char *text, size_t len)
{
    struct buf piece = {0};
    bool first = item->text.len == len && has_earlier(s, item);
    buf_puts(&piece, first ? "\n" : "");
    buf_add(&piece, text, len);
    chunk_begin(s);
    reply_puts(s->reply, "\"reasoning_content\":");
    reply_put_text(s->reply, piece.data, piece.len);
    reply_puts(s->reply, ",\"reasoning\":");
    reply_put_text(s->reply, piece.data, piece.len);
    chunk_end(s, NULL, NULL);
    s->reply->failed |= piece.failed;
    buf_free(&piece);
}

static void news(struct sequence *s, enum item_news news, struct item *item, const char *text, size_t len)
{
    if (!s->reply->request->stream) {
        s->n_calls += item->voice == OSSO_VOICE_CALL && news == ITEM_BEGINS;
        return;
    }
    if (item->voice == OSSO_VOICE_CALL)
        stream_call(s, news, item, text, len);
    else if (news == ITEM_GROWS && item->voice == OSSO_VOICE_THOUGHT)
        stream_thought(s, item, text, len);
    else if (news == ITEM_GROWS) {
        chunk_begin(s);
        reply_puts(s->reply, "\"content\":");
        reply_put_text(s->reply, text, len);
        chunk_end(s, NULL, item);
    }
}

/* Log-probabilities of tokens whose text a stop text took away come with the last chunk. */
static void end(struct sequence *s)
{
    struct item *untold = NULL;
    for (size_t i = 0; i < s->items.n; i++)
        if (s->items.list[i].logprobs.len > s->items.list[i].n_logprobs)
            untold = s->items.list + i;
    if (!s->reply->request->stream)
        return;
    chunk_begin(s);
    chunk_end(s, reply_finish_reason(s), untold);
}

/* ---- a whole answer ------------------------------------------------------------------------------------- */

static void join(struct buf *out, const struct items *items, enum osso_voice voice, enum osso_voice other,
                 const char *between)
{
    for (const struct item *i = items->list; i < items->list + items->n; i++)
        if ((i->voice == voice || i->voice == other) && i->text.len) {
            buf_puts(out, out->len ? between : "");
            buf_add(out, i->text.data, i->text.len);
        }
}

static void put_calls(struct sequence *s)
{
    struct buf input = {0};
    const char *comma = "";
    reply_puts(s->reply, ",\"tool_calls\":[");
    for (size_t i = 0; i < s->items.n; i++) {
        const struct item *item = s->items.list + i;
        if (item->voice != OSSO_VOICE_CALL)
            continue;
        const char *text = item->text.data ? item->text.data : "";
        buf_clear(&input);
        if (reply_call_name(s->reply, item).custom)
            toolset_input(&input, text, item->text.len);
        else
            buf_add(&input, text, item->text.len);
        buf_printf(&s->reply->out, "%s{", comma);
        put_call(s, item, i, input.data ? input.data : "", input.len);
        comma = ",";
    }
    reply_puts(s->reply, "]");
    s->reply->failed |= input.failed;
    buf_free(&input);
}

static void put_choice(struct sequence *s)
{
    struct reply *reply = s->reply;
    struct buf thought = {0}, content = {0}, logprobs = {0};
    join(&thought, &s->items, OSSO_VOICE_THOUGHT, OSSO_VOICE_THOUGHT, "\n");
    join(&content, &s->items, OSSO_VOICE_ANSWER, OSSO_VOICE_PREAMBLE, "");
    for (size_t i = 0; i < s->items.n; i++)
        if (s->items.list[i].logprobs.len)
            buf_printf(&logprobs, "%s%s", logprobs.len ? "," : "", s->items.list[i].logprobs.data);
    buf_printf(&reply->out, "%s{\"index\":%zu,\"message\":{\"role\":\"assistant\",\"content\":", s->index ? "," : "",
               s->index);
    if (content.len || !s->n_calls)
        reply_put_text(reply, content.data, content.len);
    else
        reply_puts(reply, "null");
    reply_puts(reply, ",\"refusal\":null");
    if (thought.len) {
        reply_puts(reply, ",\"reasoning_content\":");
        reply_put_text(reply, thought.data, thought.len);
        reply_puts(reply, ",\"reasoning\":");
        reply_put_text(reply, thought.data, thought.len);
    }
    if (s->n_calls)
        put_calls(s);
    reply_puts(reply, "},\"logprobs\":");
    if (reply->request->logprobs)
        buf_printf(&reply->out, "{\"content\":[%s],\"refusal\":null}", logprobs.data ? logprobs.data : "");
    else
        reply_puts(reply, "null");
    buf_printf(&reply->out, ",\"finish_reason\":\"%s\"}", reply_finish_reason(s));
    reply->failed |= thought.failed || content.failed || logprobs.failed;
    buf_free(&thought);
    buf_free(&content);
    buf_free(&logprobs);
}

static void done(struct reply *reply, const struct reply_usage *usage)
{
    if (reply->request->stream && reply->request->include_usage) {
        reply_data_begin(reply);
        put_head(reply, "chat.completion.chunk");
        reply_puts(reply, ",\"choices\":[],\"usage\":");
        reply_put_usage(reply, usage);
        reply_puts(reply, "}");
        reply_data_end(reply);
    }
    if (reply->request->stream) {
        reply_puts(reply, "data: [DONE]\n\n");
        return;
    }
    put_head(reply, "chat.completion");
    reply_puts(reply, ",\"choices\":[");
    for (size_t i = 0; i < reply->n; i++)
        put_choice(reply->sequences + i);
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

const struct dialect dialect_chat = {"chatcmpl-", begin, news, end, done, fail};
