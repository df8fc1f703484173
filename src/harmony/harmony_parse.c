/* harmony_parse.c: what the model samples, id by id, as messages.
 *
 * Three states: waiting for <|start|>, in a header, in content. The parser keeps the header's bytes and the content's
 * text of the message in progress, nothing else, and looks at each byte a bounded number of times. Strict, it is
 * openai-harmony 0.0.8 with its errors; otherwise it is total: what would be an error there still gives messages.
 *
 * Tolerant, content has a fourth state inside it: ids that may be the header of the next message, whose <|end|> was
 * forgotten. They wait until the next special id (or MAX_WAITING of them) says whether they are header or text. */
#include "osso/text.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/sized.h"
#include "harmony/conversation.h"
#include "harmony/harmony_header.h"
#include "harmony/harmony_parser.h"
#include "base/utf8.h"

#include <string.h>

enum osso_status osso_parser_create(const struct osso_tokenizer *tokenizer, const char *role, unsigned flags,
                                    struct osso_parser **parser_out, struct osso_error *err)
{
    enum osso_role hint = OSSO_ROLE_ASSISTANT;
    *parser_out = NULL;
    if (role && !role_find((struct jtext){role, strlen(role)}, &hint))
        return error_set(err, OSSO_USAGE, "role \"%s\"; it must be system, developer, user, assistant or tool", role);
    int32_t start = osso_tokenizer_special(tokenizer, "<|start|>");
    int32_t message = osso_tokenizer_special(tokenizer, "<|message|>");
    if (start < 0 || message < 0)
        return error_set(err, OSSO_UNSUPPORTED,
                         "the tokenizer has no <|start|> and <|message|>: not a harmony model's");
    struct osso_parser *p = mem_alloc(sizeof *p);
    if (!p)
        return error_nomem(err, sizeof *p, "a parser");
    enum osso_status status = osso_conversation_create(&p->done, err);
    if (status) {
        mem_free(p);
        return status;
    }
    p->tokenizer = tokenizer;
    p->strict = flags & OSSO_PARSE_STRICT;
    p->start = start;
    p->message = message;
    p->channel = osso_tokenizer_special(tokenizer, "<|channel|>");
    p->constrain = osso_tokenizer_special(tokenizer, "<|constrain|>");
    p->stops[0] = osso_tokenizer_special(tokenizer, "<|end|>");
    p->stops[1] = osso_tokenizer_special(tokenizer, "<|return|>");
    p->stops[2] = osso_tokenizer_special(tokenizer, "<|call|>");
    p->state = role ? HEADER : EXPECT_START;
    p->hinted = role != NULL;
    p->hint = hint;
    p->author = AUTHOR_KNOWN;
    p->end_id = -1;
    status = role ? parser_know_author(p, err) : OSSO_OK;
    if (status)
        osso_parser_free(p);
    else
        *parser_out = p;
    return status;
}

void osso_parser_free(struct osso_parser *parser)
{
    if (!parser)
        return;
    osso_conversation_free(parser->done);
    message_clear(&parser->open);
    buf_free(&parser->header);
    buf_free(&parser->text);
    buf_free(&parser->held);
    osso_ids_free(&parser->own);
    mem_free(parser);
}

const struct osso_conversation *osso_parser_messages(const struct osso_parser *parser)
{
    return parser->done;
}

static bool is_stop(const struct osso_parser *p, int32_t id)
{
    return id >= 0 && (id == p->stops[0] || id == p->stops[1] || id == p->stops[2]);
}

/* ---- headers -------------------------------------------------------------------------------------------- */

static void open_header(struct osso_parser *p, bool hinted, enum header_author author)
{
    buf_clear(&p->header);
    p->header_broken = false;
    p->state = HEADER;
    p->hinted = hinted;
    p->author = author;
    p->own.len = p->n_known = 0;
    p->owned = author == AUTHOR_NAMED;
}

/* Strict: every id's bytes, the special ones' too. Tolerant: special ids are marks or nothing. */
static enum osso_status push_header(struct osso_parser *p, int32_t id, struct osso_error *err)
{
    const char *piece;
    size_t len;
    bool known = osso_tokenizer_piece(p->tokenizer, id, &piece, &len);
    if (!known) {
        p->header_broken = true;
        buf_puts(&p->header, UTF8_REPLACEMENT);
    } else if (p->strict) {
        buf_add(&p->header, piece, len);
    } else if (id == p->channel || id == p->constrain) {
        buf_putc(&p->header, (char)(id == p->channel ? MARK_CHANNEL : MARK_CONSTRAIN));
    } else if (!osso_tokenizer_is_special(p->tokenizer, id)) {
        harmony_tolerant_add(&p->header, piece, len);
    }
    return parser_check(&p->header, err);
}

/* Headers are read as UTF-8. Strict: broken ones are refused; else each ill-formed part becomes U+FFFD. */
static enum osso_status make_valid(struct osso_parser *p, struct osso_error *err)
{
    struct buf fixed = {0};
    const uint8_t *s = (const uint8_t *)p->header.data;
    size_t n = p->header.len, at = n ? utf8_valid_prefix(s, n) : 0;
    if (p->strict && (p->header_broken || at < n))
        return error_set(err, OSSO_FORMAT, "a message header could not be decoded");
    if (at == n)
        return OSSO_OK;
    buf_add(&fixed, s, at);
    while (at < n) {
        int k = !p->strict && s[at] >= MARK_START ? 1 : utf8_step(s + at, n - at);
        if (k > 0)
            buf_add(&fixed, s + at, (size_t)k);
        else
            buf_puts(&fixed, UTF8_REPLACEMENT);
        at += k > 0 ? (size_t)k : k < 0 ? (size_t)-k : n - at;
    }
    buf_free(&p->header);
    p->header = fixed;
    return parser_check(&p->header, err);
}

static enum osso_status open_content(struct osso_parser *p, struct osso_error *err)
{
    p->state = EXPECT_START; /* where the reference is after an error, too */
    message_clear(&p->open);
    p->open.role = p->hint;
    enum osso_status status = make_valid(p, err);
    if (!status && p->strict)
        status = harmony_header_read(&p->header, p->hinted ? &p->hint : NULL, &p->open, err);
    else if (!status)
        status = harmony_tolerant_read(&p->header, p->author, &p->open, err);
    if (status)
        return status;
    buf_clear(&p->text);
    p->header_len = p->header.len;
    p->waits = NOTHING;
    p->n_waiting = 0;
    if (!p->strict && p->open.role == OSSO_ROLE_ASSISTANT && p->header.len < MAX_RESTARTED)
        p->waits = OWN_HEADER;
    p->hinted = false;
    p->state = CONTENT;
    return OSSO_OK;
}

/* The fields and the text (in p->text) of a message that has no <|message|>. */
static enum osso_status read_bare(struct osso_parser *p, struct osso_error *err)
{
    message_clear(&p->open);
    buf_clear(&p->text);
    p->open.role = p->hint;
    enum osso_status status = make_valid(p, err);
    return status ? status : harmony_tolerant_bare(&p->header, p->author, &p->open, &p->text, err);
}

/* The message ended in its header. What is not header becomes its text; a header with nothing behind it becomes a
 * message only where the reference makes one, or when it is a call. */
static enum osso_status finish_bare(struct osso_parser *p, bool stopped, int32_t end_id, struct osso_error *err)
{
    bool named = stopped && p->hinted && p->header.len > 0;
    enum osso_status status = read_bare(p, err);
    p->state = EXPECT_START;
    p->hinted = false;
    p->delta_from = 0;
    if (status || !(named || p->text.len > 0 || (stopped && p->open.recipient.s)))
        message_clear(&p->open);
    else
        status = parser_finish_message(p, (struct jtext){p->text.len ? p->text.data : "", p->text.len}, end_id, err);
    buf_clear(&p->text);
    return status;
}

/* A <|start|> inside a header. Text before it is a message; a mere header goes on, and its reader decides. */
static enum osso_status restart_header(struct osso_parser *p, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    bool mere = p->header.len > 0 && p->header.len < MAX_RESTARTED;
    if (mere) {
        status = read_bare(p, err);
        mere = p->text.len == 0;
        message_clear(&p->open);
        buf_clear(&p->text);
    }
    if (!status && mere) {
        buf_putc(&p->header, (char)MARK_START);
        return parser_check(&p->header, err);
    }
    if (!status)
        status = finish_bare(p, false, p->start, err);
    open_header(p, false, AUTHOR_NAMED);
    return status;
}

/* ---- tolerant content ----------------------------------------------------------------------------------- */

/* <|message|> in content: what was held back is header. Its own goes on; or the next message's began. */
static enum osso_status end_waiting(struct osso_parser *p, struct osso_error *err)
{
    if (p->waits == OWN_HEADER && p->n_waiting == 0)
        return OSSO_OK;
    if (p->waits == NEXT_HEADER) {
        size_t own = p->header_len, len = p->header.len - own;
        p->header.len = own; /* no text of this message */
        p->waits = NOTHING;
        enum osso_status status = parser_finish_content(p, p->channel, err);
        if (status)
            return status;
        memmove(p->header.data, p->header.data + own, len);
        p->header.len = len;
        p->author = AUTHOR_MISSING;
        p->owned = false;
    }
    p->hint = p->author == AUTHOR_KNOWN ? p->hint : OSSO_ROLE_ASSISTANT;
    return open_content(p, err);
}

/* An id that may be header. */
static enum osso_status push_waiting(struct osso_parser *p, int32_t id, struct osso_error *err)
{
    enum osso_status status = push_header(p, id, err);
    struct buf rest = {.data = p->header.data + p->header_len, .len = p->header.len - p->header_len};
    p->n_waiting++;
    if (status)
        return status;
    if (p->n_waiting > MAX_WAITING || (p->waits == OWN_HEADER && !harmony_tolerant_is_rest(&rest)))
        parser_release(p);
    status = parser_check(&p->held, err);
    return status ? status : parser_check(&p->text, err);
}

/* A special id in content is never text. */
static enum osso_status push_content(struct osso_parser *p, int32_t id, struct osso_error *err)
{
    enum osso_status status;
    if (is_stop(p, id))
        return parser_finish_content(p, id, err);
    if (p->strict)
        return parser_push_text(p, id, err);
    if (id == p->start) {
        status = parser_finish_content(p, id, err);
        open_header(p, false, AUTHOR_NAMED);
        return status;
    }
    if (id == p->message)
        return p->waits ? end_waiting(p, err) : OSSO_OK;
    if (p->waits && (id == p->constrain || !osso_tokenizer_is_special(p->tokenizer, id)))
        return push_waiting(p, id, err);
    if (p->waits == OWN_HEADER && id == p->channel && !p->open.channel.s)
        return push_waiting(p, id, err);
    if (!osso_tokenizer_is_special(p->tokenizer, id))
        return parser_push_text(p, id, err);
    if (p->waits)
        parser_release(p);
    if (id == p->channel) {
        p->waits = NEXT_HEADER;
        p->n_waiting = 0;
        return push_waiting(p, id, err);
    }
    return parser_check(&p->text, err);
}

/* ---- the stream ----------------------------------------------------------------------------------------- */

/* An id where <|start|> should be. Strict: an error. Else a header or text begins whose <|start|>assistant is
 * missing. */
static enum osso_status push_unexpected(struct osso_parser *p, int32_t id, struct osso_error *err)
{
    const char *piece;
    size_t len;
    if (p->strict)
        return error_set(err, OSSO_FORMAT, "token %d where <|start|> (token %d) is expected", (int)id, (int)p->start);
    p->hint = OSSO_ROLE_ASSISTANT;
    if (id == p->message) {
        open_header(p, true, AUTHOR_MISSING);
        return open_content(p, err);
    }
    bool special = osso_tokenizer_is_special(p->tokenizer, id) && id != p->channel;
    if (special || !osso_tokenizer_piece(p->tokenizer, id, &piece, &len))
        return OSSO_OK; /* padding, a second stop */
    open_header(p, true, AUTHOR_MISSING);
    return push_header(p, id, err);
}

static enum osso_status push_id(struct osso_parser *p, int32_t id, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    if (p->owned && p->state != EXPECT_START)
        status = osso_ids_push(&p->own, id, err);
    if (status)
        return status;
    switch (p->state) {
    case EXPECT_START:
        if (id != p->start)
            return push_unexpected(p, id, err);
        open_header(p, p->hinted,
                    AUTHOR_NAMED); /* a hint survives a header that strict mode refused, as in the reference */
        return OSSO_OK;
    case HEADER:
        if (id == p->message)
            return open_content(p, err);
        if (!p->strict && is_stop(p, id))
            return finish_bare(p, true, id, err);
        if (!p->strict && id == p->start)
            return restart_header(p, err);
        return push_header(p, id, err);
    case CONTENT: return push_content(p, id, err);
    }
    return OSSO_OK;
}

/* Is an id that came in content still content, with this many messages before it? */
static bool stays_content(const struct osso_parser *p, int32_t id, size_t n_before)
{
    return p->state == CONTENT && p->done->n_messages == n_before &&
           (p->strict || !osso_tokenizer_is_special(p->tokenizer, id));
}

/* The fields of the message in progress, or of the one that the last id ended. */
static void show(const struct osso_parser *p, size_t n_before, size_t len_before, bool is_content,
                 struct osso_parser_state *state_out)
{
    const struct message *m = p->state == CONTENT ? &p->open : NULL;
    struct osso_parser_state all = {.in_content = p->state == CONTENT,
                                    .end_id = p->end_id,
                                    .index = n_before,
                                    .is_content = is_content},
                             *s = &all;
    if (p->done->n_messages > n_before) {
        m = &p->done->messages[p->done->n_messages - 1];
        s->message_done = true;
        s->delta_len = m->parts[0].text.len - p->delta_from;
        s->delta = s->delta_len ? m->parts[0].text.s + p->delta_from : NULL;
    } else if (m && p->text.len > len_before) {
        s->delta = p->text.data + len_before;
        s->delta_len = p->text.len - len_before;
    }
    if (m) {
        s->role = role_name(m->role);
        s->channel = m->channel.s;
        s->recipient = m->recipient.s;
        s->content_type = m->content_type.s;
    } else if (p->hinted) {
        s->role = role_name(p->hint);
    }
    sized_out(state_out, &all, sizeof all);
}

enum osso_status osso_parser_push(struct osso_parser *parser, int32_t id, struct osso_parser_state *state_out,
                                  struct osso_error *err)
{
    bool in_content = parser->state == CONTENT;
    size_t n_before = parser->done->n_messages, len_before = in_content ? parser->text.len : 0;
    enum osso_status status = sized_check(state_out, "osso_parser_state", err);
    if (status)
        return status;
    status = push_id(parser, id, err);
    if (state_out)
        show(parser, n_before, len_before, in_content && stays_content(parser, id, n_before), state_out);
    return status;
}

enum osso_status osso_parser_finish(struct osso_parser *parser, struct osso_parser_state *state_out,
                                    struct osso_error *err)
{
    size_t n_before = parser->done->n_messages;
    enum osso_status status = sized_check(state_out, "osso_parser_state", err);
    if (status)
        return status;
    if (parser->state == CONTENT)
        status = parser_finish_content(parser, -1, err);
    else if (parser->state == HEADER && parser->strict)
        status = error_set(err, OSSO_FORMAT, "the stream ends in a message header");
    else if (parser->state == HEADER)
        status = finish_bare(parser, false, -1, err);
    if (state_out)
        show(parser, n_before, 0, false, state_out);
    return status;
}
