/* split.h: cutting text into the pieces that are encoded one by one.
 * Each kind is a regular expression that vocabularies were made with, written out as a matcher: no backtracking,
 * every character is looked at a bounded number of times. */
#ifndef OSSO_TOKEN_SPLIT_H
#define OSSO_TOKEN_SPLIT_H

#include <stddef.h>
#include <stdint.h>

enum split_kind {
    SPLIT_O200K, /* tiktoken's o200k_base */
    SPLIT_GPT2   /* what tokenizer.json calls ByteLevel with use_regex */
};

/* The o200k pattern as tokenizer.json and tiktoken spell it. */
extern const char split_o200k_pattern[];

/* The length of the first piece of s[0..n): n > 0, valid UTF-8, and the end of s is the end of the text. */
size_t split_next(enum split_kind kind, const uint8_t *s, size_t n);

#endif
