/* token_class.h: kinds of tokens, by how they are written. */
#ifndef OSSO_CLI_TOKEN_CLASS_H
#define OSSO_CLI_TOKEN_CLASS_H

#include "osso/text.h"

enum token_class {
    TOKEN_SPECIAL,
    TOKEN_SPACE,
    TOKEN_NUMBER,
    TOKEN_PUNCTUATION,
    TOKEN_WORD, /* letters behind a blank: a word begins */
    TOKEN_PART, /* letters without one */
    TOKEN_OTHER,
    TOKEN_CLASSES
};
extern const char *const token_class_names[TOKEN_CLASSES];
enum token_class token_class(const struct osso_tokenizer *tokenizer, int32_t id);

#endif
