/* shards.c: which tensors go into which file, and the index that says so. */
#include "convert/shards.h"

#include "base/error.h"
#include "base/mem.h"
#include "json/jwrite.h"

#include <stdio.h>
#include <string.h>

static const uint64_t standard_limit = 5000000000;

/* The end of the shard that begins with tensor `first`: as many tensors as fit, at least one. */
static int shard_end(const struct shards *s, int first)
{
    uint64_t bytes = s->tensors[first].bytes, limit = s->limit ? s->limit : standard_limit;
    int end = first + 1;
    while (end < s->n && bytes + s->tensors[end].bytes <= limit)
        bytes += s->tensors[end++].bytes;
    return end;
}

static void shard_name(const struct shards *s, char name[64], int shard, int n_shards)
{
    if (n_shards == 1)
        snprintf(name, 64, "model.safetensors");
    else if (s->names == SHARDS_HF)
        snprintf(name, 64, "model-%05d-of-%05d.safetensors", shard, n_shards - 1);
    else
        snprintf(name, 64, "model-%s%05d-of-%05d.safetensors", s->names == SHARDS_ORIGINAL ? "-" : "", shard + 1,
                 n_shards);
}

static enum osso_status write_shard(const struct shards *s, const char *name, int first, int end,
                                    struct osso_error *err)
{
    struct save *save = NULL;
    char *path = file_join(s->folder, name);
    enum osso_status status = path ? save_open(path, &save, err) : error_nomem(err, strlen(s->folder), "a path");
    if (!status) {
        status = safetensors_write_header_of(save, s->tensors + first, end - first, s->metadata, err);
        for (int i = first; i < end && !status; i++)
            status = s->write(s->user, save, i, err);
        if (!status)
            status = save_commit(save, err);
        else
            save_abort(save);
    }
    mem_free(path);
    return status;
}

enum osso_status shards_write(const struct shards *s, struct osso_error *err)
{
    char name[64];
    int n_shards = 0, shard = 0;
    struct buf index = {0};
    enum osso_status status = OSSO_OK;
    for (int first = 0; first < s->n; first = shard_end(s, first))
        n_shards++;
    buf_printf(&index, "{\n  \"metadata\": {\"total_size\": %llu},\n  \"weight_map\": {", (unsigned long long)s->bytes);
    for (int first = 0, end; first < s->n && !status; first = end, shard++) {
        end = shard_end(s, first);
        shard_name(s, name, shard, n_shards);
        for (int i = first; i < end; i++) {
            buf_printf(&index, "%s\n    ", i ? "," : "");
            jwrite_string(&index, s->tensors[i].name, strlen(s->tensors[i].name));
            buf_printf(&index, ": \"%s\"", name);
        }
        status = write_shard(s, name, first, end, err);
    }
    buf_puts(&index, "\n  }\n}\n");
    if (!status && n_shards > 1)
        status = save_text(s->folder, "model.safetensors.index.json", &index, err);
    buf_free(&index);
    return status;
}
