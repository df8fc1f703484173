/* harmony_parser.h: the parser's state, for its two files: harmony_parse.c (the stream, headers) and harmony_content.c.
 */
#ifndef OSSO_HARMONY_PARSER_H
#define OSSO_HARMONY_PARSER_H

#include "base/buf.h"
#include "harmony/harmony_tolerant.h"

enum parser_state { EXPECT_START, HEADER, CONTENT };

/* What content may hold back: the header of the next message, or the rest of its own. */
enum waiting { NOTHING, NEXT_HEADER, OWN_HEADER };

enum {
    MAX_WAITING = 64,    /* ids that content holds back as a possible header */
    MAX_RESTARTED = 4096 /* bytes of a header that one more <|start|> does not end */
};

struct osso_parser {
    const struct osso_tokenizer *tokenizer;
    bool strict;
    int32_t start, message, channel, constrain, stops[3];
    enum parser_state state;
    bool hinted; /* the role of the header in progress is known */
    enum osso_role hint;
    enum header_author author; /* tolerant: how the header in progress began */
    struct buf header;         /* bytes of the header in progress; tolerant: with marks, and kept in content */
    size_t header_len;         /* in content: so many bytes of it were this message's own; what may be the next comes */
    enum waiting waits;
    unsigned n_waiting;  /* ids held back */
    bool header_broken;  /* it has an id without a meaning */
    struct message open; /* the fields of the message whose content comes */
    struct buf text;     /* its text so far */
    struct buf held;     /* bytes from held_at on are not yet text */
    size_t held_at;
    bool lost; /* strict: after an id without a meaning the reference gives no more text */
    struct osso_conversation *done;
    struct osso_ids own; /* ids of the message in progress, from behind its <|start|> */
    size_t n_known;      /* the first of them, which the prompt said: the author */
    bool owned;          /* there was a <|start|>, here or in the prompt: they may be a message (own_ids.h) */
    int32_t end_id;
    size_t delta_from; /* where the last id's text begins in the message that it ended */
};

/* Whose ids it takes. */
static inline const struct osso_tokenizer *parser_tokenizer(const struct osso_parser *p)
{
    return p->tokenizer;
}
enum osso_status parser_check(const struct buf *b, struct osso_error *err);
/* The prompt ended in <|start|> and a role: so do the ids of the first message begin. */
enum osso_status parser_know_author(struct osso_parser *p, struct osso_error *err);
enum osso_status parser_push_text(struct osso_parser *p, int32_t id, struct osso_error *err);
void parser_release(struct osso_parser *p);
enum osso_status parser_finish_message(struct osso_parser *p, struct jtext text, int32_t end_id,
                                       struct osso_error *err);
enum osso_status parser_finish_content(struct osso_parser *p, int32_t end_id, struct osso_error *err);

#endif
