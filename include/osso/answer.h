/* answer.h: one answer of a model, token by token: what may be shown of its text and who is meant to see it, when it
 * ends and why. A chapter of osso.h.
 *
 *   osso_answer_create(session, sampler, &options, &answer, &err);  // the session holds the prompt
 *   do {
 *       osso_step(engine, sessions, n_sessions, 0, &err);           // many sessions together
 *       if (osso_session_ready(session))
 *           osso_answer_next(answer, &event, &err);
 *   } while (!event.stop);
 *   osso_answer_finish(answer, &event, &err);                       // text that was held back
 *
 * osso_generate is this loop for a single session. An answer belongs to the thread that owns its engine; any number of
 * them may go on side by side. Nothing is allocated per token (a parser's text grows by doubling). */
#ifndef OSSO_ANSWER_H
#define OSSO_ANSWER_H

#include "osso/engine.h"

#ifdef __cplusplus
extern "C" {
#endif

enum osso_stop {
    OSSO_STOP_NONE,
    OSSO_STOP_ID,
    OSSO_STOP_STRING,
    OSSO_STOP_LENGTH,
    OSSO_STOP_CONTEXT,
    OSSO_STOP_CANCELLED
};
OSSO_API const char *osso_stop_text(enum osso_stop stop); /* "stop", "stop_string", "length", "context", "cancelled" */

/* ---- what a person sees --------------------------------------------------------------------------------- */

/* What a text is for a person. */
enum osso_voice {
    OSSO_VOICE_NONE,     /* a header, or somebody else's message: no text */
    OSSO_VOICE_ANSWER,   /* final, no channel, or one that nobody knows; without a parser all text */
    OSSO_VOICE_PREAMBLE, /* commentary to nobody else: said to the person on the way to the answer */
    OSSO_VOICE_THOUGHT,  /* analysis */
    OSSO_VOICE_CALL,     /* a message to a tool */
    OSSO_VOICE_COUNT
};
/* By the fields of a message (NULL: absent; no role: the assistant's). What the assistant says to nobody else and
 * outside analysis is for the person, whatever its channel is called. */
OSSO_API enum osso_voice osso_voice_of(const char *role, const char *channel, const char *recipient);

/* One token of an answer, or its end. Pointers are good until the next call on the answer. */
struct osso_event {
    size_t size; /* sizeof(struct osso_event), set by whoever provides it */
    int32_t id;  /* -1: the end (osso_answer_finish) */
    float logprob;
    const struct osso_choice *top; /* the n_top most likely ids, best first */
    size_t n_top;
    /* What became safe to show: whole characters, and nothing that may still turn out to be part of a stop text. The id
     * that stops gives none of its own. With a parser: text of a message, never of two at once, nor of a header. */
    const char *text;
    size_t text_len;
    enum osso_voice voice;                   /* whose text it is */
    const struct osso_parser_state *message; /* with a parser: what it knows after this id, else NULL */
    enum osso_stop stop;                     /* not NONE: this was the last token */
    int32_t stop_id; /* with ID: the stop id that came; -1: none did, the model began to speak for somebody else */
    bool cut;        /* at the end: the message in progress had no end of its own, what there is of it is a beginning (a
                      * call of that kind is none). An answer that a stop text ends is not cut, nor one that a stop id
                      * ends which ends no message */
    /* The id's own bytes, which need not be whole characters (osso_tokenizer_piece), good as long as the tokenizer;
     * NULL without tokenizer and parser, and for an id without a meaning. */
    const char *bytes;
    size_t n_bytes;
};

/* ---- an answer ------------------------------------------------------------------------------------------ */

enum osso_stop_on {
    OSSO_STOP_ON_ALL,   /* stop texts are looked for in all text */
    OSSO_STOP_ON_ANSWER /* in that of OSSO_VOICE_ANSWER alone */
};
/* NULL for these, or {0} plus size: no text, the model's stop ids, no limits. Arrays and strings are copied; tokenizer
 * and parser must outlive the answer. */
struct osso_answer_options {
    size_t size;
    const struct osso_tokenizer *tokenizer; /* NULL: no text and no stop texts, but a parser's */
    struct osso_parser
        *parser;             /* NULL: text as it comes, names of special tokens included (no_special_names:
                              * not). With one: keeps the messages as the model wrote them, stop texts included; osso_answer_finish
                              * ends its stream. An answer             whose model begins a message of another role than the
                              * assistant's stops             there (ID,             stop_id -1: the id that came is no stop id) */
    int64_t max_tokens;      /* 0 or less: until the context is full */
    int64_t min_tokens;      /* before so many, neither ids nor texts stop, and stop ids are chosen only where a mask
                              * allows nothing else */
    const int32_t *stop_ids; /* NULL: the model's; n_stop_ids 0 with a non-NULL pointer: none */
    size_t n_stop_ids;
    bool ignore_eos;         /* so are the model's stop ids, always; unless in stop_ids, they stop nothing */
    const char *const *stop; /* stop texts: the answer ends before the first. None reaches over two messages */
    size_t n_stop;
    enum osso_stop_on stop_on;
    size_t n_top;          /* alternatives with each event, at most 64 */
    bool no_tokens;        /* not one: the answer has ended (LENGTH) when it is made, whatever max_tokens says */
    bool no_special_names; /* without a parser: a special token is no text */
};
struct osso_answer;
/* sampler: for osso_answer_next; may be NULL. Session and sampler must outlive the answer. */
OSSO_API enum osso_status osso_answer_create(struct osso_session *session, struct osso_sampler *sampler,
                                             const struct osso_answer_options *options, struct osso_answer **answer_out,
                                             struct osso_error *err);
OSSO_API void osso_answer_free(struct osso_answer *answer); /* NULL is fine */

/* Chooses the next token from the session's logits and takes it. USAGE when the answer has ended. */
OSSO_API enum osso_status osso_answer_next(struct osso_answer *answer, struct osso_event *event_out,
                                           struct osso_error *err);
/* The same in two halves, so that osso_sample_all can make the choices of many answers together: what is to be chosen,
 * and then what came of it, its failure included. Nothing else is done with the answer in between; draw->err may be
 * set. USAGE when the answer has ended. */
OSSO_API enum osso_status osso_answer_draw(struct osso_answer *answer, struct osso_draw *draw_out,
                                           struct osso_error *err);
OSSO_API enum osso_status osso_answer_take_drawn(struct osso_answer *answer, const struct osso_draw *draw,
                                                 struct osso_event *event_out, struct osso_error *err);
/* Takes a choice that was made elsewhere: it is appended to the session. */
OSSO_API enum osso_status osso_answer_take(struct osso_answer *answer, struct osso_choice choice,
                                           struct osso_event *event_out, struct osso_error *err);
/* The end, whether the answer stopped or its caller wants no more: what was held back (event_out may be NULL). A stop
 * text that the end completes makes stop STRING. */
OSSO_API enum osso_status osso_answer_finish(struct osso_answer *answer, struct osso_event *event_out,
                                             struct osso_error *err);
/* Why it ended; NONE while it goes on. Right after osso_answer_create: LENGTH or CONTEXT when there is room for no
 * token. */
OSSO_API enum osso_stop osso_answer_stop(const struct osso_answer *answer);
OSSO_API size_t osso_answer_length(const struct osso_answer *answer); /* tokens so far, the one that stopped included */

/* What an answer's tokens were for. */
struct osso_answer_counts {
    size_t size;   /* sizeof(struct osso_answer_counts), set by the caller */
    size_t tokens; /* osso_answer_length */
    size_t calls;  /* whole messages to tools so far */
    /* Tokens of content, by whose text it is (OSSO_VOICE_THOUGHT: reasoning); OSSO_VOICE_NONE: headers, and the ids
     * that end a message or the answer. Together all tokens. */
    size_t voice[OSSO_VOICE_COUNT];
};
OSSO_API void osso_answer_counts(const struct osso_answer *answer, struct osso_answer_counts *counts_out);

/* ---- tokens that are run ahead --------------------------------------------------------------------------- */

/* Guesses of what an answer goes on with: what followed the same text earlier in it and, where that says nothing, what
 * a smaller model says. They are run beside the token that must be run anyway (osso_session_guess), and each token is
 * then chosen from its own logits as ever: with guesses and without, sampled or not, an answer is the same. How many a
 * step takes, or none, follows from what they, and the model that makes them, have cost and brought so far. A drafter
 * serves the sessions of an engine, one at a time, and keeps what it has learned of them; it belongs to the thread that
 * owns the engine. */
struct osso_drafter;
/* most: guesses a step, 1 to 16. model: an engine over the smaller model, which is the drafter's until it is freed and
 * must have the same ids; NULL: none. What fails there ends its guesses, and nothing else. */
OSSO_API enum osso_status osso_drafter_create(int most, struct osso_engine *model, struct osso_drafter **drafter_out,
                                              struct osso_error *err);
OSSO_API void osso_drafter_free(struct osso_drafter *drafter); /* NULL is fine */
/* For loops of their own; osso_generate does it. Before a step that runs the session's last token alone: guesses for
 * it, at most `room`. Returns how many. sampler: what chooses the session's tokens. */
OSSO_API int osso_drafter_guess(struct osso_drafter *drafter, struct osso_session *session,
                                const struct osso_sampler *sampler, size_t room);
OSSO_API void osso_drafter_took(struct osso_drafter *drafter, double ms);  /* that step, alone */
OSSO_API void osso_drafter_came(struct osso_drafter *drafter, int32_t id); /* the next token */
struct osso_drafter_counts {
    size_t size;                  /* sizeof(struct osso_drafter_counts), set by the caller */
    size_t n_made, n_came;        /* tokens that were run ahead, and those of them that came */
    size_t n_model, n_model_came; /* of these the model's */
    size_t n_model_read;          /* tokens that the model has computed, to say them and to follow the text */
    const char *why_none;         /* the model makes no more guesses, because of this; else NULL */
};
OSSO_API void osso_drafter_counts(const struct osso_drafter *drafter, struct osso_drafter_counts *counts_out);

/* ---- one session alone ---------------------------------------------------------------------------------- */

/* NULL, or {0} plus size: until a stop id of the model's or the end of the context. */
struct osso_generate_options {
    size_t size;
    int64_t max_tokens; /* this and the next five as in osso_answer_options */
    const int32_t *stop_ids;
    size_t n_stop_ids;
    const char *const *stop;
    size_t n_stop;
    size_t n_top;
    /* Called for each token (also the one that stops); a non-zero result cancels. */
    int (*on_event)(void *user, const struct osso_event *event);
    /* Called before the prompt's first step and after each. A non-zero result cancels. May be NULL. */
    int (*on_progress)(void *user, size_t done, size_t total);
    void *user;
    /* As in osso_answer_options. */
    struct osso_parser *parser;
    int64_t min_tokens;
    bool ignore_eos;
    enum osso_stop_on stop_on;
    bool no_tokens;               /* the prompt alone is computed */
    struct osso_drafter *drafter; /* tokens that are run ahead; NULL: none */
};
struct osso_generate_result {
    size_t size; /* sizeof(struct osso_generate_result), set by the caller */
    enum osso_stop stop;
    int32_t stop_id;  /* the stop id that came, or -1 */
    const char *tail; /* text that was held back and is not part of a stop text; lives in the session until it
                       * generates again */
    size_t tail_len;
    enum osso_voice tail_voice;
    size_t n_prompt, n_reused, n_generated;
    double prompt_ms, generate_ms;
    bool cut;                          /* the last message is only a beginning (osso_event) */
    size_t n_guessed, n_guessed_right; /* tokens that were run ahead, and those of them that came */
};
/* Runs the session from its tokens until something stops it. The session then holds prompt and generated tokens.
 * tokenizer NULL: no text and no stop texts. */
OSSO_API enum osso_status osso_generate(struct osso_engine *engine, struct osso_session *session,
                                        struct osso_sampler *sampler, const struct osso_tokenizer *tokenizer,
                                        const struct osso_generate_options *options,
                                        struct osso_generate_result *result_out, struct osso_error *err);

#ifdef __cplusplus
}
#endif
#endif
