/* vocab_export.h: a tokenizer taken apart into what model files list: token strings in GPT-2's byte alphabet, their
 * kinds, merges in order. */
#ifndef OSSO_TOKEN_VOCAB_EXPORT_H
#define OSSO_TOKEN_VOCAB_EXPORT_H

#include "base/buf.h"
#include "token/tokenizer.h"

/* The values of tokenizer.ggml.token_type. */
enum token_type { TOKEN_NORMAL = 1, TOKEN_CONTROL = 3, TOKEN_USER = 4, TOKEN_UNUSED = 5 };

struct merge_pair {
    uint32_t left, right;
    uint32_t rank; /* order; for o200k the id of the result */
};

struct vocab_export {
    const struct osso_tokenizer *tokenizer;
    uint32_t n_ids; /* ids past the tokenizer's own are unused */
    struct merge_pair *merges;
    size_t n_merges;
};

/* n_ids: the rows of the embedding; a tokenizer with more is refused. The tokenizer must outlive the export. */
enum osso_status vocab_export_create(const struct osso_tokenizer *tokenizer, int64_t n_ids,
                                     struct vocab_export *export_out, struct osso_error *err);
void vocab_export_free(struct vocab_export *export);
/* Appends the string of one id as files spell it; unused ids are "[PAD272]". */
enum token_type vocab_export_token(const struct vocab_export *export, uint32_t id, struct buf *out);

#endif
