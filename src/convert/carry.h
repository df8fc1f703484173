/* carry.h: reading and writing what goes along with the weights from one form to the next.
 *
 * A folder keeps it in files. A GGUF file keeps the chat template under its usual key, the tokenizer in its own keys,
 * and the text of each other file under "osso.file.<name>". What a GGUF file says beside that goes into a folder as
 * metadata.gguf, a GGUF file without tensors, and comes back from there byte for byte. */
#ifndef OSSO_CONVERT_CARRY_H
#define OSSO_CONVERT_CARRY_H

#include "checkpoint/model_open.h"
#include "convert/carry_parts.h"

/* All that stands beside the weights of a model. tokenizer: the model's, NULL: none. */
enum osso_status carry_read(const struct osso_model *model, const struct osso_tokenizer *tokenizer,
                            struct carry *carry_out, struct osso_error *err);
void carry_free(struct carry *carry);
/* The head is no longer the embedding: its configuration says so. */
enum osso_status carry_untie(struct carry *carry, struct osso_error *err);

/* What the configuration of a folder says of its weights. */
struct carry_weights {
    bool mxfp4;               /* Hugging Face's experts are MXFP4 */
    enum dtype plain;         /* of values that are not packed */
    const struct buf *packed; /* MLX's "quantization" object; NULL: nothing is packed */
};
/* All files of a folder but the weights. */
enum osso_status carry_folder(const struct carry *carry, const struct osso_model *model, const struct names *to,
                              const struct carry_weights *weights, const char *folder, struct osso_error *err);
/* The __metadata__ of its safetensors files. */
void carry_metadata(const struct carry *carry, const struct names *to, struct buf *out);

#endif
