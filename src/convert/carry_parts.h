/* carry_parts.h: what carry.c and carry_gguf.c share. */
#ifndef OSSO_CONVERT_CARRY_PARTS_H
#define OSSO_CONVERT_CARRY_PARTS_H

#include "convert/carry.h"

#define CARRY_METADATA "metadata.gguf"

/* Of a JSON text: the header of a safetensors file, or its __metadata__ alone. */
void carry_take_metadata(struct carry *carry, const char *text, size_t len, bool header);
/* What a GGUF file carries. */
enum osso_status carry_read_keys(struct carry *carry, const struct osso_model *model, struct osso_error *err);
/* The keys of a GGUF file that a folder has no words for, into metadata.gguf; nothing where there are none. */
enum osso_status carry_write_beside(const struct carry *carry, const struct osso_model *model, const char *folder,
                                    struct osso_error *err);

#endif
