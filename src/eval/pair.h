/* pair.h: from two texts to ids and the place where the second begins. */
#ifndef OSSO_EVAL_PAIR_H
#define OSSO_EVAL_PAIR_H

#include "eval/score.h"

struct pair_rules {
    const struct osso_tokenizer *tokenizer;
    int32_t prefix;    /* what the first token of a text is given; -1: there is none */
    size_t max_length; /* tokens that the model is fed at once */
};

/* Puts the prefix at the end of ids; UNSUPPORTED: there is none. */
enum osso_status pair_prefix(const struct pair_rules *rules, struct osso_ids *ids, struct osso_error *err);
/* A continuation after a context. White space at the context's end belongs to the continuation; both are encoded
 * together, and the continuation is what comes after as many tokens as the context has alone. Of what is too long the
 * beginning goes. */
enum osso_status pair_encode(const struct pair_rules *rules, const char *context, size_t context_len,
                             const char *continuation, size_t continuation_len, struct score_request *request,
                             struct osso_error *err);
/* A text that is to be continued: its end, as much as leaves room for max_new tokens. */
enum osso_status pair_prompt(const struct pair_rules *rules, const char *context, size_t len, int max_new,
                             struct score_request *request, struct osso_error *err);

/* A whole text in windows that do not overlap in what they score: window `number` of the text's ids; false: there is
 * none. The first begins with the prefix, the last reaches back as far as it can. */
bool pair_window(const struct pair_rules *rules, const struct osso_ids *ids, int number, size_t *first, size_t *from,
                 size_t *end);

/* The same in windows that begin every `stride` ids (<= window) and in which the model is fed `window` of them: what a
 * window adds is scored, after the first with more than window - stride ids before it. */
bool pair_stride(const struct osso_ids *ids, size_t window, size_t stride, int number, size_t *first, size_t *from,
                 size_t *end);
/* llama.cpp's rule: whole windows alone, side by side, without the prefix; the second half of each is scored. */
bool pair_llama(const struct osso_ids *ids, size_t window, int number, size_t *first, size_t *from, size_t *end);

#endif
