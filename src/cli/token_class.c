/* token_class.c: kinds of tokens. Letters beyond ASCII count as letters; what is no UTF-8, or of two kinds, is other.
 */
#include "cli/token_class.h"

#include "base/utf8.h"

#include <ctype.h>

const char *const token_class_names[TOKEN_CLASSES] = {
    [TOKEN_SPECIAL] = "special", [TOKEN_SPACE] = "space",
    [TOKEN_NUMBER] = "number",   [TOKEN_PUNCTUATION] = "punctuation",
    [TOKEN_WORD] = "word",       [TOKEN_PART] = "part",
    [TOKEN_OTHER] = "other",
};

static enum token_class of_byte(unsigned char c)
{
    return c >= 0x80 || isalpha(c) || c == '\'' ? TOKEN_PART
           : isdigit(c)                         ? TOKEN_NUMBER
           : isspace(c)                         ? TOKEN_SPACE
           : ispunct(c)                         ? TOKEN_PUNCTUATION
                                                : TOKEN_OTHER;
}

enum token_class token_class(const struct osso_tokenizer *tokenizer, int32_t id)
{
    const char *piece = "";
    size_t len = 0;
    if (osso_tokenizer_is_special(tokenizer, id))
        return TOKEN_SPECIAL;
    if (!osso_tokenizer_piece(tokenizer, id, &piece, &len) || len == 0 ||
        utf8_valid_prefix((const uint8_t *)piece, len) < len)
        return TOKEN_OTHER;
    size_t blanks = 0;
    while (blanks < len && of_byte((unsigned char)piece[blanks]) == TOKEN_SPACE)
        blanks++;
    if (blanks == len)
        return TOKEN_SPACE;
    enum token_class class = len - blanks == 1 && piece[blanks] == '\'' ? TOKEN_PUNCTUATION
                                                                        : of_byte((unsigned char)piece[blanks]);
    for (size_t i = blanks + 1; i < len; i++) {
        enum token_class c = of_byte((unsigned char)piece[i]);
        bool apostrophe = piece[blanks] == '\'' || piece[i] == '\'';
        if (c != class && !(class == TOKEN_PUNCTUATION && (c == TOKEN_SPACE || apostrophe)))
            return TOKEN_OTHER;
    }
    return class == TOKEN_PART && blanks > 0 ? TOKEN_WORD : class;
}
