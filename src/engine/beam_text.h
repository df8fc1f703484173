/* beam_text.h: what a beam's ids spell: the end of it, for stop texts as it grows, and the whole, once it is over. */
#ifndef OSSO_ENGINE_BEAM_TEXT_H
#define OSSO_ENGINE_BEAM_TEXT_H

#include "engine/stop_text.h"

#include "base/buf.h"
#include "osso/beams.h"

/* The end of each running beam's text, as long as a stop text may still need it: a token is looked at in a time that
 * does not grow with the beam. */
struct beam_texts {
    const struct osso_tokenizer *tokenizer; /* NULL: no text at all */
    bool no_special_names;
    struct stop_texts stops;
    size_t room; /* bytes of each end */
    struct beam_end {
        struct osso_decoder decoder;
        size_t len;
    } * ends, *next;            /* [beams] */
    char *end_text, *next_text; /* [beams][room] */
    char *window;               /* [room + OSSO_DECODE_SPACE] */
    struct buf whole;
};

enum osso_status beam_texts_begin(const struct osso_beam_options *o, struct beam_texts *out, struct osso_error *err);
void beam_texts_free(struct beam_texts *t);
/* Does this id complete a stop text behind beam `beam`? */
bool beam_texts_stop(struct beam_texts *t, int beam, int32_t id);
/* Beam `to` of the next step is beam `from` of this one and that id. */
void beam_texts_grow(struct beam_texts *t, int from, int32_t id, int to);
void beam_texts_next(struct beam_texts *t); /* all have grown */
/* The text of a beam that is over, by its ids and why it is. */
enum osso_status beam_texts_write(struct beam_texts *t, struct osso_beam *b, struct osso_error *err);

#endif
