/* train.h: training a model. Stands beside osso.h.
 *
 *   osso_train_config_create(&config, &err);
 *   osso_train_config_set(config, "preset", "small", "here", &err); // the keys of train_keys.def
 *   osso_train_open(config, NULL, &train, &err);
 *   do
 *       osso_train_step(train, &step, &err);
 *   while (!step.last);
 *   osso_train_save(train, &err);                                   // a folder that every call opens as a model
 *
 * osso_train_run is this loop with validation, checkpoints and the log, as osso train runs it. */
#ifndef OSSO_TRAIN_H
#define OSSO_TRAIN_H

#include "osso/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- settings ------------------------------------------------------------------------------------------- */

struct osso_train_config;
OSSO_API enum osso_status osso_train_config_create(struct osso_train_config **config_out, struct osso_error *err);
OSSO_API void osso_train_config_free(struct osso_train_config *config); /* NULL is fine */
/* One key, as its text. where: "run.yaml:3", "--lr": who says so, for sentences. USAGE for what no run can have, for an
 * unknown key (the sentence names the nearest) and for one that is given twice. */
OSSO_API enum osso_status osso_train_config_set(struct osso_train_config *config, const char *key, const char *value,
                                                const char *where, struct osso_error *err);
/* One more source of `data`; split NULL: by the file's name. */
OSSO_API enum osso_status osso_train_config_add_data(struct osso_train_config *config, const char *path, double weight,
                                                     const char *split, const char *where, struct osso_error *err);
OSSO_API bool osso_train_config_has(const struct osso_train_config *config, const char *key);
/* What is set from here on wins over what was set before. */
OSSO_API void osso_train_config_seal(struct osso_train_config *config);
/* All of it as YAML that reads back equal; *text_out is the caller's (osso_free). */
OSSO_API enum osso_status osso_train_config_print(const struct osso_train_config *config, char **text_out,
                                                  struct osso_error *err);
/* What a person should hear of, a sentence each: i from 0 on, until NULL. */
OSSO_API const char *osso_train_config_note(const struct osso_train_config *config, int i);

/* ---- what a run takes ----------------------------------------------------------------------------------- */

struct osso_train_budget {
    size_t size;
    uint64_t parameters, active_parameters;
    uint64_t weights, gradients, moments, activations, pages, total; /* bytes */
    uint64_t available;                                              /* bytes of memory that are free now */
    double flop_per_token;  /* 3 x (2 x active values of matrices + attention over visible keys) */
    double flop_per_second; /* 0: not measured */
    int64_t steps, tokens_per_step, epoch_tokens; /* epoch_tokens 0: unknown */
};
/* Nothing large is allocated. seconds > 0: measures for so long how fast this machine is with such layers. */
OSSO_API enum osso_status osso_train_budget(const struct osso_train_config *config, int threads, double seconds,
                                            struct osso_train_budget *budget_out, struct osso_error *err);

/* ---- a run ---------------------------------------------------------------------------------------------- */

struct osso_train;
struct osso_train_options {
    size_t size;
    int threads;       /* 0: all CPUs */
    const char *isa;   /* NULL: the best there is */
    bool resume;       /* go on from OUT/latest; where there is none, begin */
    const char *fault; /* for tests: "nan_grad@3", "nan_grad@3+", "enospc@save"; commas between. NULL: none */
};
/* config must outlive the run. NOMEM, with the figures, before anything large is allocated. */
OSSO_API enum osso_status osso_train_open(const struct osso_train_config *config,
                                          const struct osso_train_options *options, struct osso_train **train_out,
                                          struct osso_error *err);
OSSO_API void osso_train_free(struct osso_train *train);

struct osso_train_report {
    size_t size;
    int64_t step, steps; /* from 1; of the whole run */
    double loss, balance_loss, z_loss, grad_norm, lr, seconds, max_load;
    int64_t tokens, targets, dead_experts;
    bool skipped; /* gradients that are no numbers: nothing changed */
    bool last;
};
/* The next step, with its line in the log. NUMERIC: the fifth in a row that had to be skipped. */
OSSO_API enum osso_status osso_train_step(struct osso_train *train, struct osso_train_report *report_out,
                                          struct osso_error *err);
struct osso_train_validation {
    size_t size;
    int64_t step;
    double loss, bits_per_byte; /* bits_per_byte: NAN without a tokenizer */
    bool best;
};
/* Loss on the validation data (eval_docs of its documents), with its line in the log. NOTFOUND: there are none. */
OSSO_API enum osso_status osso_train_evaluate(struct osso_train *train, struct osso_train_validation *validation_out,
                                              struct osso_error *err);
/* A checkpoint of this step; OUT/latest, and OUT/best where the last validation was the best, name it. */
OSSO_API enum osso_status osso_train_save(struct osso_train *train, struct osso_error *err);
/* The model as it stands: its weights are the run's own, and from qat_from_step on its experts the MXFP4 that an export
 * of such a checkpoint has. Asked for and engines over it made anew after each step. */
OSSO_API const struct osso_model *osso_train_model(struct osso_train *train);
OSSO_API int64_t osso_train_done(const struct osso_train *train); /* steps made, those before a resume included */
OSSO_API const char *osso_train_note(const struct osso_train *train, int i);

/* One step's gradients before clipping, under Hugging Face's names, with the loss in the metadata. */
OSSO_API enum osso_status osso_train_dump_gradients(struct osso_train *train, const char *path, struct osso_error *err);

/* Called between steps, and by a validation behind each of its micro-batches; a result other than 0 ends the run
 * (OSSO_TRAIN_ASKED) with a checkpoint. Each may be NULL. */
struct osso_train_hooks {
    size_t size;
    int (*step)(void *user, const struct osso_train_report *report);
    int (*validation)(void *user, const struct osso_train_validation *validation);
    int (*sample)(void *user, int64_t step, const struct osso_model *model, const char *prompt);
    int (*saved)(void *user, const char *folder, const char *log);
    void *user;
    /* Documents done, of how many; after a result other than 0 this validation has no result. */
    int (*validating)(void *user, int64_t done, int64_t docs);
};
enum osso_train_end { OSSO_TRAIN_DONE, OSSO_TRAIN_TIME, OSSO_TRAIN_PATIENCE, OSSO_TRAIN_ASKED, OSSO_TRAIN_STOP };
OSSO_API enum osso_status osso_train_run(struct osso_train *train, const struct osso_train_hooks *hooks,
                                         enum osso_train_end *end_out, struct osso_error *err);

/* ---- afterwards ----------------------------------------------------------------------------------------- */

/* Writes a model's files (a checkpoint's, or any) as a Hugging Face folder, which must not exist. type: "f32", "bf16",
 * or "mxfp4": the experts as MXFP4, the rest F32. */
OSSO_API enum osso_status osso_export(const char *model, const char *out, const char *type, struct osso_error *err);

#ifdef __cplusplus
}
#endif
#endif
