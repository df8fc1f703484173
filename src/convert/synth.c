/* synth.c: a checkpoint of true shapes, names and types with random weights: for measuring what has no real weights at
 * hand. A folder gets its config.json last, so that what a crash leaves behind never looks complete. */
#include "base/error.h"
#include "base/mem.h"
#include "base/sized.h"
#include "token/tokenizer_files.h"
#include "format/write.h"
#include "checkpoint/config_files.h"
#include "checkpoint/plan.h"
#include "convert/shards.h"
#include "convert/synth_folder.h"
#include "osso/model.h"
#include "token/o200k.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHUNK = 4 << 20 };

struct synth {
    const struct osso_synth_options *o;
    const char *out;
    struct config config;
    struct plan plan;
    struct tensor *tensors; /* the plan's, as writers take them */
    struct plan_random *random;
    struct osso_tokenizer *tokenizer; /* NULL: none */
    struct vocab_export vocab;
    uint8_t *chunk;
    size_t chunk_bytes;
    uint64_t done;
    struct osso_error *err;
};

/* ---- what is to be written ------------------------------------------------------------------------------ */

static enum osso_status set_layers(struct synth *s)
{
    if (s->o->layers < 0 || s->o->layers > s->config.n_layers)
        return error_set(s->err, OSSO_USAGE, "%d layers of a model that has %d", s->o->layers, s->config.n_layers);
    if (s->o->layers > 0)
        s->config.n_layers = s->o->layers;
    return OSSO_OK;
}

static enum osso_status check_skew(const struct synth *s)
{
    bool fine = s->o->skew >= 0 && s->o->skew <= 10;
    return fine ? OSSO_OK : error_set(s->err, OSSO_USAGE, "a skew of %g: give a number from 0 to 10", s->o->skew);
}

static enum osso_status open_tokenizer(struct synth *s)
{
    enum osso_status status = OSSO_OK;
    if (s->o->tokenizer)
        status = osso_tokenizer_open(s->o->tokenizer, &s->tokenizer, s->err);
    else if (s->config.vocab == O200K_IDS)
        status = osso_tokenizer_builtin(&s->tokenizer, s->err);
    if (!status && s->tokenizer)
        status = vocab_export_create(s->tokenizer, s->config.vocab, &s->vocab, s->err);
    return status;
}

static enum osso_status prepare(struct synth *s, const struct names *names)
{
    enum osso_status status = plan_config(s->o->preset ? s->o->preset : "20b", &s->config, s->err);
    if (!status && s->config.plain)
        status = error_set(
            s->err, OSSO_UNSUPPORTED,
            "%s is a configuration of the plain block; osso synth writes gpt-oss models (osso train --block "
            "plain makes others)",
            s->o->preset);
    if (!status)
        status = set_layers(s);
    if (!status)
        status = check_skew(s);
    if (!status)
        status = plan_create(&s->config, names, &s->plan, s->err);
    if (!status)
        status = open_tokenizer(s);
    if (!status)
        status = plan_random_create(&s->plan, s->o->seed, &s->random, s->err);
    if (!status) {
        plan_random_skew(s->random, s->o->skew);
        status = plan_tensors(&s->plan, &s->tensors, s->err);
    }
    if (status)
        return status;
    s->chunk_bytes = CHUNK;
    for (int i = 0; i < s->plan.n; i++)
        if (plan_row_bytes(&s->plan.list[i]) > s->chunk_bytes)
            s->chunk_bytes = (size_t)plan_row_bytes(&s->plan.list[i]);
    s->chunk = mem_alloc(s->chunk_bytes);
    return s->chunk ? OSSO_OK : error_nomem(s->err, s->chunk_bytes, "a buffer");
}

/* After what a killed run left is gone, which may have filled the disk. Tokenizer and headers come on top: a disk that
 * they fill is an error when it happens. */
static enum osso_status check_space(const struct synth *s)
{
    const double mib = 1 << 20;
    uint64_t left = file_space_left(s->out), need = s->plan.bytes;
    if (need <= left)
        return OSSO_OK;
    return error_set(
        s->err, OSSO_IO,
        "%s needs an estimated %.1f MiB on disk (its weights alone) and about %.1f MiB are free there; choose "
        "another place or fewer layers",
        s->out, (double)need / mib, (double)left / mib);
}

static void release(struct synth *s)
{
    vocab_export_free(&s->vocab);
    osso_tokenizer_free(s->tokenizer);
    plan_random_free(s->random);
    plan_free(&s->plan);
    mem_free(s->tensors);
    mem_free(s->chunk);
}

/* ---- writing -------------------------------------------------------------------------------------------- */

static enum osso_status write_tensor(struct synth *s, struct save *save, int i)
{
    const struct plan_tensor *t = &s->plan.list[i];
    int64_t rows = (int64_t)(s->chunk_bytes / plan_row_bytes(t));
    enum osso_status status = OSSO_OK;
    for (int64_t r = 0; r < t->n_rows && !status; r += rows) {
        int64_t n = t->n_rows - r < rows ? t->n_rows - r : rows;
        uint64_t bytes = (uint64_t)n * plan_row_bytes(t);
        plan_random_rows(s->random, i, r, n, s->chunk);
        status = save_write(save, s->chunk, (size_t)bytes, s->err);
        s->done += bytes;
        if (!status && s->o->progress && s->o->progress(s->o->user, s->done, s->plan.bytes) != 0)
            status = error_set(s->err, OSSO_CANCELLED, "%s: cancelled after %llu MiB; nothing was left", s->out,
                               (unsigned long long)(s->done >> 20));
    }
    return status;
}

static enum osso_status end_file(struct save *save, enum osso_status status, struct osso_error *err)
{
    if (!status)
        return save_commit(save, err);
    save_abort(save);
    return status;
}

static enum osso_status write_gguf(struct synth *s)
{
    struct gguf_keys keys = {0};
    struct save *save = NULL;
    char name[64];
    snprintf(name, sizeof name, "gpt-oss synthetic, %d layers", s->config.n_layers);
    config_write_gguf(&s->config, name, &keys);
    if (s->tokenizer) {
        tokenizer_write_gguf(&s->vocab, &keys);
    } else {
        gguf_put_str(&keys, "tokenizer.ggml.model", "none");
        gguf_put_u32(&keys, "gpt-oss.vocab_size", (uint32_t)s->config.vocab);
    }
    gguf_put_u32(&keys, "general.quantization_version", 2);
    gguf_put_u32(&keys, "general.file_type", 38);
    enum osso_status status = save_open(s->out, &save, s->err);
    if (!status) {
        status = check_space(s);
        if (!status)
            status = gguf_write_header(save, &keys, s->tensors, s->plan.n, s->err);
        for (int i = 0; i < s->plan.n && !status; i++) {
            status = write_tensor(s, save, i);
            if (!status)
                status = gguf_write_pad(save, s->err);
        }
        status = end_file(save, status, s->err);
    }
    buf_free(&keys.bytes);
    return status;
}

/* ---- a Hugging Face folder ------------------------------------------------------------------------------ */

static enum osso_status write_text(const struct synth *s, const char *name, struct buf *text)
{
    enum osso_status status = save_text(s->out, name, text, s->err);
    buf_free(text);
    return status;
}

static enum osso_status write_one(void *user, struct save *save, int i, struct osso_error *err)
{
    (void)err; /* the same */
    return write_tensor(user, save, i);
}

static const char *const tokenizer_files[] = {
#define FILE_NAME(name) name,
    TOKENIZER_FILES(FILE_NAME)
#undef FILE_NAME
};
enum { N_TOKENIZER_FILES = sizeof tokenizer_files / sizeof tokenizer_files[0] };

/* Another model's, in a folder that --force writes into. */
static void remove_stale(const struct synth *s, int i)
{
    char *path = file_join(s->out, tokenizer_files[i]);
    if (path)
        unlink(path);
    mem_free(path);
}

static enum osso_status copy_tokenizer(const struct synth *s)
{
    for (int i = 0; i < N_TOKENIZER_FILES; i++) {
        char *from = file_join(s->o->tokenizer, tokenizer_files[i]);
        if (!from)
            return error_nomem(s->err, strlen(s->o->tokenizer), "a path");
        if (!file_exists(from))
            remove_stale(s, i);
        mem_free(from);
    }
    return tokenizer_copy_files(s->o->tokenizer, s->out, s->err);
}

static enum osso_status write_tokenizer(const struct synth *s)
{
    struct buf text = {0};
    bool copied = s->tokenizer && s->o->tokenizer && file_is_dir(s->o->tokenizer);
    for (int i = s->tokenizer ? 2 : 0; i < N_TOKENIZER_FILES && !copied; i++) /* those that are not written below */
        remove_stale(s, i);
    if (!s->tokenizer)
        return OSSO_OK;
    if (copied)
        return copy_tokenizer(s);
    tokenizer_write_json(&s->vocab, &text);
    enum osso_status status = write_text(s, "tokenizer.json", &text);
    if (status)
        return status;
    tokenizer_write_config(&s->vocab, s->config.context, &text);
    return write_text(s, "tokenizer_config.json", &text);
}

static enum osso_status write_contents(struct synth *s, bool mxfp4)
{
    struct buf text = {0};
    const struct shards shards = {.folder = s->out,
                                  .tensors = s->tensors,
                                  .n = s->plan.n,
                                  .bytes = s->plan.bytes,
                                  .metadata = "{\"format\":\"pt\"}",
                                  .names = SHARDS_HF,
                                  .write = write_one,
                                  .user = s};
    enum osso_status status = shards_write(&shards, s->err);
    if (!status)
        status = write_tokenizer(s);
    if (!status) {
        config_write_generation(&s->config, &text);
        status = write_text(s, "generation_config.json", &text);
    }
    if (!status) {
        config_write_json(&s->config, mxfp4, DT_BF16, &text);
        status = write_text(s, "config.json", &text);
    }
    return status;
}

static enum osso_status write_folder(struct synth *s)
{
    bool mxfp4 = s->config.hidden % 32 == 0 || s->config.intermediate % 32 == 0;
    struct synth_folder folder;
    enum osso_status status = synth_folder_take(s->out, s->o->force, &folder, s->err);
    if (status)
        return status;
    status = check_space(s);
    if (!status) {
        synth_folder_clear(&folder);
        status = write_contents(s, mxfp4);
    }
    synth_folder_leave(&folder, status == OSSO_OK);
    return status;
}

static bool is_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0;
}

enum osso_status osso_synth(const char *out, const struct osso_synth_options *options, struct osso_error *err)
{
    struct osso_synth_options o = {0};
    if (err)
        err->text[0] = 0;
    enum osso_status status = sized_check(options, "osso_synth_options", err);
    if (status)
        return status;
    sized_in(&o, sizeof o, options);
    struct synth s = {.o = &o, .out = out, .err = err};
    bool hf = o.format && strcmp(o.format, "hf") == 0;
    if (!o.format || (!hf && strcmp(o.format, "gguf") != 0))
        return error_set(err, OSSO_USAGE, "no format is named \"%s\"; there are gguf and hf", o.format ? o.format : "");
    status = prepare(&s, hf ? &names_hf : &names_gguf);
    if (!status && !hf && !o.force && is_file(out))
        status = error_set(err, OSSO_USAGE, "%s is there already; name a new file, or --force", out);
    if (!status)
        status = hf ? write_folder(&s) : write_gguf(&s);
    release(&s);
    return status;
}
