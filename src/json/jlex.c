/* jlex.c: what is rare in strings, and numbers. */
#include "json/jlex.h"

#include "base/utf8.h"

#include <string.h>

static int hex_digit(char c)
{
    char low = (char)(c | 0x20);
    return c >= '0' && c <= '9' ? c - '0' : low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

static enum jlex_problem hex4(struct jlex *x, uint32_t *out)
{
    *out = 0;
    if (x->len - x->pos < 4)
        return JLEX_HEX_END;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(x->text[x->pos++]);
        if (digit < 0)
            return JLEX_HEX;
        *out = *out << 4 | (uint32_t)digit;
    }
    return JLEX_FINE;
}

/* What follows a backslash: the character it stands for. */
static enum jlex_problem escape(struct jlex *x, uint32_t *code_out)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    char c = x->pos < x->len ? x->text[x->pos++] : 0;
    const char *letter = c ? strchr(letters, c) : NULL;
    if (letter) {
        *code_out = (uint8_t)meanings[letter - letters];
        return JLEX_FINE;
    }
    if (c != 'u')
        return JLEX_ESCAPE;
    enum jlex_problem problem = hex4(x, code_out);
    if (problem || *code_out < 0xd800 || *code_out > 0xdfff)
        return problem;
    uint32_t low;
    if (*code_out > 0xdbff || x->len - x->pos < 2 || x->text[x->pos] != '\\' || x->text[x->pos + 1] != 'u')
        return JLEX_SURROGATE;
    x->pos += 2;
    if ((problem = hex4(x, &low)))
        return problem;
    if (low < 0xdc00 || low > 0xdfff)
        return JLEX_SURROGATE;
    *code_out = 0x10000 + ((*code_out - 0xd800) << 10) + (low - 0xdc00);
    return JLEX_FINE;
}

enum jlex_problem jlex_no_run(struct jlex *x, struct jtext *piece, char escaped[4])
{
    uint32_t code;
    if (x->pos >= x->len)
        return JLEX_NO_END;
    char c = x->text[x->pos];
    if (c != '\\')
        return JLEX_CONTROL;
    x->pos++;
    enum jlex_problem problem = escape(x, &code);
    if (!problem)
        *piece = (struct jtext){escaped, utf8_put((uint8_t *)escaped, code)};
    return problem;
}

bool jlex_skip_string(struct jlex *x)
{
    while (x->pos < x->len) {
        char c = x->text[x->pos++];
        if (c == '"')
            return true;
        if (c == '\\' && x->pos < x->len)
            x->pos++;
    }
    return false;
}

static bool is_digit(const struct jlex *x)
{
    return x->pos < x->len && x->text[x->pos] >= '0' && x->text[x->pos] <= '9';
}

static bool skip_digits(struct jlex *x)
{
    size_t start = x->pos;
    while (is_digit(x))
        x->pos++;
    return x->pos > start;
}

static bool is_one_of(const struct jlex *x, char a, char b)
{
    return x->pos < x->len && (x->text[x->pos] == a || x->text[x->pos] == b);
}

bool jlex_number(struct jlex *x, bool *integer_out)
{
    *integer_out = true;
    x->pos += is_one_of(x, '-', '-');
    if (is_one_of(x, '0', '0')) {
        x->pos++;
        if (is_digit(x))
            return false;
    } else if (!skip_digits(x)) {
        return false;
    }
    if (is_one_of(x, '.', '.')) {
        *integer_out = false;
        x->pos++;
        if (!skip_digits(x))
            return false;
    }
    if (is_one_of(x, 'e', 'E')) {
        *integer_out = false;
        x->pos++;
        x->pos += is_one_of(x, '+', '-');
        return skip_digits(x);
    }
    return true;
}

bool jlex_word(struct jlex *x, const char *word)
{
    size_t n = strlen(word);
    if (x->len - x->pos < n || memcmp(x->text + x->pos, word, n) != 0)
        return false;
    x->pos += n;
    return true;
}
