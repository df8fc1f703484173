/* script.h: a model that says what a file tells it to: for tests of what stands above a model. Only the forward pass is
 * missing: tokenizer, sessions, pages, shared prefixes, steps, sampling and masks are the real ones. Stands beside
 * osso.h.
 *
 *   osso_script_open("answers.jsonl", tokenizer, &script, &err);
 *   osso_script_engine(script, &options, &engine, &err);
 *   osso_script_admit(script, ids, n, &turn, &err);    // a request: which rule answers this prompt?
 *   osso_session_set_user(session, turn);              // in every session that answers it
 *
 * Each line of the file is a rule, an object with
 *   match       a text that the rendered prompt must hold, special tokens by name; absent: any prompt
 *   times       how many requests it answers; absent: any number
 *   text, ids   what it says, one of the two. Names of special tokens in a text become their ids
 *   prefill_ms  what each token of a prompt costs that is computed (not found in a shared prefix)
 *   delay_ms    what each token costs that is said; sessions of one step wait together, for the longest of theirs
 *   fail_at     from this token on (0: the first) all logits are NaN
 * At step i the i-th id has logit 100 and every other id -id/1e6, behind the last it is <|return|> that has 100: so the
 * script is followed unless a mask forbids it, then (greedily) the lowest allowed id comes and the script goes on
 * behind the one that was passed over. */
#ifndef OSSO_SCRIPT_H
#define OSSO_SCRIPT_H

#include "osso/engine.h"

#ifdef __cplusplus
extern "C" {
#endif

struct osso_script;      /* for one thread, as its engine is */
struct osso_script_turn; /* what one request is answered with */

/* FORMAT, with file and line, for what is no rule. The tokenizer must outlive the script. */
OSSO_API enum osso_status osso_script_open(const char *path, const struct osso_tokenizer *tokenizer,
                                           struct osso_script **script_out, struct osso_error *err);
OSSO_API void osso_script_free(struct osso_script *script); /* NULL is fine; after its engines */
/* Length of a row of logits: the tokenizer's size. */
OSSO_API int64_t osso_script_vocab(const struct osso_script *script);
/* An engine without a model; context 0 is 131,072. Answers stop at harmony's ids. A session that has no turn gets NaN.
 */
OSSO_API enum osso_status osso_script_engine(struct osso_script *script, const struct osso_engine_options *options,
                                             struct osso_engine **engine_out, struct osso_error *err);
/* Takes the first rule that matches this prompt and is not used up; FORMAT, naming the file, when there is none. The
 * caller frees the turn after the sessions that it was set in have gone on to something else. */
OSSO_API enum osso_status osso_script_admit(struct osso_script *script, const int32_t *prompt, size_t n,
                                            struct osso_script_turn **turn_out, struct osso_error *err);
OSSO_API void osso_script_turn_free(struct osso_script_turn *turn); /* NULL is fine */

#ifdef __cplusplus
}
#endif
#endif
