/* export.c: a model's files as a Hugging Face folder of one number format: a plan and a configuration of its own, the
 * rows by the converter's writer. */
#include "checkpoint/config_files.h"
#include "convert/conversion.h"
#include "convert/place.h"
#include "convert/shards.h"
#include "osso/train.h"
#include "token/tokenizer_files.h"

#include "base/error.h"
#include "base/mem.h"

#include <string.h>

struct export
{
    struct conversion c;
    enum dtype type; /* of what is not packed */
    bool mxfp4;
};

/* Of several rows for the same members the one of this form. */
static bool choose(void *user, const struct names_row *row, int layer, struct plan_choice *choice_out)
{
    const struct export *x = user;
    bool blocks = row->store == STORE_BLOCKS, packed = blocks || row->store == STORE_TRANSPOSED;
    (void)layer;
    *choice_out = (struct plan_choice){.dtype = blocks ? DT_MXFP4_HF : x->type, .side = DT_U8};
    return packed ? blocks == x->mxfp4 : row->members[0] != PARAM_head || !x->c.model->config.tied;
}

static enum osso_status list_tensors(struct export *x)
{
    const struct config *config = &x->c.model->config;
    enum osso_status status = plan_create_with(config, names_folder(config), choose, x, &x->c.plan, x->c.err);
    return status ? status : plan_tensors(&x->c.plan, &x->c.tensors, x->c.err);
}

static enum osso_status write_one(void *user, struct save *save, int i, struct osso_error *err)
{
    (void)err; /* the conversion's */
    return transcriber_write(user, save, i);
}

static enum osso_status write_folder(struct export *x, struct transcriber *rows, const char *folder)
{
    const struct osso_model *model = x->c.model;
    struct osso_error *err = x->c.err;
    struct buf config = {0}, generation = {0};
    const struct shards shards = {.folder = folder,
                                  .tensors = x->c.tensors,
                                  .n = x->c.plan.n,
                                  .bytes = x->c.plan.bytes,
                                  .limit = UINT64_MAX,
                                  .metadata = "{\"format\":\"pt\"}",
                                  .names = SHARDS_HF,
                                  .write = write_one,
                                  .user = rows};
    enum osso_status status = shards_write(&shards, err);
    if (!status)
        status = tokenizer_copy_files(model->path, folder, err);
    config_write_generation(&model->config, &generation);
    config_write_json(&model->config, x->mxfp4, x->type, &config);
    if (!status)
        status = save_text(folder, "generation_config.json", &generation, err);
    if (!status)
        status = save_text(folder, "config.json", &config, err);
    buf_free(&config);
    buf_free(&generation);
    return status;
}

static enum osso_status check(const struct export *x, const char *out)
{
    const struct config *c = &x->c.model->config;
    if (file_exists(out) || file_is_dir(out))
        return error_set(x->c.err, OSSO_USAGE, "%s exists; name a new folder", out);
    if (x->mxfp4 && c->plain)
        return error_set(
            x->c.err, OSSO_UNSUPPORTED,
            "%s is a model of the plain block, whose folders (Mixtral's, Llama's) have no MXFP4; take bf16 or f32",
            x->c.model->path);
    if (x->mxfp4 && (c->hidden % QUANT_BLOCK != 0 || c->intermediate % QUANT_BLOCK != 0))
        return error_set(x->c.err, OSSO_UNSUPPORTED,
                         "MXFP4 packs 32 values, and this model's experts have %lld and %lld inputs; take bf16",
                         (long long)c->hidden, (long long)c->intermediate);
    return OSSO_OK;
}

static enum osso_status write_out(struct export *x, const char *out)
{
    struct transcriber *rows = NULL;
    struct place place = {.fd = -1};
    enum osso_status status = team_create(cpu_count(), &x->c.team, x->c.err);
    if (!status)
        status = transcriber_create(&x->c, &rows);
    if (!status)
        status = place_take(out, &place, x->c.err);
    if (!status)
        status = write_folder(x, rows, place.temp);
    enum osso_status left = place_leave(&place, !status, x->c.err);
    transcriber_free(rows);
    team_free(x->c.team);
    return status ? status : left;
}

enum osso_status osso_export(const char *path, const char *out, const char *type, struct osso_error *err)
{
    bool bf16 = strcmp(type, "bf16") == 0, mxfp4 = strcmp(type, "mxfp4") == 0;
    struct export x = {.c = {.in = path, .out = out, .err = err}, .type = bf16 ? DT_BF16 : DT_F32, .mxfp4 = mxfp4};
    if (!bf16 && !mxfp4 && strcmp(type, "f32") != 0)
        return error_set(err, OSSO_USAGE, "type '%s' is none of mxfp4, bf16, f32", type);
    enum osso_status status = osso_model_open(path, &x.c.model, err);
    if (!status)
        status = check(&x, out);
    if (!status)
        status = list_tensors(&x);
    if (!status)
        status = write_out(&x, out);
    mem_free(x.c.tensors);
    plan_free(&x.c.plan);
    osso_model_free(x.c.model);
    return status;
}
