/* carry_gguf.h: what goes along, as the keys of a GGUF file. */
#ifndef OSSO_CONVERT_CARRY_GGUF_H
#define OSSO_CONVERT_CARRY_GGUF_H

#include "checkpoint/model_open.h"
#include "convert/carry_parts.h"
#include "format/write.h"

/* What a GGUF file carries. */
enum osso_status carry_read_keys(struct carry *carry, const struct osso_model *model, struct osso_error *err);
/* The keys of a GGUF file. */
enum osso_status carry_keys(const struct carry *carry, const struct osso_model *model, const char *name,
                            struct gguf_keys *keys, struct osso_error *err);
/* The keys of a GGUF file that a folder has no words for, into metadata.gguf; nothing where there are none. */
enum osso_status carry_write_beside(const struct carry *carry, const struct osso_model *model, const char *folder,
                                    struct osso_error *err);

#endif
