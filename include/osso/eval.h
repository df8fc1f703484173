/* eval.h: how good a model is, measured as the field measures it. Stands beside osso.h.
 *
 *   struct osso_engine_options e = {.size = sizeof e};
 *   osso_eval_engine(model, &e);                                    // what an evaluation wants of an engine
 *   osso_engine_create(model, &e, &engine, &err);
 *   struct osso_eval_options o = {.size = sizeof o, .tasks = "arc_easy,hellaswag", .data = "folder"};
 *   osso_eval_run(engine, tokenizer, &o, &report, &complete, &err); // one line of JSON
 *
 * Tasks have lm-evaluation-harness's names, prompts and sums (docs/evaluation.md). */
#ifndef OSSO_EVAL_H
#define OSSO_EVAL_H

#include "osso/engine.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Name number i, from 0 on; NULL past the last. *file_out (may be NULL): its file in the folder of data, NULL where
 * data is the file. */
OSSO_API const char *osso_eval_task(int i, const char **file_out);

struct osso_eval_options {
    size_t size;
    const char *tasks; /* names with commas between, or "all": those whose file is in the folder */
    const char *data;  /* a folder with the tasks' files, or the file of the one task; sanity and performance need none,
                        * and without it the lines of world are those beside the model */
    int num_fewshot;   /* questions with their answers that come first */
    int max_new;       /* tokens of an answer where the model writes one; 0: 256 */
    int64_t limit;     /* items of each task (of mmlu: of each subject); 0: all */
    int64_t max_length;    /* tokens that the model is fed at once; 0: the engine's context */
    const int32_t *prefix; /* the token that a text's first one is given; NULL: the tokenizer's bos, else its eos */
    const char *samples;   /* a file to write, a line an item; what a killed run leaves beside it is taken up again */
    const char *settings; /* members of a JSON object ("\"exact\":true"), or NULL: they go into the report's config, and
                           * a run with others is another run */
    int sessions;         /* texts at a time; 0: 32. The engine has to have room for them */
    /* Called now and then; a result other than 0 ends it (CANCELLED). May be NULL. */
    int (*progress)(void *user, uint64_t done, uint64_t total);
    void *user;
    bool chat; /* the same questions in harmony, each a user's message; the names of the scores then end in "chat" */
    int64_t window, stride; /* ppl: ids of a window (0: the engine's context; with llama_rule 512), and from one to the
                             * next (0: a window) */
    bool llama_rule;        /* ppl: as llama.cpp has it: the second half of each whole window, without a prefix */
    const char *name;       /* what the report calls the model; NULL: nothing */
    const struct osso_sampling *sampling; /* how the tokens of answers are drawn, each item's by a seed of its own that
                                           * this one's seed gives; NULL: the likeliest each time */
};

/* Options of an engine that fits: sessions, rows, rows with logits and, where it is 0, the context (at most 4096). */
OSSO_API void osso_eval_engine(const struct osso_model *model, struct osso_engine_options *options);

/* *report_out is the caller's (osso_free). *complete_out: false where a task has failed because logits were no numbers;
 * its entry of the report then says so and has no score. */
OSSO_API enum osso_status osso_eval_run(struct osso_engine *engine, const struct osso_tokenizer *tokenizer,
                                        const struct osso_eval_options *options, char **report_out, bool *complete_out,
                                        struct osso_error *err);

/* Two files of samples, item by item: the paired differences (b less a) of each task and score that both have, with
 * their 95 % intervals, as one line of JSON. FORMAT where they share no item. */
OSSO_API enum osso_status osso_eval_compare(const char *samples_a, const char *samples_b, char **report_out,
                                            struct osso_error *err);

struct osso_eval_pair_options {
    size_t size;
    const char *data;                                           /* a file: any text, taken as it is */
    int64_t max_length;                                         /* tokens of a window; 0: the smaller context */
    const int32_t *prefix;                                      /* as in osso_eval_options */
    int (*progress)(void *user, uint64_t done, uint64_t total); /* tokens; as in osso_eval_options */
    void *user;
};
/* Two models over one text, side by side, as one line of JSON: Kullback and Leibler's divergence of b's distributions
 * from a's, in nats a token (mean, median, 99th and 99.9th percentile, largest), how often both think the same token
 * likeliest, and the bits per byte of each. Nothing is stored but a number a token. UNSUPPORTED where their ids do not
 * mean the same. Both engines need rows with logits, as osso_eval_engine sets them. */
OSSO_API enum osso_status osso_eval_diverge(struct osso_engine *a, const struct osso_tokenizer *tokenizer_a,
                                            struct osso_engine *b, const struct osso_tokenizer *tokenizer_b,
                                            const struct osso_eval_pair_options *options, char **report_out,
                                            struct osso_error *err);

#ifdef __cplusplus
}
#endif
#endif
