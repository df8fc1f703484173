/* export.c: a model's files as a Hugging Face folder of one number format, row by row, so that memory stays at one
 * expert's matrix whatever the model. */
#include "checkpoint/config_files.h"
#include "checkpoint/model_open.h"
#include "format/write.h"
#include "osso/train.h"
#include "token/tokenizer_files.h"

#include "base/error.h"
#include "base/mem.h"

#include <string.h>

enum { BLOCK = 32, CODES = 16 };

struct item {
    const struct names_row *row;
    int layer, part;
    int64_t rows, columns, first_expert, experts; /* rows: of one expert */
};

struct export
{
    const struct osso_model *model;
    const struct names *form;
    enum dtype type; /* of what is not packed */
    bool mxfp4;
    char(*names)[NAMES_TEXT];
    struct tensor *list;
    struct item *items;
    int n;
    float *matrix; /* one expert's, rows of outputs */
    uint8_t *bytes;
    struct save *save;
    struct osso_error *err;
};

/* ---- what is written ------------------------------------------------------------------------------------ */

/* Of several rows for the same members the one of this form. */
static bool is_written(const struct export *x, const struct names_row *row)
{
    if (row->members[0] == PARAM_head && x->model->config.tied)
        return false;
    if (!params_stacked(names_param(row)) || !params_is_matrix(names_param(row)))
        return true;
    return row->store == STORE_APART || (row->store == STORE_BLOCKS) == x->mxfp4;
}

static void add(struct export *x, const struct names_row *row, int layer, int part, int i)
{
    const struct config *c = &x->model->config;
    const struct param *p = names_param(row);
    struct tensor *t = &x->list[x->n];
    struct item *item = &x->items[x->n];
    *item = (struct item){row,
                          layer,
                          part,
                          names_rows(c, row),
                          params_is_matrix(p) ? names_columns(c, row) : 1,
                          i,
                          params_stacked(p) && row->store != STORE_APART ? c->n_experts : 1};
    names_text_of(x->form, row, layer, part, i, x->names[x->n]);
    *t = (struct tensor){.name = x->names[x->n], .dtype = row->store == STORE_BLOCKS ? DT_U8 : x->type};
    t->rank = names_shape(c, row, part, t->shape);
    t->bytes = row->store == STORE_BLOCKS ? 1 : x->type == DT_F32 ? 4 : 2;
    for (int k = 0; k < t->rank; k++)
        t->bytes *= (uint64_t)t->shape[k]; /* bounded by config_check */
    x->n++;
}

static void add_row(struct export *x, const struct names_row *row, int layer)
{
    for (int i = 0; i < names_tensors(&x->model->config, row); i++)
        for (int part = 0; part < NAMES_PARTS && row->ending[part]; part++)
            add(x, row, layer, part, i);
}

static enum osso_status list_tensors(struct export *x)
{
    const struct config *c = &x->model->config;
    size_t room = names_most(c, x->form) * NAMES_PARTS;
    uint64_t most = 0;
    x->names = mem_array(room, sizeof *x->names);
    x->list = mem_array(room, sizeof *x->list);
    x->items = mem_array(room, sizeof *x->items);
    if (!x->names || !x->list || !x->items)
        return error_nomem(x->err, room * sizeof *x->items, "the list of tensors");
    for (int i = 0; i < x->form->n_rows; i++)
        for (int l = 0; l < (names_param(&x->form->rows[i])->each ? c->n_layers : 1); l++)
            if (is_written(x, &x->form->rows[i]))
                add_row(x, &x->form->rows[i], l);
    for (int i = 0; i < x->n; i++) {
        uint64_t values = (uint64_t)x->items[i].columns *
                          (uint64_t)(params_stacked(names_param(x->items[i].row)) ? x->items[i].rows : 1);
        most = values > most ? values : most;
    }
    for (int i = 0; i < x->n; i++) /* a vector is a row of all its values */
        most = (uint64_t)x->items[i].rows > most ? (uint64_t)x->items[i].rows : most;
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
static void read_expert(struct export *x, const struct item *t, int64_t expert)
{
    const struct config *c = &x->model->config;
    int64_t n = t->row->n_members, each = t->rows / n;
    for (int64_t m = 0; m < n; m++)
        for (int64_t r = 0; r < each; r++)
            params_row(c, &x->model->weights, t->row->members[m], t->layer, expert * each + r,
                       x->matrix + (r * n + m) * t->columns);
}

static void read_expert_vector(struct export *x, const struct item *t, int64_t expert)
{
    int64_t n = t->row->n_members, each = t->rows / n;
    float *one = (float *)(void *)x->bytes;
    for (int64_t m = 0; m < n; m++) {
        params_row(&x->model->config, &x->model->weights, t->row->members[m], t->layer, expert, one);
        for (int64_t r = 0; r < each; r++)
            x->matrix[r * n + m] = one[r];
    }
}

static enum osso_status write_transposed(struct export *x, const struct item *t)
{
    float column[256];
    enum osso_status status = OSSO_OK;
    for (int64_t i = 0; i < t->columns && !status; i++)
        for (int64_t first = 0; first < t->rows && !status; first += 256) {
            int64_t n = t->rows - first < 256 ? t->rows - first : 256;
            for (int64_t r = 0; r < n; r++)
                column[r] = x->matrix[(first + r) * t->columns + i];
            status = write_values(x, column, n);
        }
    return status;
}

/* Part 0: codes; 1: scales. Blocks along the inputs, by the one packing rule (quant/mxfp4.c). */
static enum osso_status write_blocks(struct export *x, const struct item *t)
{
    size_t n = (size_t)(t->rows * t->columns / BLOCK);
    uint8_t *codes = x->bytes, *scales = codes + n * CODES;
    quant_pack_row(&(struct quant_row){.dtype = DT_MXFP4_HF}, x->matrix, t->rows * t->columns, codes,
                   &(struct sides_out){.data = {scales}, .dtype = {DT_U8}});
    return t->part == 0 ? save_write(x->save, codes, n * CODES, x->err) : save_write(x->save, scales, n, x->err);
}

static enum osso_status write_item(struct export *x, const struct item *t)
{
    const struct param *p = names_param(t->row);
    enum osso_status status = OSSO_OK;
    if (!params_stacked(p)) {
        int64_t rows = params_rows(&x->model->config, p), values = params_row_values(&x->model->config, p);
        for (int64_t r = 0; r < rows && !status; r++) {
            params_row(&x->model->config, &x->model->weights, p->id, t->layer, r, x->matrix);
            status = write_values(x, x->matrix, values);
        }
        return status;
    }
    for (int64_t e = t->first_expert; e < t->first_expert + t->experts && !status; e++) {
        if (params_is_matrix(p))
            read_expert(x, t, e);
        else
            read_expert_vector(x, t, e);
        status = t->row->store == STORE_BLOCKS       ? write_blocks(x, t)
                 : t->row->store == STORE_TRANSPOSED ? write_transposed(x, t)
                                                     : write_values(x, x->matrix, t->rows * t->columns);
    }
    return status;
}

static enum osso_status write_weights(struct export *x, const char *folder)
{
    char *path = file_join(folder, "model.safetensors");
    enum osso_status status = path ? save_open(path, &x->save, x->err) : error_nomem(x->err, 0, "a path");
    mem_free(path);
    if (status)
        return status;
    status = safetensors_write_header(x->save, x->list, x->n, x->err);
    for (int i = 0; i < x->n && !status; i++)
        status = write_item(x, &x->items[i]);
    if (!status)
        return save_commit(x->save, x->err);
    save_abort(x->save);
    return status;
}

/* ---- the folder ----------------------------------------------------------------------------------------- */

static enum osso_status write_folder(struct export *x, const char *folder)
{
    struct buf config = {0}, generation = {0};
    enum osso_status status = file_make_dir(folder, &(bool){false}, x->err);
    if (!status)
        status = write_weights(x, folder);
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
    struct buf temp = {0};
    bool bf16 = strcmp(type, "bf16") == 0, mxfp4 = strcmp(type, "mxfp4") == 0;
    if (!bf16 && !mxfp4 && strcmp(type, "f32") != 0)
        return error_set(err, OSSO_USAGE, "type '%s' is none of mxfp4, bf16, f32", type);
    enum osso_status status = osso_model_open(path, &model, err);
    struct export x = {.model = model,
                       .form = model ? names_folder(&model->config) : NULL,
                       .type = bf16 ? DT_BF16 : DT_F32,
                       .mxfp4 = mxfp4,
                       .err = err};
    if (!status)
        status = check(&x, out);
    if (!status)
        status = list_tensors(&x);
    buf_printf(&temp, "%s.unfinished", out);
    if (!status)
        status = temp.failed ? error_nomem(err, strlen(out), "a path") : write_folder(&x, temp.data);
    if (!status)
        status = save_folder(temp.data, out, err);
    mem_free(x.names);
    mem_free(x.list);
    mem_free(x.items);
    mem_free(x.matrix);
    mem_free(x.bytes);
    buf_free(&temp);
    osso_model_free(model);
    return status;
}
