/* dialect.h: the answer to a request in its dialect: one JSON object, or server-sent events. One thread at a time.
 *
 *   reply_create(request, &about, &reply, &refusal);
 *   reply_event(reply, sequence, &event);   // sequence: prompt * n + choice; any order between sequences
 *   reply_end(reply, sequence, &event);     // the event of osso_answer_finish
 *   reply_done(reply, &usage);              // after the last end; or reply_fail at any time
 *
 * What is to be sent grows in reply_out; whoever sends it clears it. Without stream it is empty until the end. */
#ifndef OSSO_SERVE_DIALECT_H
#define OSSO_SERVE_DIALECT_H

#include "serve/api/request.h"

struct reply_about {
    const char *model; /* the name of the model that runs */
    const char *id;    /* unique, letters and digits: "chatcmpl-ID", "resp_ID"; copied */
    int64_t created;   /* seconds since 1970 */
    const struct osso_tokenizer *tokenizer;
};

struct reply_usage {
    size_t prompt_tokens, cached_tokens;
};

struct reply;

bool reply_create(const struct request *request, const struct reply_about *about, struct reply **reply_out,
                  struct refusal *r);
void reply_free(struct reply *reply);
struct buf *reply_out(struct reply *reply); /* whole events only; none where memory ran out: reply_done says so */
/* The answer begins to be computed: a stream's first events. */
void reply_begin(struct reply *reply);
void reply_event(struct reply *reply, size_t sequence, const struct osso_event *event);
void reply_end(struct reply *reply, size_t sequence, const struct osso_event *event);
/* A prompt's token with its log-probability, in order (completions with echo and logprobs). `event` of the first token
 * of all has no log-probability: NaN. */
void reply_prompt_token(struct reply *reply, size_t prompt, const struct osso_event *event);
/* False: no memory on the way; *r says so, and nothing whole can be sent. */
bool reply_done(struct reply *reply, const struct reply_usage *usage, struct refusal *r);
/* A stream's last event when something failed (without stream the caller answers with the refusal itself). */
void reply_fail(struct reply *reply, const struct refusal *r);

/* For the store, between reply_done and the clearing of reply_out: the response object, and within it its output as
 * items without brackets. Of other dialects: nothing. */
const char *reply_id(const struct reply *reply); /* "resp_..." */
struct jtext reply_object(const struct reply *reply);
struct jtext reply_output(const struct reply *reply);

#endif
