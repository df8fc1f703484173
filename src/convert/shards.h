/* shards.h: the safetensors files of a folder: one, or several with an index, each whole or absent. */
#ifndef OSSO_CONVERT_SHARDS_H
#define OSSO_CONVERT_SHARDS_H

#include "format/write.h"

/* Published checkpoints of Hugging Face's form count shards from 0 and name the last one's number, not how many there
 * are; the other two count from 1. */
enum shard_names { SHARDS_HF, SHARDS_MLX, SHARDS_ORIGINAL };

struct shards {
    const char *folder;
    const struct tensor *tensors; /* as writers take them, in their order */
    int n;
    uint64_t bytes;       /* of all tensors */
    uint64_t limit;       /* of one file's tensors; 0: 5 GB */
    const char *metadata; /* a JSON object of strings */
    enum shard_names names;
    enum osso_status (*write)(void *user, struct save *save, int i, struct osso_error *err); /* a tensor's bytes */
    void *user;
};

enum osso_status shards_write(const struct shards *shards, struct osso_error *err);

#endif
