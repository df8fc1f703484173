/* instead.h: what a path that is no whole model is instead, for the sentence that refuses it. */
#ifndef OSSO_CHECKPOINT_INSTEAD_H
#define OSSO_CHECKPOINT_INSTEAD_H

#include "base/file.h"
#include "base/notes.h"

/* A folder without a config.json. */
enum osso_status instead_folder(const char *folder, struct osso_error *err);
/* One without weights under the names that they have in a model. With an index `err` says which file it names in vain,
 * and is only added to. */
enum osso_status instead_weights(const char *folder, struct osso_error *err);
/* Nothing of this name; `why` is the system's word for it. */
enum osso_status instead_absent(const char *path, const char *why, struct osso_error *err);
/* A file that is no GGUF file. */
enum osso_status instead_file(const char *path, const struct file_map *map, struct osso_error *err);
/* Of what lies beside a model that opens: an adapter that is not applied, a download that has not ended. */
void instead_beside(const char *folder, struct notes *notes);

#endif
