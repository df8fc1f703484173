/* export.c: a model's files as a Hugging Face folder of one number format, row by row, so that memory stays at one
 * expert's matrix whatever the model. */
#include "checkpoint/config_files.h"
#include "checkpoint/model_open.h"
#include "checkpoint/plan.h"
#include "convert/place.h"
#include "convert/shards.h"
#include "osso/train.h"
#include "token/tokenizer_files.h"

#include "base/error.h"
#include "base/mem.h"

#include <string.h>

enum { BLOCK = 32, CODES = 16 };

struct export
{
    const struct osso_model *model;
    enum dtype type; /* of what is not packed */
    bool mxfp4;
    struct plan plan;
    struct tensor *tensors; /* the plan's, as writers take them */
    float *matrix;          /* one expert's, rows of outputs */
    uint8_t *bytes;
    struct save *save;
    struct osso_error *err;
};

/* ---- what is written ------------------------------------------------------------------------------------ */

/* Of several rows for the same members the one of this form. */
static bool choose(void *user, const struct names_row *row, int layer, struct plan_choice *choice_out)
{
    const struct export *x = user;
    bool blocks = row->store == STORE_BLOCKS, packed = blocks || row->store == STORE_TRANSPOSED;
    (void)layer;
    *choice_out = (struct plan_choice){.dtype = blocks ? DT_MXFP4_HF : x->type};
    return packed ? blocks == x->mxfp4 : row->members[0] != PARAM_head || !x->model->config.tied;
}

/* Rows of one expert, or all. */
static int64_t rows_of(const struct export *x, const struct plan_tensor *t)
{
    return names_rows(&x->model->config, t->row);
}

static int64_t columns_of(const struct plan_tensor *t)
{
    return params_is_matrix(names_param(t->row)) ? t->columns : 1;
}

static enum osso_status list_tensors(struct export *x)
{
    const struct config *c = &x->model->config;
    uint64_t most = 0;
    enum osso_status status = plan_create_with(c, names_folder(c), choose, x, &x->plan, x->err);
    if (!status)
        status = plan_tensors(&x->plan, &x->tensors, x->err);
    for (int i = 0; i < x->plan.n && !status; i++) {
        const struct plan_tensor *t = &x->plan.list[i];
        uint64_t rows = (uint64_t)rows_of(x, t), columns = (uint64_t)columns_of(t);
        uint64_t values = params_stacked(names_param(t->row)) ? rows * columns : columns;
        most = values > most ? values : most;
        most = rows > most ? rows : most; /* a vector is a row of all its values */
    }
    if (status)
        return status;
    x->matrix = mem_array((size_t)most, sizeof *x->matrix);
    x->bytes = mem_array((size_t)most, sizeof(float));
    return x->matrix && x->bytes ? OSSO_OK : error_nomem(x->err, 2 * most * sizeof(float), "an expert's matrix");
}

/* ---- writing -------------------------------------------------------------------------------------------- */

static enum osso_status write_values(struct export *x, const float *values, int64_t n)
{
    if (x->type == DT_F32)
        return save_write(x->save, values, (size_t)n * sizeof *values, x->err);
    for (int64_t i = 0; i < n; i++) {
        uint16_t v = bf16_from_f32(values[i]);
        x->bytes[2 * i] = (uint8_t)v;
        x->bytes[2 * i + 1] = (uint8_t)(v >> 8);
    }
    return save_write(x->save, x->bytes, (size_t)n * 2, x->err);
}

/* An expert's matrix, or a vector of each expert, with its members' rows in turns. */
static void read_expert(struct export *x, const struct plan_tensor *t, int64_t expert)
{
    const struct config *c = &x->model->config;
    int64_t n = t->row->n_members, each = rows_of(x, t) / n;
    for (int64_t m = 0; m < n; m++)
        for (int64_t r = 0; r < each; r++)
            params_row(c, &x->model->weights, t->row->members[m], t->layer, expert * each + r,
                       x->matrix + (r * n + m) * t->columns);
}

static void read_expert_vector(struct export *x, const struct plan_tensor *t, int64_t expert)
{
    int64_t n = t->row->n_members, each = rows_of(x, t) / n;
    float *one = (float *)(void *)x->bytes;
    for (int64_t m = 0; m < n; m++) {
        params_row(&x->model->config, &x->model->weights, t->row->members[m], t->layer, expert, one);
        for (int64_t r = 0; r < each; r++)
            x->matrix[r * n + m] = one[r];
    }
}

static enum osso_status write_transposed(struct export *x, int64_t rows, int64_t columns)
{
    float column[256];
    enum osso_status status = OSSO_OK;
    for (int64_t i = 0; i < columns && !status; i++)
        for (int64_t first = 0; first < rows && !status; first += 256) {
            int64_t n = rows - first < 256 ? rows - first : 256;
            for (int64_t r = 0; r < n; r++)
                column[r] = x->matrix[(first + r) * columns + i];
            status = write_values(x, column, n);
        }
    return status;
}

/* Part 0: codes; 1: scales. Blocks along the inputs, by the one packing rule (quant/mxfp4.c). */
static enum osso_status write_blocks(struct export *x, int64_t values, int part)
{
    size_t n = (size_t)(values / BLOCK);
    uint8_t *codes = x->bytes, *scales = codes + n * CODES;
    quant_pack_row(&(struct quant_row){.dtype = DT_MXFP4_HF}, x->matrix, values, codes,
                   &(struct sides_out){.data = {scales}, .dtype = {DT_U8}});
    return part == 0 ? save_write(x->save, codes, n * CODES, x->err) : save_write(x->save, scales, n, x->err);
}

static enum osso_status write_rows(struct export *x, const struct plan_tensor *t, const struct param *p)
{
    int64_t rows = params_rows(&x->model->config, p), values = params_row_values(&x->model->config, p);
    enum osso_status status = OSSO_OK;
    for (int64_t r = 0; r < rows && !status; r++) {
        params_row(&x->model->config, &x->model->weights, p->id, t->layer, r, x->matrix);
        status = write_values(x, x->matrix, values);
    }
    return status;
}

static enum osso_status write_one(void *user, struct save *save, int i, struct osso_error *err)
{
    struct export *x = user;
    const struct plan_tensor *t = &x->plan.list[i];
    const struct param *p = names_param(t->row);
    int64_t rows = rows_of(x, t), columns = columns_of(t);
    int64_t end = t->row->store == STORE_APART ? t->expert + 1 : x->model->config.n_experts;
    enum osso_status status = OSSO_OK;
    (void)err; /* the same */
    x->save = save;
    if (!params_stacked(p))
        return write_rows(x, t, p);
    for (int64_t e = t->expert; e < end && !status; e++) {
        (params_is_matrix(p) ? read_expert : read_expert_vector)(x, t, e);
        status = t->row->store == STORE_BLOCKS       ? write_blocks(x, rows * columns, t->part)
                 : t->row->store == STORE_TRANSPOSED ? write_transposed(x, rows, columns)
                                                     : write_values(x, x->matrix, rows * columns);
    }
    return status;
}

/* ---- the folder ----------------------------------------------------------------------------------------- */

static enum osso_status write_folder(struct export *x, const char *folder)
{
    struct buf config = {0}, generation = {0};
    const struct shards shards = {.folder = folder,
                                  .tensors = x->tensors,
                                  .n = x->plan.n,
                                  .bytes = x->plan.bytes,
                                  .limit = UINT64_MAX,
                                  .metadata = "{\"format\":\"pt\"}",
                                  .names = SHARDS_HF,
                                  .write = write_one,
                                  .user = x};
    enum osso_status status = shards_write(&shards, x->err);
    if (!status)
        status = tokenizer_copy_files(x->model->path, folder, x->err);
    config_write_generation(&x->model->config, &generation);
    config_write_json(&x->model->config, x->mxfp4, x->type, &config);
    if (!status)
        status = save_text(folder, "generation_config.json", &generation, x->err);
    if (!status)
        status = save_text(folder, "config.json", &config, x->err);
    buf_free(&config);
    buf_free(&generation);
    return status;
}

static enum osso_status check(const struct export *x, const char *out)
{
    const struct config *c = &x->model->config;
    if (file_exists(out) || file_is_dir(out))
        return error_set(x->err, OSSO_USAGE, "%s exists; name a new folder", out);
    if (x->mxfp4 && c->plain)
        return error_set(
            x->err, OSSO_UNSUPPORTED,
            "%s is a model of the plain block, whose folders (Mixtral's, Llama's) have no MXFP4; take bf16 or f32",
            x->model->path);
    if (x->mxfp4 && (c->hidden % BLOCK != 0 || c->intermediate % BLOCK != 0))
        return error_set(x->err, OSSO_UNSUPPORTED,
                         "MXFP4 packs 32 values, and this model's experts have %lld and %lld inputs; take bf16",
                         (long long)c->hidden, (long long)c->intermediate);
    return OSSO_OK;
}

enum osso_status osso_export(const char *path, const char *out, const char *type, struct osso_error *err)
{
    struct osso_model *model = NULL;
    struct place place = {0};
    bool bf16 = strcmp(type, "bf16") == 0, mxfp4 = strcmp(type, "mxfp4") == 0;
    if (!bf16 && !mxfp4 && strcmp(type, "f32") != 0)
        return error_set(err, OSSO_USAGE, "type '%s' is none of mxfp4, bf16, f32", type);
    enum osso_status status = osso_model_open(path, &model, err);
    struct export x = {.model = model, .type = bf16 ? DT_BF16 : DT_F32, .mxfp4 = mxfp4, .err = err};
    if (!status)
        status = check(&x, out);
    if (!status)
        status = list_tensors(&x);
    if (!status)
        status = place_take(out, &place, err);
    if (!status)
        status = write_folder(&x, place.temp);
    enum osso_status left = place_leave(&place, !status, err);
    plan_free(&x.plan);
    mem_free(x.tensors);
    mem_free(x.matrix);
    mem_free(x.bytes);
    osso_model_free(model);
    return status ? status : left;
}
