/* config_write.h: a configuration as the files that other engines read. */
#ifndef OSSO_MODEL_CONFIG_WRITE_H
#define OSSO_MODEL_CONFIG_WRITE_H

#include "format/write.h"
#include "model/config.h"

/* config.json; mxfp4: with the quantization_config of checkpoints that hold MXFP4 experts. */
void config_write_json(const struct config *config, bool mxfp4, struct buf *out);
/* generation_config.json: sampling defaults and the ids that end generation. */
void config_write_generation(const struct config *config, struct buf *out);
/* The gpt-oss keys of a GGUF file, in the order of llama.cpp's converter. */
void config_write_gguf(const struct config *config, const char *name, struct gguf_keys *keys);

#endif
