/* vocab_build.h: what every file format's way to a vocabulary shares. */
#ifndef OSSO_TOKEN_VOCAB_BUILD_H
#define OSSO_TOKEN_VOCAB_BUILD_H

#include "token/tokenizer.h"
#include "token/vocab.h"

/* Strings that lie somewhere else; the caller keeps them. */
struct text_slice {
    const char *data;
    size_t len;
};

/* Is it o200k? Feed every token, in any order, until one says no; in the end ask for the verdict. */
struct o200k_match {
    struct osso_tokenizer *builtin; /* the verdict's winner: take it (set NULL) or it is freed */
    uint8_t *seen;                  /* by id */
    uint32_t n_seen;
};
enum osso_status o200k_match_begin(struct o200k_match *m, struct osso_error *err);
/* May this token be in an o200k vocabulary? Those past the ordinary ones may be anything: see added.h. */
bool o200k_match_token(struct o200k_match *m, uint32_t id, const char *text, size_t len);
bool o200k_match_all(const struct o200k_match *m);
void o200k_match_end(struct o200k_match *m);

/* Rows of a vocabulary that cannot be used stay ids without a meaning; a tokenizer's note says so. */
struct unusable {
    uint32_t n, n_foreign, first; /* n_foreign: those whose text is no byte-level one */
    const char *why;              /* of the first */
};
/* Can a text token be spelled so? If not, it is counted. */
bool build_usable(struct unusable *u, uint32_t id, const char *text, size_t len);
/* A few bad rows are a blemish; where they abound, the vocabulary is of another kind and this is an error. */
enum osso_status build_judge(const struct unusable *u, uint32_t n_ids, struct osso_error *err);
void build_note(const struct unusable *u, struct osso_tokenizer *tokenizer);

/* Filling a vocabulary by hand: the tokens, then build_index, then the merges in order, then build_finish. */
enum osso_status build_text(struct vocab *v, uint32_t id, const char *text, size_t len, struct osso_error *err);
enum osso_status build_index(struct vocab *v, size_t n_merges, struct osso_error *err);
enum osso_status build_merge(struct vocab *v, uint32_t rank, const char *left, size_t left_len, const char *right,
                             size_t right_len, struct osso_error *err);
/* The merge in one string, the parts separated by one space. */
enum osso_status build_merge_string(struct vocab *v, uint32_t rank, const char *text, size_t len,
                                    struct osso_error *err);
/* Pieces that are tokens are not merged at all: forget the tokens that merging would not give. */
enum osso_status build_finish(struct vocab *v, bool ignore_merges, struct osso_error *err);

/* A vocabulary as model files list it. Text tokens are in the byte alphabet of GPT-2 ("Ġthe"), literals are not. */
struct vocab_lists {
    size_t n_tokens;
    const struct text_slice *tokens; /* by id */
    const int32_t *types;            /* GGUF's tokenizer.ggml.token_type, by id; NULL: all are normal */
    size_t n_merges;
    const struct text_slice *merges; /* "left right", by rank */
    enum split_kind split;
    bool ignore_merges; /* a piece that is a token as a whole is that token, even if merging does not get there */
};

/* The seam for model files that carry their vocabulary (GGUF): an o200k vocabulary is recognised, whatever its merges
 * say, and becomes the built-in one. The lists are not needed afterwards. */
enum osso_status tokenizer_from_lists(const struct vocab_lists *lists, struct osso_tokenizer **tokenizer_out,
                                      struct osso_error *err);

#endif
