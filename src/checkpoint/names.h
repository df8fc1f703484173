/* names.h: how the file forms spell and lay out the tensors of params.def: one names_<form>.def each. Reading
 * (weights_resolve.c), planning and writing (plan.c) expand the same rows.
 *
 * ROW(members, spelling, store, type)  a tensor of the form, and the type that it is written in
 * ALSO(members, spelling, store)       one that is read where it is there, and never written
 *
 * Members: ONE(m); ALTERNATING(a, b): rows in turns, a's first; FUSED(a, b, c): a's rows, then b's, then c's;
 * STACKED(a, b) likewise. Store: PLAIN: rows of outputs, in one tensor of any type; TRANSPOSED: rows of inputs, one
 * value per block; PACKED: as PLAIN or, where the values' tensor is U32, MLX's codes with scales and offsets beside
 * them (packed.h); BLOCKS(codes, scales): MXFP4 as two tensors with these endings, rows of codes [columns / 32][16] and
 * of scale bytes; APART: as PLAIN, a tensor for each expert, whose number stands for a %d in the spelling. Where a
 * member has several rows, the first whose tensor is there is read (none: the last one is missing), and the first that
 * its columns allow is written. Spellings in layers go on after the form's prefix. */
#ifndef OSSO_CHECKPOINT_NAMES_H
#define OSSO_CHECKPOINT_NAMES_H

#include "format/tensors.h"
#include "model/params.h"

enum names_join { JOIN_ONE, JOIN_ALTERNATING, JOIN_FUSED };
enum names_store { STORE_PLAIN, STORE_TRANSPOSED, STORE_BLOCKS, STORE_PACKED, STORE_APART };
enum { NAMES_MEMBERS = 3, NAMES_PARTS = 3, NAMES_TEXT = 128 };

struct names_row {
    enum names_join join;
    int n_members;
    enum param_id members[NAMES_MEMBERS]; /* of one kind, with equal columns */
    const char *spelling;
    enum names_store store;
    const char *ending[NAMES_PARTS]; /* of the values' tensor, and of what lies apart (NULL: nothing does) */
    enum dtype type;                 /* DT_COUNT: not written */
};

struct names {
    const char *form;   /* as `info` calls it */
    const char *layer;  /* format of what stands before the names of layer %d */
    bool drops_ones;    /* writers drop dimensions of 1 in front: a stack of one expert may come as a matrix */
    const char *factor; /* ending, in the place of ".weight", of a matrix's own factor beside it; NULL: none has one */
    bool one_value;     /* whole tensors have a type of one value per block, as all of safetensors have */
    const struct names_row *rows;
    int n_rows;
};

/* gptoss: GGUF as Ollama's own architecture lays it out. */
extern const struct names names_hf, names_gguf, names_gptoss, names_mlx, names_original;
/* The Hugging Face folder of a configuration: the plain block has two tables of its own. */
const struct names *names_folder(const struct config *config);

const struct param *names_param(const struct names_row *row);
/* Tensors that the row has in a layer, not counting parts: one for each expert where these lie apart; 0: none, since
 * the model has no such member. */
int names_tensors(const struct config *config, const struct names_row *row);
/* At least as many as all rows have in all layers. */
size_t names_most(const struct config *config, const struct names *names);
/* The full name of a part (0: values) of a row; with experts that lie apart the first one's. */
void names_text(const struct names *names, const struct names_row *row, int layer, int part, char text[NAMES_TEXT]);
/* The same of tensor i of names_tensors. */
void names_text_of(const struct names *names, const struct names_row *row, int layer, int part, int i,
                   char text[NAMES_TEXT]);
/* Rows of all members together, and those before member `slot`. */
int64_t names_rows(const struct config *config, const struct names_row *row);
int64_t names_rows_before(const struct config *config, const struct names_row *row, int slot);
int64_t names_columns(const struct config *config, const struct names_row *row);
/* The shape of a part's tensor (of one of them, where experts lie apart); returns its rank. */
int names_shape(const struct config *config, const struct names_row *row, int part, int64_t shape_out[TENSOR_RANK]);

#endif
