/* items_out.h: an answer as a list of items (thoughts, texts, calls), built event by event, whatever the dialect. */
#ifndef OSSO_SERVE_ITEMS_OUT_H
#define OSSO_SERVE_ITEMS_OUT_H

#include "base/buf.h"
#include "json/jlex.h"
#include "osso/answer.h"

struct item {
    enum osso_voice voice;
    char *recipient;     /* of a call */
    struct buf text;     /* all of it */
    struct buf logprobs; /* of an answer's text, if wanted: JSON objects separated by commas */
    size_t n_told;       /* bytes of `logprobs` that were told with earlier deltas */
    bool ended, cut;     /* cut: the answer ended before its message did */
};

enum item_news { ITEM_BEGINS, ITEM_GROWS, ITEM_ENDS };
/* `text`: what came, with ITEM_GROWS. */
typedef void item_fn(void *user, enum item_news news, size_t index, const char *text, size_t len);

struct items {
    struct item *list;
    size_t n, cap;
    size_t n_tokens, n_thought; /* sampled ids; those of thoughts, headers left out */
    bool failed;                /* no memory: the answer is not whole */
    const struct osso_tokenizer *tokenizer;
    bool logprobs; /* of an answer's text */
    item_fn *tell;
    void *user;
};

void items_event(struct items *items, const struct osso_event *event);
/* The answer is over: what is open ends, cut unless the stop was its own. */
void items_finish(struct items *items, const struct osso_event *event);
void items_free(struct items *items);

/* What of `logprobs` no delta has told yet: now it is told. */
struct jtext item_untold(struct item *item);
/* A token's text as a JSON string; its log-probability, null where it has none (a first token). */
void items_put_name(struct buf *out, const struct osso_tokenizer *tokenizer, int32_t id);
void items_put_score(struct buf *out, float logprob);

#endif
