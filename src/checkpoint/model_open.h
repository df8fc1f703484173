/* model_open.h: what stands behind struct osso_model. Immutable once open, but for the tokenizer, which is opened on
 * first use by the level that knows both (engine/model_text.c) under the lock. */
#ifndef OSSO_CHECKPOINT_MODEL_OPEN_H
#define OSSO_CHECKPOINT_MODEL_OPEN_H

#include "checkpoint/names.h"
#include "format/tensors.h"
#include "model/config.h"
#include "model/weights.h"
#include "osso/model.h"

#include <pthread.h>

struct osso_model {
    char *path; /* "20b" for a synthesized one */
    struct config config;
    struct tensors tensors;
    struct notes notes;        /* osso_model_warning */
    struct gguf *gguf;         /* NULL: a Hugging Face folder, or made in memory */
    const struct names *names; /* how its files spell the tensors */
    struct weights weights;    /* points into tensors, and at itself: a model is never moved */
    void *pages;               /* weights made in memory; NULL: mapped files */
    size_t pages_bytes;
    pthread_mutex_t lock;
    struct osso_tokenizer *tokenizer; /* guarded by lock; NULL: not opened yet */
    struct osso_engine *copied; /* guarded by lock: the engines that have copies of the weights elsewhere (engine/) */
};

/* Has no file of the model shrunk since it was mapped? Every step of the engine asks before it touches a weight. */
enum osso_status model_check(const struct osso_model *model, struct osso_error *err);

/* An empty model with its lock and path; osso_model_free takes it back at any stage. */
enum osso_status model_create(const char *path, struct osso_model **model_out, struct osso_error *err);
/* Configuration and tensor table of a folder or a GGUF file, without resolving the weights. */
enum osso_status model_open_files(struct osso_model *model, struct osso_error *err);
/* Random weights of this shape in memory, in the types of GGUF files; name: for sentences. */
enum osso_status model_synthesize(const char *name, const struct config *config, uint64_t seed, bool force,
                                  struct osso_model **model_out, struct osso_error *err);
/* A model of a preset without its weights: shapes, types and sizes are there to be asked for, no value is. */
enum osso_status model_outline(const char *preset, struct osso_model **model_out, struct osso_error *err);

#endif
