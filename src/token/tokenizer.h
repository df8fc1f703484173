/* tokenizer.h: what is behind the opaque osso_tokenizer, and the ways to make one that are not public. */
#ifndef OSSO_TOKEN_TOKENIZER_H
#define OSSO_TOKEN_TOKENIZER_H

#include "osso/text.h"
#include "token/split.h"
#include "token/vocab.h"

/* A literal that is an id as a whole. One id may have several. */
struct added_token {
    uint32_t start, len; /* into vocab.bytes */
    uint32_t id;
    bool special; /* found in text only with OSSO_ENCODE_SPECIAL */
};

struct osso_tokenizer {
    struct vocab vocab;
    enum split_kind split;
    bool o200k; /* the ordinary tokens are o200k's, and text is split its way */
    bool own;   /* ... and some literals are the file's own */
    char note[160];
    struct added_token *added; /* in the order of their bytes */
    size_t n_added;
    bool any_plain;   /* is one of them not special? */
    bool starts[256]; /* is this the first byte of one of them? */
};

/* The longest literal that s[0..n) begins with, or NULL; special ones count only if `special`. */
const struct added_token *tokenizer_added_at(const struct osso_tokenizer *tokenizer, const uint8_t *s, size_t n,
                                             bool special);

/* Lists the literals of the vocabulary anew, and `n_aliases` more names (see below). */
enum osso_status tokenizer_collect(struct osso_tokenizer *tokenizer, const struct added_token *aliases,
                                   size_t n_aliases, struct osso_error *err);

/* For the builders of tokenizers: takes over the vocabulary (emptied), collects its literals, and adds `n_aliases`
 * more names of ids (their start and len must lie in vocab.bytes). */
enum osso_status tokenizer_wrap(struct vocab *vocab, enum split_kind split, const struct added_token *aliases,
                                size_t n_aliases, struct osso_tokenizer **tokenizer_out, struct osso_error *err);

#endif
