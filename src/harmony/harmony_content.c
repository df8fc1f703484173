/* harmony_content.c: the text of the message in progress, and the end of the message. */
#include "harmony/harmony_parser.h"

#include "base/error.h"
#include "base/utf8.h"
#include "harmony/own_ids.h"

#include <string.h>

enum osso_status parser_check(const struct buf *b, struct osso_error *err)
{
    return b->failed ? error_nomem(err, b->len, "a message that is being read") : OSSO_OK;
}

/* ---- content -------------------------------------------------------------------------------------------- */

/* Turns held bytes into text. An ill-formed part becomes U+FFFD; a character that is so far only begun stays held
 * unless the stream is at its `end`. Strict: after one ill-formed part the rest waits for the next id, as in the
 * reference. */
static void decode_held(struct osso_parser *p, bool end)
{
    const uint8_t *s = (const uint8_t *)p->held.data + p->held_at;
    size_t n = p->held.len - p->held_at, at = 0, run = 0;
    while (at < n) {
        int k = utf8_step(s + at, n - at);
        if (k > 0) {
            at += (size_t)k;
            continue;
        }
        buf_add(&p->text, s + run, at - run);
        run = at;
        if (k == 0 && !end)
            break;
        buf_puts(&p->text, UTF8_REPLACEMENT);
        at += k ? (size_t)-k : n - at;
        run = at;
        if (p->strict && !end)
            break;
    }
    buf_add(&p->text, s + run, at - run);
    p->held_at += at;
    if (p->held_at == p->held.len) {
        buf_clear(&p->held);
        p->held_at = 0;
    }
}

enum osso_status parser_push_text(struct osso_parser *p, int32_t id, struct osso_error *err)
{
    const char *piece;
    size_t len;
    bool known = osso_tokenizer_piece(p->tokenizer, id, &piece, &len);
    if (p->strict && (p->lost || !known)) {
        p->lost = true;
        return OSSO_OK;
    }
    if (known) {
        buf_add(&p->held, piece, len);
        if (p->held.len > p->held_at)
            decode_held(p, false);
    } else {
        if (p->held.len > p->held_at)
            decode_held(p, true);
        buf_puts(&p->text, UTF8_REPLACEMENT);
    }
    enum osso_status status = parser_check(&p->held, err);
    return status ? status : parser_check(&p->text, err);
}

/* What was held back as a possible header is text: its marks are none. */
void parser_release(struct osso_parser *p)
{
    size_t run = p->header_len;
    for (size_t i = run; i <= p->header.len && p->header.len > p->header_len; i++) {
        if (i < p->header.len && (uint8_t)p->header.data[i] < MARK_START)
            continue;
        buf_add(&p->held, p->header.data + run, i - run);
        run = i + 1;
    }
    p->header.len = p->header_len;
    p->waits = NOTHING;
    if (p->held.len > p->held_at)
        decode_held(p, false);
}

enum osso_status parser_know_author(struct osso_parser *p, struct osso_error *err)
{
    const char *role = role_name(p->hint);
    p->owned = p->hint != OSSO_ROLE_TOOL; /* whose author is a name that only the prompt knows */
    enum osso_status status = p->owned ? osso_tokenizer_encode(p->tokenizer, role, strlen(role), 0, &p->own, err)
                                       : OSSO_OK;
    p->n_known = p->own.len;
    return status;
}

/* Does the header begin as one goes on behind its author? A word glued to the author would be read as part of it. */
static bool begins_well(const struct osso_parser *p, size_t n)
{
    const char *piece;
    size_t len;
    return p->n_known == 0 ||
           (n > p->n_known && osso_tokenizer_piece(p->tokenizer, p->own.data[p->n_known], &piece, &len) &&
            (*piece == ' ' || osso_tokenizer_is_special(p->tokenizer, p->own.data[p->n_known])));
}

/* The message gets the ids in which it came. Where its stop is missing the next one's <|start|> is none of them; what
 * is not well-formed is written again from its fields, so that a slip is not repeated to the model that made it. */
static enum osso_status keep_ids(struct osso_parser *p, int32_t end_id, struct osso_error *err)
{
    size_t n = p->own.len;
    if (n > 0 && end_id == p->start)
        n--;
    if (!p->owned || !begins_well(p, n) || own_ids_wrong(p->tokenizer, p->own.data, n))
        return OSSO_OK;
    return message_set_ids(&p->open, p->own.data, n, err);
}

/* Moves the open message, with this text, to the messages that are done. */
enum osso_status parser_finish_message(struct osso_parser *p, struct jtext text, int32_t end_id, struct osso_error *err)
{
    enum osso_status status = message_add_text(&p->open, text, err);
    if (!status)
        status = keep_ids(p, end_id, err);
    if (!status)
        status = conversation_append(p->done, &p->open, err);
    p->state = EXPECT_START;
    p->hinted = false;
    p->end_id = end_id;
    return status;
}

enum osso_status parser_finish_content(struct osso_parser *p, int32_t end_id, struct osso_error *err)
{
    p->delta_from = p->text.len;
    if (p->waits)
        parser_release(p);
    if (p->lost)
        buf_puts(&p->text, UTF8_REPLACEMENT);
    if (p->held.len > p->held_at)
        decode_held(p, true);
    p->lost = false;
    buf_clear(&p->held);
    p->held_at = 0;
    enum osso_status status = parser_check(&p->text, err);
    if (!status)
        status = parser_finish_message(p, (struct jtext){p->text.data, p->text.len}, end_id, err);
    buf_clear(&p->text);
    return status;
}
