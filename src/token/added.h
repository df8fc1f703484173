/* added.h: tokens that are literals: how files list them, harmony's names, and a file's own ones on top of o200k. */
#ifndef OSSO_TOKEN_ADDED_H
#define OSSO_TOKEN_ADDED_H

#include "json/jdoc.h"
#include "token/tokenizer.h"

struct own_token {
    uint32_t id;
    enum vocab_kind kind;
    const char *name;
    size_t len;
};

/* What a literal is. Harmony's names are special whatever the file calls them: a prompt could not be told from what it
 * quotes otherwise. */
enum vocab_kind added_kind(const char *name, size_t len, enum vocab_kind said);

/* One entry of a tokenizer.json's added_tokens. */
enum osso_status added_read(const struct jval *v, struct own_token *out, struct osso_error *err);

/* By id; added_has looks one up in a sorted list. */
void added_sort(struct own_token *own, size_t n);
bool added_has(const struct own_token *own, size_t n, uint32_t id, const char *name, size_t len);

/* Does the built-in tokenizer know this token, under this id? */
bool added_is_builtin(const struct osso_tokenizer *builtin, const struct own_token *own);

/* Puts the literals of a file with o200k's ordinary tokens on top of the built-in tokenizer, unless all are its own: a
 * name goes to the id that the file gives it, and the reserved ids that the file does not list lose their meaning. */
enum osso_status added_put_on_top(struct osso_tokenizer *builtin, const struct own_token *own, size_t n,
                                  struct osso_error *err);

#endif
