/* source.h: where a run's documents come from, text or ready ids, and micro-batches of them. */
#ifndef OSSO_TRAIN_SOURCE_H
#define OSSO_TRAIN_SOURCE_H

#include "format/npy_read.h"
#include "train/data.h"
#include "train/settings.h"
#include "train/trainer.h"

struct source {
    struct train_docs *docs; /* NULL: the arrays */
    struct npy ids, mask;    /* mask.data NULL: all is learned */
    int32_t *row_ids;
    float *row_weights;
    uint64_t taken; /* documents that were given, the one held back not counted */
    bool held;      /* `last` did not fit and comes again */
    struct doc last;
};

/* A micro-batch and its memory. */
struct micro {
    struct trainer_batch batch;
    int32_t *ids, *start;
    float *weight;
};

enum osso_status source_open(const struct osso_train_config *config, const struct osso_tokenizer *tokenizer,
                             bool validation, struct source *source_out, struct osso_error *err);
void source_close(struct source *s);
/* Are there data of this kind at all? */
bool source_wanted(const struct osso_train_config *config, bool validation);
/* Tokens of a document at most: that of the arrays, else what is configured. */
enum osso_status source_seq_len(const struct osso_train_config *config, int64_t *seq_len_out, struct osso_error *err);
enum osso_status source_seek(struct source *s, uint64_t taken, struct osso_error *err);
/* The next document; valid until the next call. */
enum osso_status source_next(struct source *s, struct doc *doc_out, struct osso_error *err);
int64_t source_targets(const struct source *s); /* of an epoch: learned ones */
int64_t source_docs(const struct source *s);    /* of an epoch */
int64_t source_tokens(const struct source *s);  /* of an epoch: rows */

enum osso_status micro_create(const struct trainer_options *o, struct micro *m, struct osso_error *err);
void micro_free(struct micro *m);
/* The next documents, whole: as many as fit, of arrays `docs`; at most `most` (-1: any number). */
enum osso_status source_fill(struct source *s, const struct trainer_options *o, int docs, int64_t most, struct micro *m,
                             struct osso_error *err);

#endif
