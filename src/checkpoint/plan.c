/* plan.c: the tensors of a gpt-oss checkpoint, as the rows of a form name, shape and type them. */
#include "checkpoint/plan.h"
#include "checkpoint/config_files.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"

#include <string.h>

enum { STREAMS_PER_LAYER = 32, MAX_CONFIG = 1 << 20 };

struct planner {
    struct plan *plan;
    const struct config *config;
    const struct names *names;
    plan_choose *choose;
    void *user;
    uint32_t stream; /* of the next logical tensor: forms that write them in one order give them equal values */
};

/* Matrices whose rows are no whole blocks of the form's type are F16. */
static enum dtype type_of(const struct names_row *row, int64_t columns)
{
    bool whole = row->type == DT_U8 || columns % dtype_info(row->type)->block == 0;
    return whole ? row->type : DT_F16;
}

/* Codes of MLX's stand in words; what lies apart has a value for each group. */
static void add_packed(struct plan_tensor *t, const struct plan_choice *choice)
{
    const struct dtype_info *info = dtype_info(choice->dtype);
    bool codes = t->part == 0;
    int64_t codes_bytes = t->columns / info->block * info->block_bytes;
    t->dtype = codes || choice->side == DT_U8 ? DT_U8 : choice->side;
    t->container = codes ? "U32" : NULL;
    t->shape[t->rank - 1] = codes ? codes_bytes / 4 : t->columns / choice->group;
    t->row_values = codes ? codes_bytes : t->shape[t->rank - 1];
}

static void add(struct planner *p, const struct names_row *row, int layer, int part, int i,
                const struct plan_choice *choice)
{
    struct plan_tensor *t = &p->plan->list[p->plan->n++];
    bool blocks = row->store == STORE_BLOCKS;
    names_text_of(p->names, row, layer, part, i, t->name);
    t->row = row;
    t->layer = layer;
    t->part = part;
    t->expert = i;
    t->choice = *choice;
    t->columns = params_is_matrix(names_param(row)) ? names_columns(p->config, row) : names_rows(p->config, row);
    t->dtype = blocks ? DT_U8 : choice->dtype;
    t->rank = names_shape(p->config, row, part, t->shape);
    t->row_values = blocks ? t->columns : t->shape[t->rank - 1];
    t->n_rows = blocks ? p->config->n_experts * names_rows(p->config, row) : 1; /* all bounded by config_check */
    for (int k = 0; k < t->rank - 1 && !blocks; k++)
        t->n_rows *= t->shape[k];
    if (row->store == STORE_PACKED && dtype_apart(dtype_info(choice->dtype)))
        add_packed(t, choice);
    t->bytes = (uint64_t)t->n_rows * plan_row_bytes(t);
    t->stream = p->stream;
    p->plan->bytes += t->bytes;
}

static int parts_of(const struct names_row *row, const struct plan_choice *choice)
{
    const struct dtype_info *info = dtype_info(choice->dtype);
    if (row->store == STORE_PACKED)
        return !dtype_apart(info) ? 1 : info->offsets == PLACE_NONE ? 2 : 3;
    return row->store == STORE_BLOCKS ? 2 : 1;
}

/* May this row be written, and is it the first of its members' that may? */
static bool is_written(const struct planner *p, int i)
{
    const struct names_row *row = &p->names->rows[i];
    if (row->type == DT_COUNT || (row->store == STORE_BLOCKS && names_columns(p->config, row) % QUANT_BLOCK != 0) ||
        (row->members[0] == PARAM_head && p->config->tied))
        return false;
    for (int k = 0; k < i; k++)
        if (p->names->rows[k].members[0] == row->members[0] && is_written(p, k))
            return false;
    return true;
}

/* plan_create's own choice: the type of the row. */
static bool choose_own(void *user, const struct names_row *row, int layer, struct plan_choice *choice_out)
{
    const struct planner *p = user;
    (void)layer;
    *choice_out = (struct plan_choice){.dtype = type_of(row, params_is_matrix(names_param(row))
                                                                 ? names_columns(p->config, row)
                                                                 : names_rows(p->config, row))};
    return is_written(p, (int)(row - p->names->rows));
}

static void add_row(struct planner *p, const struct names_row *row, int layer)
{
    struct plan_choice choice;
    if (row->type == DT_COUNT || !p->choose(p->user, row, layer, &choice))
        return;
    for (int i = 0; i < names_tensors(p->config, row); i++)
        for (int part = 0; part < parts_of(row, &choice); part++)
            add(p, row, layer, part, i, &choice);
    p->stream += params_is_matrix(names_param(row)) ? (uint32_t)row->n_members : 1;
}

/* Rows [first, end) of the form that are (not) in layers. */
static int group_end(const struct names *names, int first)
{
    int end = first;
    while (end < names->n_rows && names_param(&names->rows[end])->each == names_param(&names->rows[first])->each)
        end++;
    return end;
}

static void add_all(struct planner *p)
{
    uint32_t outside = 0;
    for (int first = 0, end; first < p->names->n_rows; first = end) {
        bool each = names_param(&p->names->rows[first])->each;
        end = group_end(p->names, first);
        for (int layer = 0; layer < (each ? p->config->n_layers : 1); layer++) {
            p->stream = each ? (uint32_t)(layer + 1) * STREAMS_PER_LAYER : outside;
            for (int i = first; i < end; i++)
                add_row(p, &p->names->rows[i], layer);
        }
        outside = each ? outside : p->stream;
    }
}

enum osso_status plan_create_with(const struct config *config, const struct names *names, plan_choose *choose,
                                  void *user, struct plan *plan_out, struct osso_error *err)
{
    *plan_out = (struct plan){0};
    size_t room = names_most(config, names) * NAMES_PARTS;
    struct plan plan = {.list = mem_array(room, sizeof *plan.list)};
    if (!plan.list)
        return error_nomem(err, room * sizeof *plan.list, "the list of tensors");
    struct planner p = {.plan = &plan, .config = config, .names = names, .choose = choose, .user = user};
    p.user = choose == choose_own ? &p : user;
    add_all(&p);
    *plan_out = plan;
    return OSSO_OK;
}

enum osso_status plan_create(const struct config *config, const struct names *names, struct plan *plan_out,
                             struct osso_error *err)
{
    return plan_create_with(config, names, choose_own, NULL, plan_out, err);
}

void plan_free(struct plan *plan)
{
    mem_free(plan->list);
    *plan = (struct plan){0};
}

enum osso_status plan_tensors(const struct plan *plan, struct tensor **tensors_out, struct osso_error *err)
{
    struct tensor *list = *tensors_out = mem_array((size_t)plan->n, sizeof *list);
    if (!list)
        return error_nomem(err, (size_t)plan->n * sizeof *list, "the list of tensors");
    for (int i = 0; i < plan->n; i++) {
        struct plan_tensor *p = &plan->list[i];
        list[i] = (struct tensor){
            .name = p->name, .dtype = p->dtype, .type = p->container, .rank = p->rank, .bytes = p->bytes};
        memcpy(list[i].shape, p->shape, sizeof p->shape);
    }
    return OSSO_OK;
}

enum osso_status plan_config(const char *preset, struct config *config_out, struct osso_error *err)
{
    char *text = NULL;
    size_t len;
    enum osso_status status = config_preset(preset, config_out, err);
    if (status != OSSO_NOTFOUND)
        return status;
    if (!file_exists(preset))
        return error_set(err, OSSO_USAGE, "no preset is named \"%s\", nor is there such a file; there are %s", preset,
                         config_presets());
    status = file_read_text(preset, MAX_CONFIG, &text, &len, err);
    if (!status)
        status = config_from_json(text, len, preset, config_out, NULL, err);
    mem_free(text);
    return status;
}
