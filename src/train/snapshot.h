/* snapshot.h: a trainer on disk: a folder that every verb and other programs read as a model (a Hugging Face folder in
 * f32), and beside it what the next step needs: optimizer.safetensors and state.json. */
#ifndef OSSO_TRAIN_SNAPSHOT_H
#define OSSO_TRAIN_SNAPSHOT_H

#include "base/buf.h"
#include "train/trainer.h"

/* An arena's numbers (values, or gradients) as a safetensors file under the names and in the shapes of Hugging Face
 * folders: F32, experts dense and transposed. */
enum osso_status snapshot_write_arena(const struct trainer *t, const float *arena, const char *path,
                                      struct osso_error *err);
/* With a JSON object of strings as the file's metadata. */
enum osso_status snapshot_write_with(const struct trainer *t, const float *arena, const char *metadata,
                                     const char *path, struct osso_error *err);

/* Writes the folder `path`, which must not exist: beside it first, under a name of its own, then renamed; whole or
 * absent. What an earlier run left under that name is written over. tokenizer: the folder whose tokenizer files are
 * copied, byte for byte; NULL: none are. step: the caller's own count, to be had back. */
enum osso_status snapshot_save(const struct trainer *t, const char *path, const char *tokenizer, int64_t step,
                               struct osso_error *err);
/* The same with a file more in it, run.json. */
enum osso_status snapshot_save_with(const struct trainer *t, const char *path, const char *tokenizer, int64_t step,
                                    const struct buf *run, struct osso_error *err);
/* What the next step needs, for a trainer that was made from the model in this folder. Afterwards it goes on with the
 * same bits. Nothing changes where it fails. */
enum osso_status snapshot_resume(struct trainer *t, const char *path, int64_t *step_out, struct osso_error *err);

#endif
