/* dialect_parts.h: what the dialects' files share; for them and dialect.c. */
#ifndef OSSO_SERVE_DIALECT_PARTS_H
#define OSSO_SERVE_DIALECT_PARTS_H

#include "serve/api/items_out.h"
#include "serve/api/dialect.h"

/* Completions: tokens in the older form of log-probabilities, each list without its brackets. */
struct token_lists {
    struct buf tokens, logprobs, tops, offsets;
    size_t bytes; /* of all tokens so far, those that were told included */
};

struct sequence {
    struct reply *reply;
    size_t index;
    struct items items;
    enum osso_stop stop;
    size_t n_calls; /* begun */
    /* Completions: the prompt's text is out; tokens of an echoed prompt (in the first of its sequences), and of what
     * was said and not told yet. */
    bool echoed;
    struct token_lists prompt, said;
};

/* What a dialect does differently. */
struct dialect {
    const char *id_prefix;
    void (*begin)(struct reply *reply);
    void (*news)(struct sequence *s, enum item_news news, struct item *item, const char *text, size_t len);
    void (*end)(struct sequence *s);
    void (*token)(struct sequence *s, struct token_lists *to, const struct osso_event *event); /* NULL: items have it */
    void (*done)(struct reply *reply, const struct reply_usage *usage);
    void (*fail)(struct reply *reply, const struct refusal *r);
};
extern const struct dialect dialect_chat, dialect_responses, dialect_completions;

struct reply {
    const struct request *request;
    struct reply_about about;
    const struct dialect *dialect;
    char id[64];
    struct sequence *sequences;
    size_t n;
    struct buf out;
    bool begun, failed;
    /* Responses */
    size_t n_events;
    struct {
        size_t at, len;
    } object, output; /* in `out`, when all is over */
};

/* "data: " before and a blank line behind an event's JSON. */
void reply_data_begin(struct reply *reply);
void reply_data_end(struct reply *reply);
/* What chat and completions share: {"id",...,"system_fingerprint" and so on; the end, whose whole answer is of
 * `object`s and a stream's last pieces of `chunk`s; an error event. */
void reply_put_head(struct reply *reply, const char *object);
void reply_choices_done(struct reply *reply, const struct reply_usage *usage, const char *object, const char *chunk,
                        void (*put_choice)(struct sequence *s));
void reply_choices_fail(struct reply *reply, const struct refusal *r);
/* Why a sequence ended, in the words of chat and completions: "stop", "length", "tool_calls". */
const char *reply_finish_reason(const struct sequence *s);
/* It had no room to end by itself. */
bool reply_is_cut(const struct sequence *s);
/* {"prompt_tokens":...} or {"input_tokens":...}: the dialect's counts. */
void reply_put_usage(struct reply *reply, const struct reply_usage *usage);
/* "call_0a1b...", "fc_...": the id of item `index`, the same whenever it is asked for. */
void reply_item_id(const struct sequence *s, const char *prefix, size_t index, char text[64]);
/* The name, and the namespace or NULL, by which the client knows a call's tool. */
struct call_name {
    const char *name, *space;
    bool custom;
};
struct call_name reply_call_name(const struct reply *reply, const struct item *item);
/* "name":...,"arguments":"...": a call in the client's words; not whole: its text is yet to come. */
void reply_put_call(struct reply *reply, const struct item *item, bool whole);
/* The item's text as a JSON string; of a custom tool's call what stands inside its arguments. */
void reply_put_item_text(struct reply *reply, const struct item *item);
void reply_put_text(struct reply *reply, const char *text, size_t len); /* a JSON string */
void reply_puts(struct reply *reply, const char *text);                 /* as it is */

#endif
