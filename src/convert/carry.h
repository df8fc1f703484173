/* carry.h: what goes along with the weights from one form to the next.
 *
 * A folder keeps it in files. A GGUF file keeps the chat template under its usual key, the tokenizer in its own keys,
 * and the text of each other file under "osso.file.<name>". What a GGUF file says beside that goes into a folder as
 * metadata.gguf, a GGUF file without tensors, and comes back from there byte for byte. */
#ifndef OSSO_CONVERT_CARRY_H
#define OSSO_CONVERT_CARRY_H

#include "checkpoint/model_open.h"
#include "format/write.h"

enum carry_file {
#define CARRY(id, name) CARRY_##id,
#include "convert/carry.def"
#undef CARRY
    N_CARRY
};

struct carry {
    struct buf file[N_CARRY];   /* data NULL: there is none */
    struct buf metadata;        /* the members of safetensors' __metadata__ but "format", as ,"a":"b"; may be empty */
    struct tensors beside;      /* metadata.gguf of a folder */
    struct gguf *keys;          /* its keys, or NULL */
    const struct gguf *foreign; /* where keys that osso has no words for stand: keys, or IN's own; NULL: none */
    const struct osso_tokenizer *tokenizer; /* the model's; NULL: it has none */
};

const char *carry_name(enum carry_file file);
/* All that stands beside the weights of a model. tokenizer: the model's, NULL: none. */
enum osso_status carry_read(const struct osso_model *model, const struct osso_tokenizer *tokenizer,
                            struct carry *carry_out, struct osso_error *err);
void carry_free(struct carry *carry);

/* The keys of a GGUF file. */
enum osso_status carry_keys(const struct carry *carry, const struct osso_model *model, const char *name,
                            struct gguf_keys *keys, struct osso_error *err);

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
