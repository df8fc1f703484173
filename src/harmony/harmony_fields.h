/* harmony_fields.h: what the tolerant readers of a whole header and of one without <|message|> share. */
#ifndef OSSO_HARMONY_FIELDS_H
#define OSSO_HARMONY_FIELDS_H

#include "harmony/harmony_words.h"

enum { MARK_FIRST = MARK_START };
#define FIELDS_ASSISTANT "assistant"
enum { ASSISTANT_LEN = sizeof FIELDS_ASSISTANT - 1 };

/* What the words of a header gave: points into the header until it is copied. */
struct fields {
    struct jtext name, recipient, channel, type;
    bool type_marked;    /* <|constrain|> stood right before the type */
    bool channel_known;  /* it is one of the three: no unknown name replaces it */
    bool channel_marked; /* <|channel|> stood somewhere */
};

bool fields_mark_at(struct jtext t, int mark);
bool fields_any_mark_at(struct jtext t);
size_t fields_blank_at(struct jtext t);
struct jtext fields_skip_blanks(struct jtext t);
struct jtext fields_trim_end(struct jtext t);
struct jtext fields_word_at(struct jtext t);
char fields_lower(char c);
size_t fields_letters_at(struct jtext t, const char *literal);
bool fields_find(struct jtext t, const char *literal, size_t *at_out);
size_t fields_channel_at(struct jtext t);
bool fields_take_channels(struct jtext *t, struct fields *f);
bool fields_name_byte(char c);
bool fields_named_role(struct jtext word, enum osso_role *role, struct jtext *name);
bool fields_role_word(struct jtext word, enum osso_role *role);
size_t fields_damaged_assistant(struct jtext word, struct fields *f);
void fields_recipient(struct fields *f, const struct message *m, struct jtext name);
enum osso_status fields_copy(struct message *m, const struct fields *f, struct osso_error *err);
struct jtext fields_last_start(const struct buf *header);

#endif
