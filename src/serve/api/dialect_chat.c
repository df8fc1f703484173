/* dialect_chat.c: chat completions. Thoughts go out under both names that clients read, "reasoning_content" and
 * "reasoning"; what the model says on the way to a call is content. */
#include "serve/api/dialect_parts.h"

#include <stdio.h>
#include <string.h>

static void chunk_begin(const struct sequence *s)
{
    reply_data_begin(s->reply);
    reply_put_head(s->reply, "chat.completion.chunk");
    buf_printf(&s->reply->out, ",\"choices\":[{\"index\":%zu,\"delta\":{", s->index);
}

static void chunk_end(struct sequence *s, const char *finish, struct item *logprobs_of)
{
    struct reply *reply = s->reply;
    struct jtext logprobs = logprobs_of ? item_untold(logprobs_of) : (struct jtext){0};
    reply_puts(reply, "},\"logprobs\":");
    if (logprobs.len) {
        reply_puts(reply, "{\"content\":[");
        buf_add(&reply->out, logprobs.s, logprobs.len);
        reply_puts(reply, "],\"refusal\":null}");
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

/* An object without its first brace: a stream puts the index behind that. */
static void put_call(struct sequence *s, const struct item *item, bool whole)
{
    const char *kind = reply_call_name(s->reply, item).custom ? "custom" : "function";
    char id[64];
    reply_item_id(s, "call_", (size_t)(item - s->items.list), id);
    buf_printf(&s->reply->out, "\"id\":\"%s\",\"type\":\"%s\",\"%s\":{", id, kind, kind);
    reply_put_call(s->reply, item, whole);
    reply_puts(s->reply, "}}");
}

/* A custom tool's text stands inside JSON: it is known when that is whole. */
static void stream_call(struct sequence *s, enum item_news news, struct item *item, const char *text, size_t len)
{
    bool custom = reply_call_name(s->reply, item).custom;
    s->n_calls += news == ITEM_BEGINS;
    if (custom != (news == ITEM_ENDS))
        return;
    chunk_begin(s);
    buf_printf(&s->reply->out, "\"tool_calls\":[{\"index\":%zu,", s->n_calls - 1);
    if (news == ITEM_GROWS) {
        reply_puts(s->reply, "\"function\":{\"arguments\":");
        reply_put_text(s->reply, text, len);
        reply_puts(s->reply, "}}");
    } else
        put_call(s, item, custom);
    reply_puts(s->reply, "]");
    chunk_end(s, NULL, NULL);
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
    if (!s->reply->request->stream)
        return;
    for (size_t i = 0; i < s->items.n; i++)
        if (s->items.list[i].logprobs.len > s->items.list[i].n_told)
            untold = s->items.list + i;
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
    const char *comma = "";
    reply_puts(s->reply, ",\"tool_calls\":[");
    for (const struct item *i = s->items.list; i < s->items.list + s->items.n; i++)
        if (i->voice == OSSO_VOICE_CALL) {
            buf_printf(&s->reply->out, "%s{", comma);
            put_call(s, i, true);
            comma = ",";
        }
    reply_puts(s->reply, "]");
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
    buf_printf(&reply->out, "{\"index\":%zu,\"message\":{\"role\":\"assistant\",\"content\":", s->index);
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
    reply_choices_done(reply, usage, "chat.completion", "chat.completion.chunk", put_choice);
}

const struct dialect dialect_chat = {
    .id_prefix = "chatcmpl-", .begin = begin, .news = news, .end = end, .done = done, .fail = reply_choices_fail};
