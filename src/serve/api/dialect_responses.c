/* dialect_responses.c: the Responses API: a response object with items, and its events. */
#include "serve/api/dialect_parts.h"

#include "json/jwrite.h"
#include "serve/api/items_in.h"

#include <string.h>
#include <time.h>

/* ---- items ---------------------------------------------------------------------------------------------- */

enum { PART_NONE, PART_EMPTY, PART_WHOLE };

static const char *item_prefix(const struct reply *reply, const struct item *item)
{
    if (item->voice == OSSO_VOICE_THOUGHT)
        return "rs_";
    if (item->voice == OSSO_VOICE_CALL)
        return reply_call_name(reply, item).custom ? "ctc_" : "fc_";
    return "msg_";
}

static void put_id(const struct sequence *s, const struct item *item, const char *prefix)
{
    char id[64];
    reply_item_id(s, prefix, (size_t)(item - s->items.list), id);
    buf_printf(&s->reply->out, "\"%s\"", id);
}

/* The one part of a text or a thought. */
static void put_part(const struct sequence *s, const struct item *item, bool whole)
{
    struct reply *reply = s->reply;
    bool thought = item->voice == OSSO_VOICE_THOUGHT;
    buf_printf(&reply->out, "{\"type\":\"%s\",\"text\":", thought ? "reasoning_text" : "output_text");
    reply_put_text(reply, whole ? item->text.data : "", whole ? item->text.len : 0);
    if (!thought)
        buf_printf(&reply->out, ",\"annotations\":[],\"logprobs\":[%s]",
                   whole && item->logprobs.data ? item->logprobs.data : "");
    reply_puts(reply, "}");
}

static void put_item(const struct sequence *s, const struct item *item, int part)
{
    struct reply *reply = s->reply;
    const char *status = !item->ended ? "in_progress" : item->cut ? "incomplete" : "completed";
    bool call = item->voice == OSSO_VOICE_CALL, thought = item->voice == OSSO_VOICE_THOUGHT;
    const char *type = thought ? "reasoning" : "message";
    if (call)
        type = reply_call_name(reply, item).custom ? "custom_tool_call" : "function_call";
    buf_printf(&reply->out, "{\"type\":\"%s\",\"id\":", type);
    put_id(s, item, item_prefix(reply, item));
    if (call) {
        reply_puts(reply, ",\"call_id\":");
        put_id(s, item, "call_");
        reply_puts(reply, ",");
        reply_put_call(reply, item, part == PART_WHOLE);
    } else {
        reply_puts(reply, ",\"content\":[");
        if (part != PART_NONE)
            put_part(s, item, part == PART_WHOLE);
        reply_puts(reply, "]");
    }
    if (thought) {
        reply_puts(reply, ",\"summary\":[],\"encrypted_content\":");
        if (part == PART_WHOLE && reply->request->include_encrypted) {
            struct buf sealed = {0};
            items_seal(&sealed, item->text.data ? item->text.data : "", item->text.len);
            reply_put_text(reply, sealed.data, sealed.len);
            reply->failed |= sealed.failed;
            buf_free(&sealed);
        } else
            reply_puts(reply, "null");
    } else if (!call)
        buf_printf(&reply->out, ",\"role\":\"assistant\",\"phase\":\"%s\"",
                   item->voice == OSSO_VOICE_PREAMBLE ? "commentary" : "final_answer");
    buf_printf(&reply->out, ",\"status\":\"%s\"}", status);
}

static void put_output(struct reply *reply)
{
    const struct sequence *s = reply->sequences;
    for (size_t i = 0; i < s->items.n; i++) {
        reply_puts(reply, i ? "," : "");
        put_item(s, s->items.list + i, PART_WHOLE);
    }
}

/* ---- the object ----------------------------------------------------------------------------------------- */

/* "key": what the request says, or else `absent`, a JSON text. */
static void put_given(struct reply *reply, const char *key, const char *absent)
{
    const struct jval *v = jval_given(jdoc_root(reply->request->doc), key);
    buf_printf(&reply->out, ",\"%s\":", key);
    if (v)
        jwrite_value(&reply->out, v, JWRITE_SPELT);
    else
        reply_puts(reply, absent);
}

static void put_tool_name(struct reply *reply, const struct tool *tool)
{
    buf_printf(&reply->out, "{\"type\":\"%s\",\"name\":", tool->custom ? "custom" : "function");
    reply_put_text(reply, tool->name, strlen(tool->name));
    reply_puts(reply, "}");
}

static void put_choice(struct reply *reply)
{
    const struct toolset *set = &reply->request->tools;
    static const char *const words[] = {"auto", "none", "required"};
    const struct jval *given = jval_given(jdoc_root(reply->request->doc), "tool_choice");
    reply_puts(reply, ",\"tool_choice\":");
    if (!given || given->type == J_STRING) {
        buf_printf(&reply->out, "\"%s\"", words[set->choice]);
        return;
    }
    const char *comma = "";
    if (!set->is_one)
        reply_puts(reply, "{\"type\":\"allowed_tools\",\"tools\":[");
    for (size_t i = 0; i < set->n; i++)
        if (set->tools[i].is_allowed) {
            reply_puts(reply, comma);
            put_tool_name(reply, set->tools + i);
            comma = ",";
        }
    if (!set->is_one)
        buf_printf(&reply->out, "],\"mode\":\"%s\"}", words[set->choice]);
}

static void put_settings(struct reply *reply)
{
    const struct request *q = reply->request;
    const struct osso_sampling *s = &q->sampling;
    const struct jval *reasoning = jval_given(jdoc_root(q->doc), "reasoning");
    const struct jval *summary = reasoning ? jval_get_type(reasoning, "summary", J_STRING) : NULL;
    put_given(reply, "instructions", "null");
    put_given(reply, "previous_response_id", "null");
    put_given(reply, "max_output_tokens", "null");
    put_given(reply, "max_tool_calls", "null");
    put_given(reply, "metadata", "{}");
    put_given(reply, "parallel_tool_calls", "true");
    put_given(reply, "service_tier", "\"default\"");
    put_given(reply, "safety_identifier", "null");
    put_given(reply, "prompt_cache_key", "null");
    put_given(reply, "user", "null");
    put_given(reply, "top_logprobs", "0");
    buf_printf(&reply->out, ",\"tools\":[%s]", q->tools.given.data ? q->tools.given.data : "");
    put_choice(reply);
    buf_printf(&reply->out, ",\"store\":%s,\"background\":false,\"truncation\":\"disabled\"",
               q->store ? "true" : "false");
    reply_puts(reply, ",\"text\":{\"format\":{\"type\":\"text\"}},\"temperature\":");
    jwrite_number(&reply->out, s->temperature);
    reply_puts(reply, ",\"top_p\":");
    jwrite_number(&reply->out, s->top_p);
    reply_puts(reply, ",\"presence_penalty\":");
    jwrite_number(&reply->out, s->presence_penalty);
    reply_puts(reply, ",\"frequency_penalty\":");
    jwrite_number(&reply->out, s->frequency_penalty);
    buf_printf(&reply->out, ",\"reasoning\":{\"effort\":\"%s\",\"summary\":", q->effort[0] ? q->effort : "medium");
    if (summary)
        reply_put_text(reply, summary->text.s, summary->text.len);
    else
        reply_puts(reply, "null");
    reply_puts(reply, "}");
}

static void put_response(struct reply *reply, const char *status, const struct reply_usage *usage,
                         const struct refusal *r)
{
    bool over = strcmp(status, "completed") == 0 || strcmp(status, "incomplete") == 0;
    buf_printf(&reply->out,
               "{\"id\":\"%s\",\"object\":\"response\",\"created_at\":%lld,\"status\":\"%s\",\"model\":", reply->id,
               (long long)reply->about.created, status);
    reply_put_text(reply, reply->about.model, strlen(reply->about.model));
    if (over)
        buf_printf(&reply->out, ",\"completed_at\":%lld", (long long)time(NULL));
    else
        reply_puts(reply, ",\"completed_at\":null");
    reply_puts(reply, ",\"output\":[");
    reply->output.at = reply->out.len;
    if (usage || r)
        put_output(reply);
    reply->output.len = reply->out.len - reply->output.at;
    reply_puts(reply, "],\"usage\":");
    if (usage)
        reply_put_usage(reply, usage);
    else
        reply_puts(reply, "null");
    reply_puts(reply, ",\"error\":");
    if (r) {
        buf_printf(&reply->out, "{\"code\":\"%s\",\"message\":", r->code ? r->code : "server_error");
        reply_put_text(reply, r->err.text, strlen(r->err.text));
        reply_puts(reply, "}");
    } else
        reply_puts(reply, "null");
    reply_puts(reply, ",\"incomplete_details\":");
    reply_puts(reply, strcmp(status, "incomplete") == 0 ? "{\"reason\":\"max_output_tokens\"}" : "null");
    put_settings(reply);
    reply_puts(reply, "}");
}

/* ---- events --------------------------------------------------------------------------------------------- */

static void event_begin(struct reply *reply, const char *type)
{
    buf_printf(&reply->out, "event: %s\ndata: {\"type\":\"%s\",\"sequence_number\":%zu", type, type, reply->n_events++);
}

static void event_end(struct reply *reply)
{
    reply_puts(reply, "}\n\n");
}

static void item_event_begin(const struct sequence *s, const struct item *item, const char *type)
{
    event_begin(s->reply, type);
    buf_printf(&s->reply->out, ",\"output_index\":%zu,\"item_id\":", (size_t)(item - s->items.list));
    put_id(s, item, item_prefix(s->reply, item));
    if (item->voice != OSSO_VOICE_CALL)
        reply_puts(s->reply, ",\"content_index\":0");
}

static void tell_response(struct reply *reply, const char *type, const char *status, const struct reply_usage *usage,
                          const struct refusal *r)
{
    event_begin(reply, type);
    reply_puts(reply, ",\"response\":");
    put_response(reply, status, usage, r);
    event_end(reply);
}

static void begin(struct reply *reply)
{
    if (!reply->request->stream)
        return;
    tell_response(reply, "response.created", "in_progress", NULL, NULL);
    tell_response(reply, "response.in_progress", "in_progress", NULL, NULL);
}

static void tell_item(const struct sequence *s, const struct item *item, const char *type, int part)
{
    event_begin(s->reply, type);
    buf_printf(&s->reply->out, ",\"output_index\":%zu,\"item\":", (size_t)(item - s->items.list));
    put_item(s, item, part);
    event_end(s->reply);
}

static void tell_part(const struct sequence *s, const struct item *item, const char *type, bool whole)
{
    item_event_begin(s, item, type);
    reply_puts(s->reply, ",\"part\":");
    put_part(s, item, whole);
    event_end(s->reply);
}

/* The kinds' names for a piece and for the whole, and the member that holds it. */
struct words {
    const char *delta, *done, *member;
};

static struct words words_of(const struct reply *reply, const struct item *item)
{
    if (item->voice == OSSO_VOICE_THOUGHT)
        return (struct words){"response.reasoning_text.delta", "response.reasoning_text.done", "text"};
    if (item->voice != OSSO_VOICE_CALL)
        return (struct words){"response.output_text.delta", "response.output_text.done", "text"};
    if (reply_call_name(reply, item).custom)
        return (struct words){"response.custom_tool_call_input.delta", "response.custom_tool_call_input.done", "input"};
    return (struct words){"response.function_call_arguments.delta", "response.function_call_arguments.done",
                          "arguments"};
}

/* A piece of its text, or all of it: done. A custom tool's call has one piece, which is all. */
static void tell_text(const struct sequence *s, struct item *item, bool done, const char *text, size_t len)
{
    struct reply *reply = s->reply;
    struct words words = words_of(reply, item);
    bool answer = item->voice == OSSO_VOICE_ANSWER || item->voice == OSSO_VOICE_PREAMBLE;
    item_event_begin(s, item, done ? words.done : words.delta);
    buf_printf(&reply->out, ",\"%s\":", done ? words.member : "delta");
    if (text)
        reply_put_text(reply, text, len);
    else
        reply_put_item_text(reply, item);
    if (answer) {
        struct jtext logprobs = done ? (struct jtext){item->logprobs.data, item->logprobs.len} : item_untold(item);
        reply_puts(reply, ",\"logprobs\":[");
        buf_add(&reply->out, logprobs.s, logprobs.len);
        reply_puts(reply, "]");
    }
    if (done && item->voice == OSSO_VOICE_CALL) {
        struct call_name call = reply_call_name(reply, item);
        reply_puts(reply, ",\"name\":");
        reply_put_text(reply, call.name, strlen(call.name));
    }
    event_end(reply);
}

/* What a custom tool reads stands inside JSON: it goes out in one piece, when that is whole. */
static void tell_end(struct sequence *s, struct item *item)
{
    if (item->voice == OSSO_VOICE_CALL && reply_call_name(s->reply, item).custom)
        tell_text(s, item, false, NULL, 0);
    tell_text(s, item, true, NULL, 0);
    if (item->voice != OSSO_VOICE_CALL)
        tell_part(s, item, "response.content_part.done", true);
    tell_item(s, item, "response.output_item.done", PART_WHOLE);
}

static void news(struct sequence *s, enum item_news news, struct item *item, const char *text, size_t len)
{
    bool custom = item->voice == OSSO_VOICE_CALL && reply_call_name(s->reply, item).custom;
    s->n_calls += item->voice == OSSO_VOICE_CALL && news == ITEM_BEGINS;
    if (!s->reply->request->stream)
        return;
    if (news == ITEM_BEGINS) {
        tell_item(s, item, "response.output_item.added", PART_NONE);
        if (item->voice != OSSO_VOICE_CALL)
            tell_part(s, item, "response.content_part.added", false);
    } else if (news == ITEM_ENDS)
        tell_end(s, item);
    else if (!custom)
        tell_text(s, item, false, text, len);
}

static void end(struct sequence *s)
{
    (void)s;
}

static void done(struct reply *reply, const struct reply_usage *usage)
{
    bool cut = reply_is_cut(reply->sequences), stream = reply->request->stream;
    if (stream) {
        event_begin(reply, cut ? "response.incomplete" : "response.completed");
        reply_puts(reply, ",\"response\":");
    }
    reply->object.at = reply->out.len;
    put_response(reply, cut ? "incomplete" : "completed", usage, NULL);
    reply->object.len = reply->out.len - reply->object.at;
    if (stream)
        event_end(reply);
}

/* What was being said stays as far as it came. */
static void fail(struct reply *reply, const struct refusal *r)
{
    const struct sequence *s = reply->sequences;
    if (s->items.n && !s->items.list[s->items.n - 1].ended)
        s->items.list[s->items.n - 1].ended = s->items.list[s->items.n - 1].cut = true;
    tell_response(reply, "response.failed", "failed", NULL, r);
}

const struct dialect dialect_responses = {
    .id_prefix = "resp_", .begin = begin, .news = news, .end = end, .done = done, .fail = fail};
