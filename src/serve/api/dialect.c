/* dialect.c: what the dialects share. */
#include "serve/api/dialect_parts.h"

#include "base/mem.h"
#include "json/jwrite.h"

#include <stdio.h>
#include <string.h>

static void on_news(void *user, enum item_news news, size_t index, const char *text, size_t len)
{
    struct sequence *s = user;
    s->reply->dialect->news(s, news, s->items.list + index, text, len);
}

bool reply_create(const struct request *request, const struct reply_about *about, struct reply **reply_out,
                  struct refusal *r)
{
    struct reply *reply = *reply_out = mem_alloc(sizeof *reply);
    size_t n = request->n_prompts * (size_t)request->n;
    if (!reply || !(reply->sequences = mem_array(n, sizeof *reply->sequences)))
        return refuse(r, 503, NULL, "not enough memory for an answer");
    reply->request = request;
    reply->about = *about;
    reply->dialect = request->api == API_CHAT        ? &dialect_chat
                     : request->api == API_RESPONSES ? &dialect_responses
                                                     : &dialect_completions;
    snprintf(reply->id, sizeof reply->id, "%s%s", reply->dialect->id_prefix, about->id);
    reply->about.id = reply->id + strlen(reply->dialect->id_prefix); /* the caller's need not last */
    reply->n = n;
    for (size_t i = 0; i < n; i++) {
        struct sequence *s = reply->sequences + i;
        s->reply = reply;
        s->index = i;
        s->items = (struct items){.tokenizer = about->tokenizer,
                                  .logprobs = request->logprobs && !reply->dialect->token,
                                  .tell = on_news,
                                  .user = s};
    }
    return true;
}

static void lists_free(struct token_lists *l)
{
    buf_free(&l->tokens);
    buf_free(&l->logprobs);
    buf_free(&l->tops);
    buf_free(&l->offsets);
}

void reply_free(struct reply *reply)
{
    if (!reply)
        return;
    for (size_t i = 0; i < reply->n; i++) {
        items_free(&reply->sequences[i].items);
        lists_free(&reply->sequences[i].prompt);
        lists_free(&reply->sequences[i].said);
    }
    mem_free(reply->sequences);
    buf_free(&reply->out);
    mem_free(reply);
}

struct buf *reply_out(struct reply *reply)
{
    if (reply->out.failed) { /* half an event at its end: what is left of the stream is the refusal */
        reply->failed = true;
        buf_clear(&reply->out);
    }
    return &reply->out;
}

/* ---- events --------------------------------------------------------------------------------------------- */

void reply_begin(struct reply *reply)
{
    if (!reply->begun)
        reply->dialect->begin(reply);
    reply->begun = true;
}

void reply_event(struct reply *reply, size_t sequence, const struct osso_event *event)
{
    struct sequence *s = reply->sequences + sequence;
    reply_begin(reply);
    if (reply->request->logprobs && reply->dialect->token)
        reply->dialect->token(s, &s->said, event);
    items_event(&s->items, event);
}

void reply_end(struct reply *reply, size_t sequence, const struct osso_event *event)
{
    struct sequence *s = reply->sequences + sequence;
    reply_begin(reply);
    s->stop = event->stop;
    items_finish(&s->items, event);
    reply->dialect->end(s);
}

void reply_prompt_token(struct reply *reply, size_t prompt, const struct osso_event *event)
{
    struct sequence *s = reply->sequences + prompt * (size_t)reply->request->n;
    if (reply->dialect->token)
        reply->dialect->token(s, &s->prompt, event);
}

bool reply_done(struct reply *reply, const struct reply_usage *usage, struct refusal *r)
{
    bool failed = reply->out.failed || reply->failed;
    for (size_t i = 0; i < reply->n; i++)
        failed |= reply->sequences[i].items.failed;
    if (!failed)
        reply->dialect->done(reply, usage);
    return !(failed || reply->failed || reply->out.failed) || refuse(r, 503, NULL, "not enough memory for the answer");
}

void reply_fail(struct reply *reply, const struct refusal *r)
{
    reply_begin(reply);
    reply_out(reply);
    reply->dialect->fail(reply, r);
}

const char *reply_id(const struct reply *reply)
{
    return reply->id;
}

struct jtext reply_object(const struct reply *reply)
{
    return (struct jtext){reply->out.data + reply->object.at, reply->object.len};
}

struct jtext reply_output(const struct reply *reply)
{
    return (struct jtext){reply->out.data + reply->output.at, reply->output.len};
}

/* ---- chat and completions ------------------------------------------------------------------------------- */

void reply_put_head(struct reply *reply, const char *object)
{
    const struct jtext *tier = &reply->request->tier;
    buf_printf(&reply->out, "{\"id\":\"%s\",\"object\":\"%s\",\"created\":%lld,\"model\":", reply->id, object,
               (long long)reply->about.created);
    reply_put_text(reply, reply->about.model, strlen(reply->about.model));
    reply_puts(reply, ",\"system_fingerprint\":null");
    if (tier->s) {
        reply_puts(reply, ",\"service_tier\":");
        reply_put_text(reply, tier->s, tier->len);
    }
}

void reply_choices_done(struct reply *reply, const struct reply_usage *usage, const char *object, const char *chunk,
                        void (*put_choice)(struct sequence *s))
{
    bool stream = reply->request->stream;
    if (!stream || reply->request->include_usage) {
        reply_puts(reply, stream ? "data: " : "");
        reply_put_head(reply, stream ? chunk : object);
        reply_puts(reply, ",\"choices\":[");
        for (size_t i = 0; i < reply->n && !stream; i++) {
            reply_puts(reply, i ? "," : "");
            put_choice(reply->sequences + i);
        }
        reply_puts(reply, "],\"usage\":");
        reply_put_usage(reply, usage);
        reply_puts(reply, stream ? "}\n\n" : "}");
    }
    if (stream)
        reply_puts(reply, "data: [DONE]\n\n");
}

void reply_choices_fail(struct reply *reply, const struct refusal *r)
{
    reply_data_begin(reply);
    refusal_write(&reply->out, r);
    reply_data_end(reply);
}

/* ---- pieces --------------------------------------------------------------------------------------------- */

void reply_puts(struct reply *reply, const char *text)
{
    buf_puts(&reply->out, text);
}

void reply_put_text(struct reply *reply, const char *text, size_t len)
{
    jwrite_string(&reply->out, text ? text : "", len);
}

void reply_data_begin(struct reply *reply)
{
    reply_puts(reply, "data: ");
}

void reply_data_end(struct reply *reply)
{
    reply_puts(reply, "\n\n");
}

bool reply_is_cut(const struct sequence *s)
{
    return s->stop == OSSO_STOP_LENGTH || s->stop == OSSO_STOP_CONTEXT;
}

const char *reply_finish_reason(const struct sequence *s)
{
    if (reply_is_cut(s))
        return "length";
    return s->n_calls > 0 ? "tool_calls" : "stop";
}

void reply_put_usage(struct reply *reply, const struct reply_usage *usage)
{
    size_t sampled = 0, thought = 0;
    for (size_t i = 0; i < reply->n; i++) {
        sampled += reply->sequences[i].items.n_tokens;
        thought += reply->sequences[i].items.n_thought;
    }
    bool responses = reply->request->api == API_RESPONSES;
    const char *in = responses ? "input" : "prompt", *out = responses ? "output" : "completion";
    buf_printf(&reply->out,
               "{\"%s_tokens\":%zu,\"%s_tokens\":%zu,\"total_tokens\":%zu,\"%s_tokens_details\":{\"cached_tokens\":%zu,"
               "\"cache_write_tokens\":%zu},"
               "\"%s_tokens_details\":{\"reasoning_tokens\":%zu}}",
               in, usage->prompt_tokens, out, sampled, usage->prompt_tokens + sampled, in, usage->cached_tokens,
               usage->prompt_tokens - usage->cached_tokens, out, thought);
}

void reply_item_id(const struct sequence *s, const char *prefix, size_t index, char text[64])
{
    snprintf(text, 64, "%s%.40s%02zx%02zx", prefix, s->reply->about.id, s->index, index);
}

struct call_name reply_call_name(const struct reply *reply, const struct item *item)
{
    const char *recipient = item->recipient ? item->recipient : "";
    const struct tool *tool = toolset_called(&reply->request->tools, recipient);
    if (tool)
        return (struct call_name){tool->name, tool->space, tool->custom};
    return (struct call_name){toolset_plain(recipient), NULL, false};
}

void reply_put_call(struct reply *reply, const struct item *item, bool whole)
{
    struct call_name call = reply_call_name(reply, item);
    reply_puts(reply, "\"name\":");
    reply_put_text(reply, call.name, strlen(call.name));
    if (call.space) {
        reply_puts(reply, ",\"namespace\":");
        reply_put_text(reply, call.space, strlen(call.space));
    }
    reply_puts(reply, call.custom ? ",\"input\":" : ",\"arguments\":");
    if (whole)
        reply_put_item_text(reply, item);
    else
        reply_puts(reply, "\"\"");
}

void reply_put_item_text(struct reply *reply, const struct item *item)
{
    struct buf input = {0};
    const struct buf *text = &item->text;
    if (text->len && item->voice == OSSO_VOICE_CALL && reply_call_name(reply, item).custom) {
        toolset_input(&input, text->data, text->len);
        text = &input;
    }
    reply_put_text(reply, text->data, text->len);
    reply->failed |= input.failed;
    buf_free(&input);
}
