/* snapshot_tensors.c: an arena as the tensors of a Hugging Face folder (checkpoint/names_hf.def): rows of gate and up
 * in turns, experts transposed, everything F32. */
#include "train/snapshot.h"

#include "base/error.h"
#include "base/mem.h"
#include "checkpoint/names.h"
#include "format/write.h"

enum { CHUNK = 4096 };

/* One tensor of the file. */
struct item {
    const struct names_row *row;
    const float *member[NAMES_MEMBERS];
    int64_t experts, rows, columns; /* rows: of one expert, of all members together */
};

struct file {
    const struct trainer *trainer;
    const struct names *form;
    const float *arena;
    const float **places; /* [layers + 1][N_PARAMS]: where the arena has each tensor; NULL: it has none */
    char (*names)[NAMES_TEXT];
    struct tensor *list;
    struct item *items;
    int n;
};

static enum osso_status note_place(void *user, const struct param_piece *p, struct osso_error *err)
{
    struct file *f = user;
    (void)err;
    f->places[(p->layer + 1) * N_PARAMS + (int)p->param->id] = f->arena + ((const float *)(const void *)p->data -
                                                                           f->trainer->values);
    return OSSO_OK;
}

static void add(struct file *f, const struct names_row *row, int layer, int i)
{
    const struct config *c = &f->trainer->config;
    const struct param *p = names_param(row);
    bool apart = row->store == STORE_APART;
    struct item item = {
        .row = row, .experts = params_stacked(p) && !apart ? c->n_experts : 1, .rows = names_rows(c, row)};
    struct tensor t = {.name = f->names[f->n], .dtype = DT_F32, .bytes = sizeof(float)};
    item.columns = params_is_matrix(p) ? names_columns(c, row) : 1;
    for (int m = 0; m < row->n_members; m++)
        item.member[m] = f->places[(p->each ? layer + 1 : 0) * N_PARAMS + (int)row->members[m]];
    if (row->store == STORE_BLOCKS || !item.member[0])
        return;                                     /* written dense; a tied head is the embedding */
    item.member[0] += i * item.rows * item.columns; /* tensor i of experts that lie apart, which have one member */
    names_text_of(f->form, row, layer, 0, i, t.name);
    t.rank = names_shape(c, row, 0, t.shape);
    for (int k = 0; k < t.rank; k++)
        t.bytes *= (uint64_t)t.shape[k]; /* bounded by config_check */
    f->items[f->n] = item;
    f->list[f->n++] = t;
}

static enum osso_status list_tensors(struct file *f, struct osso_error *err)
{
    int n_layers = f->trainer->config.n_layers;
    size_t room = names_most(&f->trainer->config, f->form);
    f->places = mem_array((size_t)(n_layers + 1) * N_PARAMS, sizeof *f->places);
    f->names = mem_array(room, sizeof *f->names);
    f->list = mem_array(room, sizeof *f->list);
    f->items = mem_array(room, sizeof *f->items);
    if (!f->places || !f->names || !f->list || !f->items)
        return error_nomem(err, room * sizeof *f->items, "the list of tensors");
    enum osso_status status = weights_each(&f->trainer->weights, &f->trainer->config, note_place, f, err);
    for (int i = 0; i < f->form->n_rows && !status; i++) {
        const struct names_row *row = &f->form->rows[i];
        for (int l = 0; l < (names_param(row)->each ? n_layers : 1); l++)
            for (int k = 0; k < names_tensors(&f->trainer->config, row); k++)
                add(f, row, l, k);
    }
    return status;
}

/* Value (row, column) of an expert; members lie apart, their rows come in turns. */
static float value_at(const struct item *t, int64_t expert, int64_t row, int64_t column)
{
    int64_t n = t->row->n_members, each = t->rows / n;
    return t->member[row % n][(expert * each + row / n) * t->columns + column];
}

static enum osso_status write_item(struct save *save, const struct item *t, struct osso_error *err)
{
    bool turned = t->row->store == STORE_TRANSPOSED;
    int64_t outer = turned ? t->columns : t->rows, inner = turned ? t->rows : t->columns;
    float chunk[CHUNK];
    int n = 0;
    enum osso_status status = OSSO_OK;
    for (int64_t e = 0; e < t->experts; e++)
        for (int64_t i = 0; i < outer; i++)
            for (int64_t j = 0; j < inner && !status; j++) {
                chunk[n++] = turned ? value_at(t, e, j, i) : value_at(t, e, i, j);
                if (n == CHUNK) {
                    status = save_write(save, chunk, sizeof chunk, err);
                    n = 0;
                }
            }
    return status ? status : save_write(save, chunk, (size_t)n * sizeof *chunk, err);
}

static enum osso_status write_file(const struct file *f, const char *path, const char *metadata, struct osso_error *err)
{
    struct save *save = NULL;
    enum osso_status status = save_open(path, &save, err);
    if (status)
        return status;
    status = safetensors_write_header_of(save, f->list, f->n, metadata, err);
    for (int i = 0; i < f->n && !status; i++)
        status = write_item(save, &f->items[i], err);
    if (!status)
        return save_commit(save, err);
    save_abort(save);
    return status;
}

enum osso_status snapshot_write_arena(const struct trainer *t, const float *arena, const char *path,
                                      struct osso_error *err)
{
    return snapshot_write_with(t, arena, "{\"format\":\"pt\"}", path, err);
}

enum osso_status snapshot_write_with(const struct trainer *t, const float *arena, const char *metadata,
                                     const char *path, struct osso_error *err)
{
    struct file f = {.form = names_folder(&t->config), .trainer = t, .arena = arena};
    enum osso_status status = list_tensors(&f, err);
    if (!status)
        status = write_file(&f, path, metadata, err);
    mem_free(f.places);
    mem_free(f.names);
    mem_free(f.list);
    mem_free(f.items);
    return status;
}
