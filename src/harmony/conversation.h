/* conversation.h: a list of harmony messages, as the renderer, the parser and the JSON reader see it. */
#ifndef OSSO_HARMONY_CONVERSATION_H
#define OSSO_HARMONY_CONVERSATION_H

#include "harmony/harmony_part.h"
#include "osso/text.h"

/* Strings are owned, NUL-terminated, and may hold NUL; s == NULL: absent. */
struct message {
    enum osso_role role;
    struct jtext name, recipient, channel, content_type;
    struct part *parts;
    size_t n_parts;
    int32_t *ids; /* as its model wrote it (own_ids.h); NULL: nobody knows */
    size_t n_ids;
    size_t request_message; /* osso_conversation_from_chat: which of the request's messages it was made of, from 0 on */
    char *shown; /* osso_conversation_get: the rendered text of structured content, made when it is asked for */
    size_t shown_len;
};

struct osso_conversation {
    struct message *messages;
    size_t n_messages, cap;
};

/* "system", "developer", ... */
const char *role_name(enum osso_role role);
bool role_find(struct jtext name, enum osso_role *role_out);

bool jtext_copy(struct jtext *out, struct jtext in); /* absent stays absent; false: no memory */
void jtext_free(struct jtext *t);

void message_clear(struct message *m);
/* Moves *m to the end of the conversation (also clears *m when it fails). */
enum osso_status conversation_append(struct osso_conversation *c, struct message *m, struct osso_error *err);
/* Appends a text part; the string is copied. */
enum osso_status message_add_text(struct message *m, struct jtext text, struct osso_error *err);
/* Appends a structured part and takes a reference to doc. */
enum osso_status message_add_value(struct message *m, enum part_kind kind, struct jdoc *doc, const struct jval *value,
                                   struct osso_error *err);

/* The message gets a copy of the ids in which its model wrote it; n 0: it has none any more. */
enum osso_status message_set_ids(struct message *m, const int32_t *ids, size_t n, struct osso_error *err);

/* Does some developer part define a "functions" namespace with tools? The system message then says so. */
bool conversation_has_functions(const struct osso_conversation *c);

#endif
