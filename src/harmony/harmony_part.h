/* harmony_part.h: one piece of a message, and its text as it is rendered and shown. */
#ifndef OSSO_HARMONY_PART_H
#define OSSO_HARMONY_PART_H

#include "json/jdoc.h"

enum part_kind { PART_TEXT, PART_SYSTEM, PART_DEVELOPER };

/* One piece of a message's content. Structured parts are JSON objects that conversation_json.c has checked (or a
 * builder call has made): their known members have the right types, so readers only ask whether they are there. */
struct part {
    enum part_kind kind;
    struct jtext text;        /* PART_TEXT: owned by the part */
    struct jdoc *doc;         /* else: a reference */
    const struct jval *value; /* inside doc */
};

/* Appends its text. The last line of a system message says so if some developer message `has_functions`. */
void harmony_part_text(struct buf *out, const struct part *part, bool has_functions);

#endif
