/* steer_file.c: steering vectors in files: tensors direction.L in safetensors, or in llama.cpp's control vectors. */
#include "inspect/steering.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "format/gguf_kv.h"
#include "format/write.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char prefix[] = "direction.";

static bool is_gguf(const char *path)
{
    size_t n = strlen(path);
    return n >= 5 && strcmp(path + n - 5, ".gguf") == 0;
}

/* ---- reading ------------------------------------------------------------------------------------------------------
 */

/* -1: the tensor is none of ours. */
static int layer_of(const struct tensor *t)
{
    const char *digits = t->name + strlen(prefix);
    if (strncmp(t->name, prefix, strlen(prefix)) != 0 || digits[0] < '0' || digits[0] > '9' ||
        digits[strspn(digits, "0123456789")] || strlen(digits) > 4)
        return -1;
    return atoi(digits);
}

static enum osso_status check_tensor(const char *path, const struct tensor *t, int64_t *width, struct osso_error *err)
{
    int layer = layer_of(t);
    int64_t n = t->shape[0];
    for (int i = 1; i < t->rank; i++)
        n = t->shape[i] == 1 ? n : -1;
    if (layer < 0 || layer >= OSSO_TAP_LAYERS)
        return error_set(err, OSSO_FORMAT, "%s: tensor %s is no direction.L of a layer L: it is no steering vector",
                         path, t->name);
    if (t->dtype != DT_F32 || t->rank < 1 || n < 1 || t->bytes != (uint64_t)n * sizeof(float))
        return error_set(err, OSSO_FORMAT, "%s: tensor %s is no list of f32 values", path, t->name);
    if (*width && *width != n)
        return error_set(err, OSSO_FORMAT, "%s: directions of %lld and of %lld values", path, (long long)*width,
                         (long long)n);
    *width = n;
    return OSSO_OK;
}

static enum osso_status take(const char *path, const struct tensors *set, struct osso_steering **out,
                             struct osso_error *err)
{
    int64_t width = 0;
    int last = -1;
    enum osso_status status = OSSO_OK;
    for (int64_t i = 0; i < set->n && !status; i++) {
        status = check_tensor(path, &set->list[i], &width, err);
        last = layer_of(&set->list[i]) > last ? layer_of(&set->list[i]) : last;
    }
    if (!status && last < 0)
        status = error_set(err, OSSO_FORMAT, "%s holds no direction.L: it is no steering vector", path);
    if (!status)
        status = steering_create(width, last + 1, out, err);
    for (int64_t i = 0; i < set->n && !status; i++) {
        int layer = layer_of(&set->list[i]);
        (*out)->has[layer] = true;
        memcpy((*out)->directions + layer * width, set->list[i].data, (size_t)set->list[i].bytes);
    }
    return status;
}

static enum osso_status finite(const char *path, struct osso_steering *s, struct osso_error *err)
{
    for (int64_t i = 0; i < s->n_layers * s->width; i++)
        if (!(s->directions[i] - s->directions[i] == 0))
            return error_set(err, OSSO_NUMERIC, "%s: a value of direction.%lld is no number", path,
                             (long long)(i / s->width));
    return OSSO_OK;
}

enum osso_status osso_steering_open(const char *path, struct osso_steering **steering_out, struct osso_error *err)
{
    struct tensors set = {0};
    struct gguf *gguf = NULL;
    struct file_map map;
    *steering_out = NULL;
    enum osso_status status = file_map_open(path, &map, err);
    if (status)
        return status;
    bool is = map.size >= 4 && memcmp(map.data, "GGUF", 4) == 0;
    file_map_close(&map);
    status = is ? gguf_open(path, &set, &gguf, err) : safetensors_open(path, &set, NULL, err);
    if (!status)
        status = take(path, &set, steering_out, err);
    if (!status)
        status = finite(path, *steering_out, err);
    if (status) {
        osso_steering_free(*steering_out);
        *steering_out = NULL;
    }
    gguf_free(gguf);
    tensors_close(&set);
    return status;
}

/* ---- writing ------------------------------------------------------------------------------------------------------
 */

static enum osso_status write_values(const struct osso_steering *s, const struct tensor *list, int n, bool pad,
                                     struct save *file, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    for (int i = 0; i < n && !status; i++) {
        status = save_write(file, osso_steering_direction(s, layer_of(&list[i])), (size_t)list[i].bytes, err);
        if (!status && pad)
            status = gguf_write_pad(file, err);
    }
    return status;
}

static enum osso_status write_gguf(const struct osso_steering *s, const struct tensor *list, int n, struct save *file,
                                   struct osso_error *err)
{
    struct gguf_keys keys = {0};
    gguf_put_str(&keys, "general.architecture", "controlvector");
    gguf_put_str(&keys, "controlvector.model_hint", "gpt-oss");
    gguf_put_u32(&keys, "controlvector.layer_count", (uint32_t)n);
    enum osso_status status = keys.bytes.failed ? error_nomem(err, keys.bytes.len, "a GGUF header")
                                                : gguf_write_header(file, &keys, list, n, err);
    buf_free(&keys.bytes);
    return status ? status : write_values(s, list, n, true, file, err);
}

static enum osso_status write_all(const struct osso_steering *s, const char *path, const struct tensor *list, int n,
                                  struct osso_error *err)
{
    struct save *file;
    enum osso_status status = save_open(path, &file, err);
    if (status)
        return status;
    if (is_gguf(path))
        status = write_gguf(s, list, n, file, err);
    else {
        status = safetensors_write_header_of(
            file, list, n, "{\"architecture\":\"controlvector\",\"format\":\"pt\",\"model_hint\":\"gpt-oss\"}", err);
        if (!status)
            status = write_values(s, list, n, false, file, err);
    }
    if (status) {
        save_abort(file);
        return status;
    }
    return save_commit(file, err);
}

enum osso_status osso_steering_save(const struct osso_steering *s, const char *path, struct osso_error *err)
{
    enum { NAME = 24 };
    int n = 0;
    if (is_gguf(path) && s->has[0])
        return error_set(
            err, OSSO_UNSUPPORTED,
            "%s: llama.cpp's control vectors have no direction after layer 0; leave it out (--layers), or write safetensors",
            path);
    struct tensor *list = mem_array((size_t)s->n_layers, sizeof *list);
    char *names = mem_array((size_t)s->n_layers, NAME);
    enum osso_status status = list && names ? OSSO_OK
                                            : error_nomem(err, (unsigned long long)s->n_layers * sizeof *list,
                                                          "a list of directions");
    for (int l = 0; l < s->n_layers && !status; l++) {
        if (!s->has[l])
            continue;
        snprintf(names + n * NAME, NAME, "%s%d", prefix, l);
        list[n] = (struct tensor){.name = names + n * NAME,
                                  .dtype = DT_F32,
                                  .rank = 1,
                                  .shape = {s->width},
                                  .bytes = (uint64_t)s->width * sizeof(float)};
        n++;
    }
    if (!status)
        status = write_all(s, path, list, n, err);
    mem_free(list);
    mem_free(names);
    return status;
}
