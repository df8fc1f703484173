/* tokenizer_files.h: writing a vocabulary where model files keep it. */
#ifndef OSSO_TOKEN_TOKENIZER_FILES_H
#define OSSO_TOKEN_TOKENIZER_FILES_H

#include "token/vocab_export.h"
#include "format/write.h"

/* tokenizer.json and tokenizer_config.json as Hugging Face's tokenizers reads them. */
void tokenizer_write_json(const struct vocab_export *export, struct buf *out);
void tokenizer_write_config(const struct vocab_export *export, int64_t context, struct buf *out);
/* The tokenizer.ggml.* keys of a GGUF file. */
void tokenizer_write_gguf(const struct vocab_export *export, struct gguf_keys *keys);

#endif
