/* packed.h: matrices as MLX packs them: codes in words (U32), rows of bits without gaps; scales for groups of a row in
 * a tensor of their own and, where the format is affine, offsets in a third. What a matrix holds follows from the
 * shapes. */
#ifndef OSSO_CHECKPOINT_PACKED_H
#define OSSO_CHECKPOINT_PACKED_H

#include "checkpoint/names.h"
#include "model/weights.h"

struct jval;

/* Are these a packed matrix's codes? */
bool packed_is(const struct tensor *weight);

/* The tensors of one packed matrix, and what they hold. */
struct packed {
    const struct tensor *part[NAMES_PARTS]; /* codes, scales, offsets (NULL: none) */
    enum dtype dtype;
    int bits;
    int64_t group, rows, columns; /* rows: of one matrix of the stack */
};

/* `row` is a PACKED row whose first part is packed. Missing parts, shapes and types that do not agree, and what osso
 * does not read, are named. */
enum osso_status packed_find(const struct tensors *set, const char *where, const struct config *config,
                             const struct names *names, const struct names_row *row, int layer,
                             struct packed *packed_out, struct osso_error *err);
/* All its rows, as views. */
void packed_matrix(const struct packed *packed, struct expert_matrix *out);

/* Does the "quantization" block of a config.json agree with the tensors? `where` names the file. */
enum osso_status packed_check(const struct tensors *set, const char *where, const struct jval *config_json,
                              const struct config *config, const struct names *names, struct osso_error *err);

#endif
