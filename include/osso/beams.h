/* beams.h: the most likely continuations of a text, by beam search. Beside osso.h.
 *
 * N continuations go on together, in sessions that share what they have in common; after each step the N best of all
 * their next tokens go on. What ends by then is kept by its score, the sum of its log-probabilities / length ^ penalty.
 * The search is over when N have ended and the best that goes on scores less than the worst of them, as it is now. Ties
 * go to the better beam, then to the lowest id. One beam is greedy: over at its first end. */
#ifndef OSSO_BEAMS_H
#define OSSO_BEAMS_H

#include "osso/answer.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { OSSO_BEAMS_MOST = 32 };

struct osso_beam_options {
    size_t size;             /* sizeof(struct osso_beam_options), set by the caller */
    int beams, best;         /* 1 to OSSO_BEAMS_MOST; how many to return, at most as many (0: 1) */
    double length_penalty;   /* 0: sums as they are; 1: means */
    int64_t max_tokens;      /* of each; 0 or less: until the end of the context */
    const int32_t *stop_ids; /* these and ignore_eos as in osso_answer_options */
    size_t n_stop_ids;
    bool ignore_eos;
    const struct osso_tokenizer *tokenizer; /* NULL: no text and no stop texts */
    const char *const *stop;
    size_t n_stop;
    /* Called after each step of the prompt and of the search, with tokens computed and of the whole prompt. A non-zero
     * result cancels. May be NULL. */
    int (*on_progress)(void *user, size_t done, size_t total);
    void *user;
    bool no_special_names; /* a special token is no text */
    /* Added to the logits of ids, and to the sums that scores are made of; -inf: never. */
    const struct osso_logit_bias *bias;
    size_t n_bias;
    /* Which ids may come, as osso_sampler_set_mask says, asked for each beam in each step with a session of the
     * search's own: what it forbids no beam holds, and a beam that it leaves nothing goes, and is not kept. NULL: all.
     * mask_bytes > 0: each beam has a copy of so many bytes from mask_user on, which is what the mask is given, and
     * which is copied as they are where beams fork; else mask_user itself, for all. */
    osso_mask_fn *mask;
    void *mask_user;
    size_t mask_bytes;
};
struct osso_beam {
    int32_t *ids; /* [n], the stop id included */
    size_t n;
    char *text; /* [text_len] without the stop id's, and up to a stop text */
    size_t text_len;
    double logprob, score; /* the model's own sum in nats; what they are ordered by */
    enum osso_stop stop;   /* ID, STRING, LENGTH or CONTEXT */
};
struct osso_beams {
    size_t n; /* best first */
    struct osso_beam *list;
};
/* From the session's tokens on; it keeps them, computed. The engine needs room for so many sessions more. USAGE when
 * bias and mask leave no beam a way to an end. */
OSSO_API enum osso_status osso_beam_search(struct osso_engine *engine, struct osso_session *session,
                                           const struct osso_beam_options *options, struct osso_beams **beams_out,
                                           struct osso_error *err);
OSSO_API void osso_beams_free(struct osso_beams *beams); /* NULL is fine */

#ifdef __cplusplus
}
#endif
#endif
