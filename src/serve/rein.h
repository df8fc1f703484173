/* rein.h: keeps what a model writes well-formed harmony: headers by their grammar, in content no special id but those
 * that end a message. A mask for the sampler, one for each answer. */
#ifndef OSSO_SERVE_REIN_H
#define OSSO_SERVE_REIN_H

#include "osso/engine.h"
#include "osso/text.h"
#include "serve/rein_header.h"

/* What all answers share: the special ids, and for each place in a header the ids that fit there (found once and kept,
 * the latest ones). Any number of threads. NULL: no memory, or the tokenizer lacks harmony's specials. */
struct rein_table;
struct rein_table *rein_table_create(const struct osso_tokenizer *tokenizer, int64_t vocab);
void rein_table_free(struct rein_table *table);

struct rein {
    struct rein_table *table;
    struct rein_rules rules;
    size_t seen; /* tokens of the session that are taken in; begin with the prompt's */
    enum { REIN_HEADER, REIN_CONTENT, REIN_BETWEEN, REIN_ROLE, REIN_OVER } state;
    enum rein_place place;
    bool called;     /* the message has a recipient */
    bool has_called; /* some message had */
    char text[REIN_TEXT];
    size_t len;
};
/* The prompt has n tokens and ends in <|start|>assistant. `rules` is copied, its names are not. */
void rein_begin(struct rein *rein, struct rein_table *table, const struct rein_rules *rules, size_t n_prompt);
/* An osso_mask_fn whose user is a struct rein. */
enum osso_mask_kind rein_mask(void *user, const struct osso_session *session, struct osso_mask *mask);

#endif
