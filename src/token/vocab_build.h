/* vocab_build.h: what every file format's way to a vocabulary shares. */
#ifndef OSSO_TEXT_VOCAB_BUILD_H
#define OSSO_TEXT_VOCAB_BUILD_H

#include "token/tokenizer.h"
#include "token/vocab.h"

/* Turns text in GPT-2's byte alphabet into the bytes that it spells. The printable bytes 21-7E, A1-AC and AE-FF stand
 * for themselves, the other 68 are U+0100..U+0143 in ascending order. False if a character is not one of the 256, or
 * more than `cap` bytes come out. */
bool alphabet_decode(const char *text, size_t len, uint8_t *out, size_t cap, size_t *len_out);

/* Is it o200k? Feed every text token, in any order, until one says no; in the end ask for the verdict. */
struct o200k_match {
    struct osso_tokenizer *builtin; /* the verdict's winner: take it (set NULL) or it is freed */
    uint8_t *seen;                  /* by id */
    uint32_t n_seen;
};
enum osso_status o200k_match_begin(struct o200k_match *m, struct osso_error *err);
/* May this token be in an o200k vocabulary? Ids of special tokens may be listed too. */
bool o200k_match_token(struct o200k_match *m, uint32_t id, const char *text, size_t len);
bool o200k_match_all(const struct o200k_match *m);
void o200k_match_end(struct o200k_match *m);

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

#endif
