/* corpus.h: texts that models learn from: tokenizers made of them, and documents as training takes them. Stands beside
 * osso.h. docs/training.md has the rules. */
#ifndef OSSO_CORPUS_H
#define OSSO_CORPUS_H

#include "osso/text.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- a tokenizer from texts ------------------------------------------------------------------------------- */

struct osso_tokenizer_train_options {
    size_t size;
    int64_t vocab_size; /* ids, special tokens included; 0: 4096 */
    const char *split;  /* "o200k" (NULL) or "gpt2": how text is cut into pieces, and which special tokens there are */
    int digits;         /* of a number that a token may have, 1 or 3; 0: as the split has them */
    int threads;        /* that count; 0: one for each CPU. The result does not depend on it */
};

/* What was learned from. */
struct osso_tokenizer_trained {
    size_t size;
    uint64_t bytes, pieces; /* of the texts; different pieces in them */
};

/* Learns a byte-level BPE vocabulary and writes tokenizer.json and tokenizer_config.json into `folder`, which is made.
 * A folder that holds a model is refused. trained_out may be NULL. */
OSSO_API enum osso_status osso_tokenizer_train(const char *const *paths, size_t n_paths,
                                               const struct osso_tokenizer_train_options *options, const char *folder,
                                               struct osso_tokenizer_trained *trained_out, struct osso_error *err);

/* ---- documents ------------------------------------------------------------------------------------------- */

struct osso_corpus_source {
    const char *path;  /* *.jsonl, *.json: conversations, a line each; anything else: a text */
    double weight;     /* how often its documents come in an epoch, on average; 0: once */
    const char *split; /* of a text: none (NULL), line, blank, marker, heading */
};

struct osso_corpus_options {
    size_t size;
    const struct osso_corpus_source *sources;
    int n_sources;
    const char *val_path; /* NULL: a hash holds a twentieth of the documents out */
    const char *val_split;
    int64_t seq_len; /* a document has at most seq_len + 1 ids; 0: 1024 */
    uint64_t seed;
    bool validation; /* the documents that are held out (or of val_path), in their own order */
};

struct osso_corpus;
OSSO_API enum osso_status osso_corpus_open(const struct osso_corpus_options *options,
                                           const struct osso_tokenizer *tokenizer, struct osso_corpus **corpus_out,
                                           struct osso_error *err);
struct osso_train_config; /* osso/train.h */
/* What a run with these settings would take, in its order: data, or the rows of data_ids; validation:
 * its own. bytes of osso_corpus_info are then 0 for arrays. */
OSSO_API enum osso_status osso_corpus_open_run(const struct osso_train_config *config, bool validation,
                                               struct osso_corpus **corpus_out, struct osso_error *err);
OSSO_API void osso_corpus_free(struct osso_corpus *corpus); /* NULL is fine */

/* The next document, endless: *ids_out and *weights_out (how much each id weighs in the loss, by its own index) have
 * *n_out entries and are valid until the next call. */
OSSO_API enum osso_status osso_corpus_next(struct osso_corpus *corpus, const int32_t **ids_out,
                                           const float **weights_out, int64_t *n_out, struct osso_error *err);

struct osso_corpus_info {
    size_t size;
    int64_t documents, tokens, targets, bytes; /* of an epoch; bytes: of the text that is learned */
    int64_t left_out;                          /* conversations longer than seq_len */
};
OSSO_API void osso_corpus_info(const struct osso_corpus *corpus, struct osso_corpus_info *info_out);

#ifdef __cplusplus
}
#endif
#endif
