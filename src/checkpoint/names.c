/* names.c: the tables of names, and the shapes that follow from their rows. */
#include "checkpoint/names.h"

#include <stdio.h>

enum { MXFP4_BLOCK = 32, MXFP4_CODES = 16 /* bytes of a block */ };

#define ONE(a)                                                                                                         \
    JOIN_ONE, 1,                                                                                                       \
    {                                                                                                                  \
        PARAM_##a                                                                                                      \
    }
#define ALTERNATING(a, b)                                                                                              \
    JOIN_ALTERNATING, 2,                                                                                               \
    {                                                                                                                  \
        PARAM_##a, PARAM_##b                                                                                           \
    }
#define FUSED(a, b, c)                                                                                                 \
    JOIN_FUSED, 3,                                                                                                     \
    {                                                                                                                  \
        PARAM_##a, PARAM_##b, PARAM_##c                                                                                \
    }
#define STACKED(a, b)                                                                                                  \
    JOIN_FUSED, 2,                                                                                                     \
    {                                                                                                                  \
        PARAM_##a, PARAM_##b                                                                                           \
    }
#define PLAIN                                                                                                          \
    STORE_PLAIN,                                                                                                       \
    {                                                                                                                  \
        "", NULL                                                                                                       \
    }
#define APART                                                                                                          \
    STORE_APART,                                                                                                       \
    {                                                                                                                  \
        "", NULL                                                                                                       \
    }
#define TRANSPOSED                                                                                                     \
    STORE_TRANSPOSED,                                                                                                  \
    {                                                                                                                  \
        "", NULL                                                                                                       \
    }
#define PACKED                                                                                                         \
    STORE_PACKED,                                                                                                      \
    {                                                                                                                  \
        ".weight", ".scales", ".biases"                                                                                \
    }
#define BLOCKS(codes, scales)                                                                                          \
    STORE_BLOCKS,                                                                                                      \
    {                                                                                                                  \
        codes, scales                                                                                                  \
    }
#define ROW(members, spelling, store, type) {members, spelling, store, DT_##type},
#define ALSO(members, spelling, store) {members, spelling, store, DT_COUNT},

static const struct names_row rows_hf[] = {
#include "checkpoint/names_hf.def"
};
static const struct names_row rows_gguf[] = {
#define TOGETHER(a, b) STACKED(a, b)
#include "checkpoint/names_gguf.def"
#undef TOGETHER
};
static const struct names_row rows_gptoss[] = {
#define TOGETHER(a, b) ALTERNATING(a, b)
#include "checkpoint/names_gguf.def"
#undef TOGETHER
};

static const struct names_row rows_mlx[] = {
#include "checkpoint/names_mlx.def"
};
static const struct names_row rows_original[] = {
#include "checkpoint/names_original.def"
};
static const struct names_row rows_mixtral[] = {
#define MIXTRAL_OR_LLAMA(mixtral, llama) mixtral
#include "checkpoint/names_plain.def"
#undef MIXTRAL_OR_LLAMA
};
static const struct names_row rows_llama[] = {
#define MIXTRAL_OR_LLAMA(mixtral, llama) llama
#include "checkpoint/names_plain.def"
#undef MIXTRAL_OR_LLAMA
};

#define ROWS(rows) rows, sizeof(rows) / sizeof(rows)[0]
const struct names names_hf = {"hf", "model.layers.%d.", false, NULL, true, ROWS(rows_hf)};
const struct names names_gguf = {"gguf", "blk.%d.", true, ".scale", false, ROWS(rows_gguf)};
const struct names names_gptoss = {"ollama", "blk.%d.", true, NULL, false, ROWS(rows_gptoss)};
const struct names names_mlx = {"mlx", "model.layers.%d.", false, NULL, true, ROWS(rows_mlx)};
const struct names names_original = {"original", "block.%d.", false, NULL, true, ROWS(rows_original)};

static const struct names names_mixtral = {"hf", "model.layers.%d.", false, NULL, true, ROWS(rows_mixtral)};
static const struct names names_llama = {"hf", "model.layers.%d.", false, NULL, true, ROWS(rows_llama)};

const struct names *names_folder(const struct config *c)
{
    return !c->plain ? &names_hf : c->n_experts > 1 ? &names_mixtral : &names_llama;
}

const struct param *names_param(const struct names_row *row)
{
    return params_of(row->members[0]);
}

int names_tensors(const struct config *c, const struct names_row *row)
{
    if (!params_has(c, names_param(row)))
        return 0;
    return row->store == STORE_APART ? c->n_experts : 1;
}

size_t names_most(const struct config *c, const struct names *names)
{
    size_t n = 0;
    for (int i = 0; i < names->n_rows; i++)
        n += (size_t)names_tensors(c, &names->rows[i]);
    return n * (size_t)(c->n_layers + 1); /* bounded by config_check */
}

void names_text_of(const struct names *names, const struct names_row *row, int layer, int part, int i,
                   char text[NAMES_TEXT])
{
    int used = names_param(row)->each ? snprintf(text, NAMES_TEXT, names->layer, layer) : 0;
    used += snprintf(text + used, NAMES_TEXT - (size_t)used, row->spelling, i);
    snprintf(text + used, NAMES_TEXT - (size_t)used, "%s", row->ending[part]);
}

void names_text(const struct names *names, const struct names_row *row, int layer, int part, char text[NAMES_TEXT])
{
    names_text_of(names, row, layer, part, 0, text);
}

int64_t names_rows_before(const struct config *c, const struct names_row *row, int slot)
{
    int64_t n = 0;
    for (int i = 0; i < slot; i++)
        n += params_size(c, params_of(row->members[i])->rows);
    return n;
}

int64_t names_rows(const struct config *c, const struct names_row *row)
{
    return names_rows_before(c, row, row->n_members);
}

int64_t names_columns(const struct config *c, const struct names_row *row)
{
    return params_size(c, names_param(row)->columns);
}

int names_shape(const struct config *c, const struct names_row *row, int part, int64_t shape[TENSOR_RANK])
{
    const struct param *p = names_param(row);
    int64_t rows = names_rows(c, row), columns = names_columns(c, row);
    int rank = 0;
    bool apart = row->store == STORE_APART;
    if (params_stacked(p) && !apart)
        shape[rank++] = c->n_experts;
    if (row->store == STORE_TRANSPOSED)
        shape[rank++] = columns;
    shape[rank++] = rows;
    if ((row->store == STORE_PLAIN || row->store == STORE_PACKED || apart) && p->columns != SIZE_ONE)
        shape[rank++] = columns;
    if (row->store == STORE_BLOCKS)
        shape[rank++] = columns / MXFP4_BLOCK;
    if (row->store == STORE_BLOCKS && part == 0)
        shape[rank++] = MXFP4_CODES;
    return rank;
}
