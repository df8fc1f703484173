/* data.h: the documents that a model learns from, in the order in which a run takes them: texts and conversations, as
 * ids with a weight for each. What they are (docs/training.md has the rules):
 *
 * - a text: the tokenizer's <|startoftext|> (else its <|endoftext|>), the text, <|endoftext|>; cut into pieces of
 *   seq_len targets, each of which begins with the last id of the one before;
 * - a conversation: harmony's rendering for training; learned is what the model itself would write.
 *
 * All of an epoch is made into ids when the data is opened, 4 bytes each, about as much as the text: so whatever is
 * wrong with a file is said before the first step, lengths are known, and a step costs no encoding. The files are
 * mapped and let go. */
#ifndef OSSO_TRAIN_DATA_H
#define OSSO_TRAIN_DATA_H

#include "osso/text.h"

struct train_source {
    const char *path;  /* *.jsonl, *.json: conversations, a line each; anything else: a text */
    double weight;     /* how often its documents come in an epoch, on average; 0: once. 0.001 to 100 */
    const char *split; /* of a text: none (NULL), line, blank, marker, heading */
};

struct train_docs_options {
    const struct train_source *sources;
    int n_sources;
    const char *val_path; /* NULL: the documents that a hash holds out of the sources are the validation's */
    const char *val_split;
    int64_t seq_len; /* rows, so a document has at most seq_len + 1 ids */
    uint64_t seed;   /* of the order */
    bool validation; /* the documents held out (or of val_path), in their own order, each once */
};

/* ids n, of which the last is only a target; weights n by the id's own index, 0: not learned, as the first never is. */
struct doc {
    const int32_t *ids;
    const float *weights;
    int64_t n;
};

/* FORMAT, with file and line, for what cannot be learned from; NOTFOUND where no document is held out. The tokenizer is
 * not kept. */
struct train_docs;
enum osso_status train_docs_open(const struct train_docs_options *options, const struct osso_tokenizer *tokenizer,
                                 struct train_docs **docs_out, struct osso_error *err);
void train_docs_free(struct train_docs *docs); /* NULL is fine */

/* The next document in the run's order, endless: each epoch is shuffled anew (not the validation's). Valid until the
 * next call. Nothing is allocated. */
struct doc train_docs_next(struct train_docs *docs);
/* Documents given so far, and going on from there in another run over the same data with the same seed. */
uint64_t train_docs_position(const struct train_docs *docs);
enum osso_status train_docs_seek(struct train_docs *docs, uint64_t position, struct osso_error *err);

/* Of one epoch, weights of sources counted in (of several epochs the mean). */
int64_t train_docs_count(const struct train_docs *docs);
int64_t train_docs_tokens(const struct train_docs *docs);  /* rows: an id less than each document has */
int64_t train_docs_targets(const struct train_docs *docs); /* learned ones */
int64_t train_docs_bytes(const struct train_docs *docs);   /* of the text that is learned, for bits per byte */
/* Conversations longer than seq_len, in all sources. */
int64_t train_docs_left_out(const struct train_docs *docs);

#endif
