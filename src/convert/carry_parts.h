/* carry_parts.h: what goes along with the weights, and the pieces that carry.c and carry_gguf.c share. */
#ifndef OSSO_CONVERT_CARRY_PARTS_H
#define OSSO_CONVERT_CARRY_PARTS_H

#include "format/tensors.h"
#include "token/tokenizer.h"

#include "base/buf.h"

#define CARRY_METADATA "metadata.gguf"

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
/* Adds the __metadata__ of a JSON text: the header of a safetensors file, or the object alone. */
void carry_take_metadata(struct carry *carry, const char *text, size_t len, bool header);

#endif
