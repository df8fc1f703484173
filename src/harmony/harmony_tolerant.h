/* harmony_tolerant.h: the header of a message as models write it. */
#ifndef OSSO_HARMONY_TOLERANT_H
#define OSSO_HARMONY_TOLERANT_H

#include "harmony/harmony_words.h"

enum header_author {
    AUTHOR_KNOWN,  /* the prompt has opened the header: its role is the message's */
    AUTHOR_NAMED,  /* <|start|> came: the first word should name the role */
    AUTHOR_MISSING /* no <|start|> came: an assistant's, unless the first word says another role */
};

/* Adds what an ordinary id spells: bytes that could be taken for a mark become U+FFFD, which they are anyway. */
void harmony_tolerant_add(struct buf *header, const char *piece, size_t len);

/* Reads the header before a <|message|> into the fields of *m (m->role is set by the caller for AUTHOR_KNOWN). The
 * text is UTF-8 with marks. Only memory can fail: what is not recognised is dropped. */
enum osso_status harmony_tolerant_read(const struct buf *header, enum header_author author, struct message *m,
                                       struct osso_error *err);

/* A message that ended before its <|message|>: what is not header is its text, which stands in *text without marks. */
enum osso_status harmony_tolerant_bare(const struct buf *header, enum header_author author, struct message *m,
                                       struct buf *text, struct osso_error *err);

/* Could these first bytes of a content be the rest of a header that a stray <|message|> cut? */
bool harmony_tolerant_is_rest(const struct buf *text);

#endif
