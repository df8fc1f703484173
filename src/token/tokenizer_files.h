/* tokenizer_files.h: a vocabulary where model files keep it: writing it, and reading a GGUF's. */
#ifndef OSSO_TOKEN_TOKENIZER_FILES_H
#define OSSO_TOKEN_TOKENIZER_FILES_H

#include "format/tensors.h"
#include "format/write.h"
#include "token/vocab_export.h"

/* What the tokenizer of a Hugging Face folder consists of; the first two are written below. */
#define TOKENIZER_FILES(NAME)                                                                                          \
    NAME("tokenizer.json") NAME("tokenizer_config.json") NAME("special_tokens_map.json") NAME("chat_template.jinja")

/* tokenizer.json and tokenizer_config.json as Hugging Face's tokenizers reads them. */
void tokenizer_write_json(const struct vocab_export *export, struct buf *out);
void tokenizer_write_config(const struct vocab_export *export, int64_t context, struct buf *out);
/* The tokenizer.ggml.* keys of a GGUF file. */
void tokenizer_write_gguf(const struct vocab_export *export, struct gguf_keys *keys);

/* Those that are in `from`, byte for byte. */
enum osso_status tokenizer_copy_files(const char *from, const char *to, struct osso_error *err);

/* The vocabulary of an open GGUF file; `where` names it in errors. */
enum osso_status tokenizer_from_gguf(const struct gguf *gguf, const char *where, struct osso_tokenizer **tokenizer_out,
                                     struct osso_error *err);

#endif
