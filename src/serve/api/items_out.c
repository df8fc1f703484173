/* items_out.c: from an answer's events to its items. */
#include "serve/api/items_out.h"

#include "base/mem.h"
#include "json/jwrite.h"

#include <math.h>
#include <string.h>

/* ---- log-probabilities ---------------------------------------------------------------------------------- */

static void put_token(struct buf *out, const struct osso_tokenizer *tokenizer, int32_t id, float logprob)
{
    const char *bytes = "";
    size_t len = 0;
    osso_tokenizer_piece(tokenizer, id, &bytes, &len);
    buf_puts(out, "{\"token\":");
    jwrite_string(out, bytes, len);
    buf_puts(out, ",\"logprob\":");
    jwrite_number(out, isinf(logprob) ? -9999.0 : logprob); /* no number: null, which the API has for a first token */
    buf_puts(out, ",\"bytes\":[");
    for (size_t i = 0; i < len; i++)
        buf_printf(out, "%s%u", i ? "," : "", (unsigned)(unsigned char)bytes[i]);
    buf_puts(out, "]");
}

void items_put_logprob(struct buf *out, const struct osso_tokenizer *tokenizer, const struct osso_event *event)
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

/* ---- items ---------------------------------------------------------------------------------------------- */

static struct item *open_item(struct items *s)
{
    return s->n && !s->list[s->n - 1].ended ? s->list + s->n - 1 : NULL;
}

static char *copy(struct items *s, const char *text)
{
    char *own = text ? mem_strdup(text) : NULL;
    s->failed |= text && !own;
    return own;
}

static struct item *begin(struct items *s, enum osso_voice voice, const struct osso_parser_state *m)
{
    if (s->n == s->cap) {
        size_t cap = s->cap ? 2 * s->cap : 4;
        struct item *list = mem_grow(s->list, cap, sizeof *list);
        if (!list) {
            s->failed = true;
            return NULL;
        }
        s->list = list;
        s->cap = cap;
    }
    struct item *item = s->list + s->n++;
    *item = (struct item){.voice = voice};
    item->recipient = copy(s, m ? m->recipient : NULL);
    item->channel = copy(s, m ? m->channel : NULL);
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
    bool in_message = s->plain || (m && (m->in_content || m->message_done));
    bool counts = event->id >= 0;
    s->n_tokens += counts;
    s->n_thought += counts && event->voice == OSSO_VOICE_THOUGHT;
    bool answers = in_message && event->voice == OSSO_VOICE_ANSWER &&
                   !osso_tokenizer_is_special(s->tokenizer, event->id);
    bool tells = s->logprobs && counts && (s->plain || answers); /* plain: of every id, the last one too */
    struct item *item = open_item(s);
    if (tells && !item)
        item = begin(s, OSSO_VOICE_ANSWER, m);
    if (tells && item) { /* before the text: a delta carries the tokens that it is made of */
        buf_puts(&item->logprobs, item->logprobs.len ? "," : "");
        items_put_logprob(&item->logprobs, s->tokenizer, event);
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
        mem_free(s->list[i].channel);
        buf_free(&s->list[i].text);
        buf_free(&s->list[i].logprobs);
    }
    mem_free(s->list);
    s->list = NULL;
    s->n = s->cap = 0;
}
