/* request.h: what a client asks for, whatever its dialect: prompts as ids, how tokens are chosen, where it ends, what
 * is to come back. Made on a worker from the body; immutable afterwards. */
#ifndef OSSO_SERVE_REQUEST_H
#define OSSO_SERVE_REQUEST_H

#include "osso/answer.h"
#include "osso/text.h"
#include "serve/api/fields.h"
#include "serve/api/toolset.h"

/* What reading needs of the server. */
struct request_world {
    const struct osso_tokenizer *tokenizer;
    int64_t vocab;                        /* of the model */
    const struct osso_sampling *defaults; /* the model's */
    const char *date;                     /* "2026-01-15", for the system message; NULL: none */
    /* The stored history of a response: a JSON list of items ("[...]"), or NULL when this key has no such response. */
    const char *(*stored)(void *user, const char *id);
    const char *(*said)(void *user, const char *id); /* the same of what it said alone: its output */
    /* May put the ids that the model wrote in the place of messages that come back (own tokens). NULL: no. */
    enum osso_status (*recall)(void *user, struct osso_conversation **conversation, struct osso_error *err);
    void *user;
};

struct request {
    unsigned api;
    struct jdoc *doc; /* the body: whatever is echoed lives there */
    struct osso_ids *prompts;
    size_t n_prompts;
    int64_t n;
    struct osso_sampling sampling; /* its bias list is `bias` */
    struct osso_logit_bias *bias;
    bool seeded;
    int64_t max_tokens; /* 0: until the context is full; no_tokens: really none */
    bool no_tokens;
    int64_t min_tokens;
    bool ignore_eos;
    bool special_names;  /* of a completion: what special tokens are called is a part of its text */
    const char *stop[4]; /* in doc */
    size_t n_stop;
    bool logprobs;
    int64_t top_logprobs;
    bool echo, stream, include_usage;
    bool harmony; /* a conversation: the answer is read by the parser */
    struct toolset tools;
    char effort[8];
    struct jtext tier; /* chat: "service_tier", in doc */
    /* Responses */
    bool store, include_encrypted;
    struct buf items; /* the input as a JSON list of items without brackets, earlier ones first: what is stored */
    size_t n_items;
};

/* Reads a body; false: *r says why. *request is the caller's (request_free), also then. */
bool request_read(unsigned api, const char *body, size_t len, const struct request_world *world,
                  struct request **request_out, struct refusal *r);
void request_free(struct request *request);
/* Appends a prompt as text, specials by name. */
void request_spell(const struct request *request, size_t prompt, const struct osso_tokenizer *tokenizer,
                   struct buf *out);

#endif
