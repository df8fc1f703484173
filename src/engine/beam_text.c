/* beam_text.c: what a beam's ids spell. */
#include "engine/beam_text.h"

#include "base/error.h"
#include "base/mem.h"

#include <string.h>

enum osso_status beam_texts_begin(const struct osso_beam_options *o, struct beam_texts *out, struct osso_error *err)
{
    size_t n = (size_t)o->beams;
    *out = (struct beam_texts){.tokenizer = o->tokenizer, .no_special_names = o->no_special_names};
    enum osso_status status = stop_texts_copy(o->stop, o->tokenizer ? o->n_stop : 0, &out->stops, err);
    if (status || out->stops.n == 0)
        return status;
    out->room = out->stops.longest;
    out->ends = mem_array(n, sizeof *out->ends);
    out->next = mem_array(n, sizeof *out->next);
    out->end_text = mem_array(n, out->room);
    out->next_text = mem_array(n, out->room);
    out->window = mem_alloc(out->room + OSSO_DECODE_SPACE);
    bool all = out->ends && out->next && out->end_text && out->next_text && out->window;
    return all ? OSSO_OK : error_nomem(err, 2 * n * out->room, "texts of beams");
}

void beam_texts_free(struct beam_texts *t)
{
    stop_texts_free(&t->stops);
    mem_free(t->ends);
    mem_free(t->next);
    mem_free(t->end_text);
    mem_free(t->next_text);
    mem_free(t->window);
    buf_free(&t->whole);
}

static size_t push(const struct beam_texts *t, struct osso_decoder *decoder, int32_t id, char *space)
{
    bool unnamed = t->no_special_names && osso_tokenizer_is_special(t->tokenizer, id);
    return unnamed ? 0 : osso_decoder_push(decoder, t->tokenizer, id, space);
}

/* The beam's end and behind it what the id makes complete, in the window; returns how long that is. */
static size_t look(struct beam_texts *t, int beam, int32_t id, struct osso_decoder *decoder)
{
    const struct beam_end *end = &t->ends[beam];
    *decoder = end->decoder;
    memcpy(t->window, t->end_text + (size_t)beam * t->room, end->len);
    return end->len + push(t, decoder, id, t->window + end->len);
}

bool beam_texts_stop(struct beam_texts *t, int beam, int32_t id)
{
    struct osso_decoder decoder;
    bool whole = false;
    if (t->stops.n > 0)
        stop_texts_find(&t->stops, t->window, look(t, beam, id, &decoder), &whole);
    return whole;
}

void beam_texts_grow(struct beam_texts *t, int from, int32_t id, int to)
{
    if (t->stops.n == 0)
        return;
    struct beam_end *next = &t->next[to];
    size_t len = look(t, from, id, &next->decoder), most = t->room - 1; /* none is complete: its last byte is to come */
    next->len = len < most ? len : most;
    memcpy(t->next_text + (size_t)to * t->room, t->window + len - next->len, next->len);
}

void beam_texts_next(struct beam_texts *t)
{
    struct beam_end *ends = t->ends;
    char *text = t->end_text;
    t->ends = t->next;
    t->next = ends;
    t->end_text = t->next_text;
    t->next_text = text;
}

enum osso_status beam_texts_write(struct beam_texts *t, struct osso_beam *b, struct osso_error *err)
{
    char space[OSSO_DECODE_SPACE];
    struct osso_decoder decoder = {0};
    size_t n = b->stop == OSSO_STOP_ID ? b->n - 1 : b->n;
    bool whole;
    buf_clear(&t->whole);
    for (size_t i = 0; i < n && t->tokenizer; i++)
        buf_add(&t->whole, space, push(t, &decoder, b->ids[i], space));
    if (b->stop != OSSO_STOP_STRING)
        buf_add(&t->whole, space, osso_decoder_finish(&decoder, space));
    const char *text = t->whole.data ? t->whole.data : "";
    b->text_len = t->whole.len;
    if (b->stop == OSSO_STOP_STRING)
        b->text_len = stop_texts_find(&t->stops, text, t->whole.len, &whole);
    b->text = t->whole.failed ? NULL : mem_strndup(text, b->text_len);
    return b->text ? OSSO_OK : error_nomem(err, b->text_len, "a beam's text");
}
