/* dialect_parts.h: what the dialects' files share; for them and dialect.c. */
#ifndef OSSO_SERVE_DIALECT_PARTS_H
#define OSSO_SERVE_DIALECT_PARTS_H

#include "serve/api/items_out.h"
#include "serve/api/dialect.h"

struct sequence {
    struct reply *reply;
    size_t index;
    struct items items;
    enum osso_stop stop;
    bool ended, echoed, listed; /* completions: the prompt's text and its logprobs are out */
    size_t n_calls, told;       /* calls begun; bytes of a completion's logprobs already streamed */
    struct buf prompt_logprobs; /* completions: tokens of an echoed prompt, as JSON objects */
};

/* What a dialect does differently. */
struct dialect {
    const char *id_prefix;
    void (*begin)(struct reply *reply);
    void (*news)(struct sequence *s, enum item_news news, struct item *item, const char *text, size_t len);
    void (*end)(struct sequence *s);
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
    struct buf object, output;
};

/* "data: " before and a blank line behind an event's JSON. */
void reply_data_begin(struct reply *reply);
void reply_data_end(struct reply *reply);
/* "completed", "length": why a sequence ended, in the words of chat and completions. */
const char *reply_finish_reason(const struct sequence *s);
/* {"prompt_tokens":...}: chat's and completions' counts. */
void reply_put_usage(struct reply *reply, const struct reply_usage *usage);
/* "call_0a1b...", "fc_...": the id of item `index`, the same whenever it is asked for. */
void reply_item_id(const struct sequence *s, const char *prefix, size_t index, char text[64]);
/* The name, and the namespace or NULL, by which the client knows a call's tool. */
struct call_name {
    const char *name, *space;
    bool custom;
};
struct call_name reply_call_name(const struct reply *reply, const struct item *item);
void reply_put_text(struct reply *reply, const char *text, size_t len); /* a JSON string */
void reply_puts(struct reply *reply, const char *text);                 /* as it is */

#endif
