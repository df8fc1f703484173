/* snapshot.c: the folder, and the way back. snapshot_tensors.c writes the model. */
#include "train/snapshot.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "checkpoint/config_files.h"
#include "format/write.h"
#include "json/jget.h"
#include "token/tokenizer_files.h"

#include <string.h>

static const char *const kinds[] = {"adamw", "muon"}; /* as enum optimizer_kind */
enum { VERSION = 1, MAX_STATE = 1 << 16 };
static const int64_t MAX_COUNT = INT64_MAX / 2; /* so that a run may go on counting */

/* ---- writing -------------------------------------------------------------------------------------------- */

static const char *moments_name(const struct optimizer_options *o)
{
    return o->bf16_moments ? "bf16" : "f32";
}

static enum dtype moments_dtype(const struct optimizer *o)
{
    return o->options.bf16_moments ? DT_BF16 : DT_F32;
}

static enum osso_status write_optimizer(const struct optimizer *o, const char *path, struct osso_error *err)
{
    enum dtype dtype = moments_dtype(o);
    uint64_t bytes = (uint64_t)o->count * (uint64_t)dtype_info(dtype)->block_bytes;
    const void *const moments[] = {o->m, o->v};
    struct tensor list[] = {{.name = "exp_avg"}, {.name = "exp_avg_sq"}};
    struct save *save = NULL;
    for (int i = 0; i < 2; i++) {
        list[i].dtype = dtype;
        list[i].rank = 1;
        list[i].shape[0] = o->count;
        list[i].bytes = bytes;
    }
    enum osso_status status = save_open(path, &save, err);
    if (status)
        return status;
    status = safetensors_write_header(save, list, 2, err);
    for (int i = 0; i < 2 && !status; i++)
        status = save_write(save, moments[i], (size_t)bytes, err);
    if (!status)
        return save_commit(save, err);
    save_abort(save);
    return status;
}

static enum osso_status write_texts(const struct trainer *t, const char *folder, int64_t step, struct osso_error *err)
{
    struct buf state = {0}, config = {0}, generation = {0};
    buf_printf(
        &state,
        "{\"version\":%d,\"step\":%lld,\"updates\":%lld,\"values\":%lld,\"optimizer\":\"%s\",\"moments\":\"%s\"}\n",
        VERSION, (long long)step, (long long)t->optimizer.updates, (long long)t->optimizer.count,
        kinds[t->optimizer.options.kind], moments_name(&t->optimizer.options));
    config_write_json(&t->config, false, DT_F32, &config);
    config_write_generation(&t->config, &generation);
    enum osso_status status = save_text(folder, "config.json", &config, err);
    if (!status)
        status = save_text(folder, "generation_config.json", &generation, err);
    if (!status)
        status = save_text(folder, "state.json", &state, err);
    buf_free(&config);
    buf_free(&generation);
    buf_free(&state);
    return status;
}

static enum osso_status write_folder(const struct trainer *t, const char *folder, const char *tokenizer, int64_t step,
                                     const struct buf *run, struct osso_error *err)
{
    char *model = file_join(folder, "model.safetensors"), *optimizer = file_join(folder, "optimizer.safetensors");
    enum osso_status status = model && optimizer ? OSSO_OK : error_nomem(err, strlen(folder), "a path");
    if (!status)
        status = file_make_dir(folder, &(bool){false}, err);
    if (!status)
        status = snapshot_write_arena(t, t->values, model, err);
    if (!status)
        status = write_optimizer(&t->optimizer, optimizer, err);
    if (!status && tokenizer)
        status = tokenizer_copy_files(tokenizer, folder, err);
    if (!status && run)
        status = save_text(folder, "run.json", run, err);
    if (!status)
        status = write_texts(t, folder, step, err);
    mem_free(model);
    mem_free(optimizer);
    return status;
}

enum osso_status snapshot_save(const struct trainer *t, const char *path, const char *tokenizer, int64_t step,
                               struct osso_error *err)
{
    return snapshot_save_with(t, path, tokenizer, step, NULL, err);
}

enum osso_status snapshot_save_with(const struct trainer *t, const char *path, const char *tokenizer, int64_t step,
                                    const struct buf *run, struct osso_error *err)
{
    struct buf temp = {0};
    if (file_exists(path) || file_is_dir(path))
        return error_set(err, OSSO_IO, "%s exists; choose another name", path);
    buf_printf(&temp, "%s.unfinished", path);
    enum osso_status status = temp.failed ? error_nomem(err, strlen(path), "a path")
                                          : write_folder(t, temp.data, tokenizer, step, run, err);
    if (!status)
        status = save_folder(temp.data, path, err);
    buf_free(&temp);
    return status;
}

/* ---- reading -------------------------------------------------------------------------------------------- */

struct state {
    int64_t version, step, updates, values;
};

/* The moments of one rule are no moments of another. */
static enum osso_status check_optimizer(const struct jval *state, const struct optimizer_options *o, const char *path,
                                        struct osso_error *err)
{
    const char *kind = NULL, *moments = NULL;
    bool found;
    enum osso_status status = jget_str(state, "optimizer", &kind, &found, path, err);
    if (!status)
        status = jget_str(state, "moments", &moments, &found, path, err);
    if (status)
        return status;
    /* Checkpoints from before there were others do not say it. */
    kind = kind ? kind : kinds[OPTIMIZER_ADAMW];
    moments = moments ? moments : "f32";
    if (strcmp(kind, kinds[o->kind]) == 0 && strcmp(moments, moments_name(o)) == 0)
        return OSSO_OK;
    return error_set(err, OSSO_USAGE,
                     "%s: the checkpoint is of optimizer: %s with moments: %s, and this run has optimizer: %s with "
                     "moments: %s; go on with those of the checkpoint, or begin a new run from it with init",
                     path, kind, moments, kinds[o->kind], moments_name(o));
}

static enum osso_status read_state(const struct trainer *t, const char *path, struct state *s, struct osso_error *err)
{
    struct jdoc *doc = NULL;
    const struct {
        const char *key;
        int64_t *out;
    } members[] = {{"version", &s->version}, {"step", &s->step}, {"updates", &s->updates}, {"values", &s->values}};
    enum osso_status status = jdoc_read_file(path, MAX_STATE, &doc, err);
    for (size_t i = 0; i < sizeof members / sizeof *members && !status; i++) {
        bool found = false;
        status = jget_i64(jdoc_root(doc), members[i].key, 0, MAX_COUNT, members[i].out, &found, path, err);
        if (!status && !found)
            status = error_set(err, OSSO_FORMAT, "%s: \"%s\" is missing; this is no checkpoint of a training run", path,
                               members[i].key);
    }
    if (!status && s->version != VERSION)
        status = error_set(err, OSSO_UNSUPPORTED, "%s: version %lld; this osso goes on from version %d", path,
                           (long long)s->version, VERSION);
    if (!status && s->values != t->optimizer.count)
        status = error_set(err, OSSO_FORMAT, "%s: of a model with %lld values; this one has %lld", path,
                           (long long)s->values, (long long)t->optimizer.count);
    if (!status)
        status = check_optimizer(jdoc_root(doc), &t->optimizer.options, path, err);
    jdoc_release(doc);
    return status;
}

static enum osso_status check_moment(const struct tensor *m, const struct optimizer *o, const char *path,
                                     struct osso_error *err)
{
    enum dtype dtype = moments_dtype(o);
    if (m && m->dtype == dtype && m->rank == 1 && m->shape[0] == o->count)
        return OSSO_OK;
    return error_set(err, OSSO_FORMAT, "%s: exp_avg and exp_avg_sq must be %s of %lld values, as this run has them",
                     path, dtype_info(dtype)->name, (long long)o->count);
}

static enum osso_status read_optimizer(struct optimizer *o, const char *path, struct osso_error *err)
{
    struct tensors set = {0};
    enum osso_status status = safetensors_open(path, &set, NULL, err);
    const struct tensor *m = status ? NULL : tensors_find(&set, "exp_avg"),
                        *v = status ? NULL : tensors_find(&set, "exp_avg_sq");
    if (!status)
        status = check_moment(m, o, path, err);
    if (!status)
        status = check_moment(v, o, path, err);
    if (!status) {
        memcpy(o->m, m->data, m->bytes);
        memcpy(o->v, v->data, v->bytes);
    }
    tensors_close(&set);
    return status;
}

enum osso_status snapshot_resume(struct trainer *t, const char *path, int64_t *step_out, struct osso_error *err)
{
    struct state s = {0};
    char *state = file_join(path, "state.json"), *optimizer = file_join(path, "optimizer.safetensors");
    enum osso_status status = state && optimizer ? OSSO_OK : error_nomem(err, strlen(path), "a path");
    *step_out = 0;
    if (!status)
        status = read_state(t, state, &s, err);
    if (!status)
        status = read_optimizer(&t->optimizer, optimizer, err);
    if (!status) {
        t->optimizer.updates = s.updates;
        *step_out = s.step;
    }
    mem_free(state);
    mem_free(optimizer);
    return status;
}
