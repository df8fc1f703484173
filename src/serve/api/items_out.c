/* items_out.c: from an answer's events to its items. */
#include "serve/api/items_out.h"

#include "base/mem.h"
#include "json/jwrite.h"

#include <math.h>
#include <string.h>

/* ---- log-probabilities ---------------------------------------------------------------------------------- */

void items_put_name(struct buf *out, const struct osso_tokenizer *tokenizer, int32_t id)
{
    const char *bytes = "";
    size_t len = 0;
    osso_tokenizer_piece(tokenizer, id, &bytes, &len);
    jwrite_string(out, bytes, len);
}

void items_put_score(struct buf *out, float logprob)
{
    jwrite_number(out, isinf(logprob) ? -9999.0 : logprob);
}

static void put_token(struct buf *out, const struct osso_tokenizer *tokenizer, int32_t id, float logprob)
{
    const char *bytes = "";
    size_t len = 0;
    osso_tokenizer_piece(tokenizer, id, &bytes, &len);
    buf_puts(out, "{\"token\":");
    jwrite_string(out, bytes, len);
    buf_puts(out, ",\"logprob\":");
    items_put_score(out, logprob);
    buf_puts(out, ",\"bytes\":[");
    for (size_t i = 0; i < len; i++)
        buf_printf(out, "%s%u", i ? "," : "", (unsigned)(unsigned char)bytes[i]);
    buf_puts(out, "]");
}

/* {"token","logprob","bytes","top_logprobs":[...]} of one event. */
static void put_logprob(struct buf *out, const struct osso_tokenizer *tokenizer, const struct osso_event *event)
{
    put_token(out, tokenizer, event->id, event->logprob);
    buf_puts(out, ",\"top_logprobs\":[");
    for (size_t i = 0; i < event->n_top; i++) {
        buf_puts(out, i ? "," : "");
        put_token(out, tokenizer, event->top[i].id, event->top[i].logprob);
        buf_puts(out, "}");
    }
    buf_puts(out, "]}");
}

struct jtext item_untold(struct item *item)
{
    size_t from = item->n_told + (item->n_told > 0); /* past the comma */
    if (item->logprobs.len <= from)
        return (struct jtext){"", 0};
    item->n_told = item->logprobs.len;
    return (struct jtext){item->logprobs.data + from, item->logprobs.len - from};
}

/* ---- items ---------------------------------------------------------------------------------------------- */

static struct item *open_item(struct items *s)
{
    return s->n && !s->list[s->n - 1].ended ? s->list + s->n - 1 : NULL;
}

static struct item *begin(struct items *s, enum osso_voice voice, const struct osso_parser_state *m)
{
    struct item *list = mem_room(s->list, s->n, &s->cap, sizeof *list);
    if (!list) {
        s->failed = true;
        return NULL;
    }
    s->list = list;
    struct item *item = s->list + s->n++;
    *item = (struct item){.voice = voice};
    item->recipient = m && m->recipient ? mem_strdup(m->recipient) : NULL;
    s->failed |= m && m->recipient && !item->recipient;
    s->tell(s->user, ITEM_BEGINS, s->n - 1, "", 0);
    return item;
}

static void end(struct items *s, struct item *item, bool cut)
{
    item->ended = true;
    item->cut = cut;
    s->tell(s->user, ITEM_ENDS, s->n - 1, "", 0);
}

static void grow(struct items *s, struct item *item, const char *text, size_t len)
{
    buf_add(&item->text, text, len);
    s->failed |= item->text.failed;
    s->tell(s->user, ITEM_GROWS, s->n - 1, text, len);
}

/* A thought or a text without a word is no item; a call without arguments is a call, once its message is over: before
 * the first text of a message the parser may still find that what began was its header, and for nobody. */
static void take(struct items *s, const struct osso_event *event, bool over)
{
    struct item *item = open_item(s);
    bool wanted = event->text_len > 0 || (event->voice == OSSO_VOICE_CALL && over);
    if (!item && wanted && event->voice != OSSO_VOICE_NONE)
        item = begin(s, event->voice, event->message);
    if (item && event->text_len)
        grow(s, item, event->text, event->text_len);
}

void items_event(struct items *s, const struct osso_event *event)
{
    const struct osso_parser_state *m = event->message;
    bool counts = event->id >= 0;
    s->n_tokens += counts;
    s->n_thought += counts && event->voice == OSSO_VOICE_THOUGHT;
    bool tells = s->logprobs && counts && m && (m->in_content || m->message_done) &&
                 event->voice == OSSO_VOICE_ANSWER && !osso_tokenizer_is_special(s->tokenizer, event->id);
    struct item *item = open_item(s);
    if (tells && !item)
        item = begin(s, OSSO_VOICE_ANSWER, m);
    if (tells && item) { /* before the text: a delta carries the tokens that it is made of */
        buf_puts(&item->logprobs, item->logprobs.len ? "," : "");
        put_logprob(&item->logprobs, s->tokenizer, event);
        s->failed |= item->logprobs.failed;
    }
    take(s, event, m && m->message_done);
    item = open_item(s);
    if (item && m && m->message_done)
        end(s, item, false);
}

void items_finish(struct items *s, const struct osso_event *event)
{
    const struct osso_parser_state *m = event->message;
    take(s, event, m && (m->in_content || m->message_done));
    struct item *item = open_item(s);
    if (item)
        end(s, item, event->cut);
}

void items_free(struct items *s)
{
    for (size_t i = 0; i < s->n; i++) {
        mem_free(s->list[i].recipient);
        buf_free(&s->list[i].text);
        buf_free(&s->list[i].logprobs);
    }
    mem_free(s->list);
    s->list = NULL;
    s->n = s->cap = 0;
}
