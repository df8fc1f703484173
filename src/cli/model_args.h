/* model_args.h: from options to a model, an engine, a sampler, a tokenizer. */
#ifndef OSSO_CLI_MODEL_ARGS_H
#define OSSO_CLI_MODEL_ARGS_H

#include "cli/options.h"

#include "osso/script.h"

/* What a verb that runs a model holds. Start from {0}; runner_close frees whatever is there. */
struct runner {
    char *path;               /* NULL: made in memory */
    struct osso_model *model; /* NULL: --script */
    struct osso_script *script;
    struct osso_script_turn *turn;    /* what the script says to the prompt of runner_admit */
    struct osso_tokenizer *own_words; /* the script's tokenizer, where -m is no model */
    struct osso_model_dims dims;
    struct osso_engine *engine;
    struct osso_session *session;
    const struct osso_tokenizer *tokenizer; /* the model's own, or own_words */
    struct osso_sampler *sampler;
    struct steering *steering; /* --steer; NULL: none. Applied to every session that runner_start makes */
    struct drafting *drafting; /* --draft; NULL: off */
    uint64_t seed;             /* of the sampler: said in --json and /stats */
};
void runner_close(struct runner *runner);

/* -m, the operand, OSSO_MODEL, else the model that ships with osso (mem_free it). */
enum osso_status model_path(const struct options *options, char **path_out, struct osso_error *err);
/* Opens it, and warns when its weights are larger than the memory that is free. With --script: the script, and the
 * tokenizer that -m names. */
enum osso_status runner_open(const struct options *options, struct runner *runner, struct osso_error *err);
/* The engine's options from the command line; the caller may change them before runner_start. */
struct osso_engine_options engine_args(const struct options *options, const struct runner *runner);
/* What was passed over in its files, a line each. */
void model_say_warnings(const struct osso_model *model);
/* runner->tokenizer, with a warning if rows of its vocabulary cannot be used. */
enum osso_status runner_tokenizer(struct runner *runner, struct osso_error *err);
/* A prompt that the session is about to answer: a script chooses what it says. */
enum osso_status runner_admit(struct runner *runner, const int32_t *prompt, size_t n, struct osso_error *err);
/* Engine and one session. */
enum osso_status runner_start(struct runner *runner, const struct osso_engine_options *engine_options,
                              struct osso_error *err);
/* How tokens are chosen: the model's own defaults, overridden by the options (without bias list and seed). */
void sampling_args(const struct options *options, const struct runner *runner, struct osso_sampling *sampling_out);
/* --logit-bias, as many as the option has (mem_free it). */
enum osso_status bias_args(const struct options *options, const struct runner *runner,
                           struct osso_logit_bias **bias_out, size_t *n_out, struct osso_error *err);
/* A sampler from the model's own defaults, overridden by the options; replaces the one before. */
enum osso_status runner_sampler(const struct options *options, struct runner *runner, struct osso_error *err);

/* For the text verbs: o200k_harmony, or what -m names (osso_tokenizer_free it). */
enum osso_status tokenizer_args(const struct options *options, struct osso_tokenizer **tokenizer_out,
                                struct osso_error *err);
/* A warning, if the file's vocabulary has rows that cannot be used. */
void tokenizer_say_note(const struct osso_tokenizer *tokenizer);

#endif
