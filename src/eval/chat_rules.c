/* chat_rules.c: the rules by which a line says what a right answer is: whether they can be followed, and whether a
 * final text follows them. A line may have several; all must hold. */
#include "eval/chat_task.h"

#include "base/error.h"
#include "base/mem.h"
#include "eval/nul.h"
#include "eval/space.h"
#include "json/jget.h"
#include "json/jwrite.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_PATTERN = 1000 };                 /* bytes: a pattern is compiled for every answer */
enum { MOST_REPEATED = 2000 };                /* characters, with its repeats written out */
enum { FEWEST_WORDS = 2, MOST_WORDS = 1000 }; /* in a row, of which no_repeats speaks */
enum { TOO_OFTEN = 3 };                       /* so many times: what repeats itself */

const char *const chat_rule_names[CHAT_RULES] = {"answer", "pattern",    "call", "none_of",
                                                 "all_of", "no_repeats", "case"};

/* ---- texts ------------------------------------------------------------------------------------------------ */

/* Bytes of a mark of punctuation that a text ends with. */
static size_t closing(const char *s, size_t n)
{
    static const char *const marks[] = {".", "!", "?", ",", ";", ":", "\xe2\x80\xa6"}; /* the last: three dots */
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        size_t m = strlen(marks[i]);
        if (n >= m && memcmp(s + n - m, marks[i], m) == 0)
            return m;
    }
    return 0;
}

void chat_plain(const char *s, size_t len, struct buf *out)
{
    size_t skip = space_leading(s, len), before;
    do {
        before = len;
        len -= len > skip ? space_before(s + skip, len - skip) : 0;
        len -= len > skip ? closing(s + skip, len - skip) : 0;
    } while (len != before);
    buf_puts(out, "");
    for (size_t i = skip; i < len;) {
        size_t blank = space_at(s + i, len - i);
        if (s[i] == 0)
            buf_puts(out, NUL_HIDDEN);
        else if (blank == 0)
            buf_putc(out, (char)(s[i] >= 'A' && s[i] <= 'Z' ? s[i] + ('a' - 'A') : s[i]));
        else if (out->len > 0 && out->data && out->data[out->len - 1] != ' ')
            buf_putc(out, ' ');
        i += blank ? blank : 1;
    }
}

static bool is_text(const struct buf *plain, const struct jval *right)
{
    struct buf other = {0};
    chat_plain(right->text.s, right->text.len, &other);
    bool equal = !other.failed && other.len == plain->len && memcmp(other.data, plain->data, plain->len) == 0;
    buf_free(&other);
    return equal;
}

static bool holds_text(const struct buf *plain, const struct jval *part)
{
    struct buf other = {0};
    chat_plain(part->text.s, part->text.len, &other);
    bool found = other.failed || (other.len > 0 && strstr(plain->data, other.data));
    buf_free(&other);
    return found;
}

static bool fits_pattern(const char *text, const char *pattern)
{
    regex_t compiled;
    if (regcomp(&compiled, pattern, REG_EXTENDED | REG_ICASE | REG_NOSUB))
        return false;
    bool found = regexec(&compiled, text, 0, NULL, 0) == 0;
    regfree(&compiled);
    return found;
}

/* ---- what repeats itself ------------------------------------------------------------------------------------ */

/* So many words in a row, the first at words[0]: what is sorted. */
struct row {
    const struct jtext *words;
    size_t n;
};

static bool in_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '\'' || (unsigned char)c >= 0x80;
}

static int compare_rows(const void *a, const void *b)
{
    const struct row *x = a, *y = b;
    int c = 0;
    for (size_t i = 0; i < x->n && c == 0; i++)
        c = jtext_compare(x->words[i], y->words[i]);
    return c;
}

/* The words of a plain text: letters, digits and apostrophes, without marks. */
static size_t find_words(const struct buf *plain, struct jtext *words)
{
    size_t n = 0;
    for (size_t i = 0; i < plain->len;) {
        size_t from = i;
        while (i < plain->len && in_word(plain->data[i]))
            i++;
        if (i > from)
            words[n++] = (struct jtext){plain->data + from, i - from};
        else
            i++;
    }
    return n;
}

/* Does no row of so many words occur three times? Without memory to look, it is not said to. */
static bool repeats_nothing(const struct buf *plain, size_t in_a_row)
{
    size_t most = plain->len / 2 + 1, same = 1;
    struct jtext *words = mem_array(most, sizeof *words);
    struct row *rows = mem_array(most, sizeof *rows);
    size_t n = words && rows ? find_words(plain, words) : 0, n_rows = n >= in_a_row ? n - in_a_row + 1 : 0;
    for (size_t i = 0; i < n_rows; i++)
        rows[i] = (struct row){words + i, in_a_row};
    if (n_rows > 0)
        qsort(rows, n_rows, sizeof *rows, compare_rows);
    bool fine = words && rows;
    for (size_t i = 1; i < n_rows && fine; i++) {
        same = compare_rows(&rows[i - 1], &rows[i]) == 0 ? same + 1 : 1;
        fine = same < TOO_OFTEN;
    }
    mem_free(words);
    mem_free(rows);
    return fine;
}

/* ---- what a rule may be ------------------------------------------------------------------------------------- */

/* One text, or a list of texts. */
static bool is_texts(const struct jval *v, bool list_only)
{
    if (!list_only && v->type == J_STRING)
        return true;
    if (v->type != J_ARRAY || v->n_children == 0)
        return false;
    for (const struct jval *t = v->first; t; t = t->next)
        if (t->type != J_STRING || t->text.len == 0)
            return false;
    return true;
}

/* From the '[' of a set to its ']'; to the end, where there is none. */
static const char *skip_set(const char *p)
{
    p += p[1] == '^' ? 2 : 1;
    for (bool first = true; *p && (first || *p != ']'); first = false, p++)
        if (*p == '[' && (p[1] == ':' || p[1] == '.' || p[1] == '=')) { /* as in [[:alpha:]] */
            const char close[] = {p[1], ']', 0}, *end = strstr(p + 2, close);
            p = end ? end + 1 : p + strlen(p) - 1;
        }
    return *p ? p : p - 1;
}

/* How often what stands before a repeat is written out; *p: to the last byte of it. 0: it is none. */
static size_t read_repeat(const char **p)
{
    if (**p == '+')
        return 2; /* aa* */
    if (**p != '{')
        return 0;
    char *end;
    size_t least = strtoul(*p + 1, &end, 10), most = least;
    if (*end == ',') {
        const char *from = end + 1;
        most = strtoul(from, &end, 10);
        most = end == from ? least + 1 : most; /* as often as there is */
    }
    if (*end == '}')
        *p = end;
    return most > least ? most : least + !least;
}

/* Can it be compiled and looked for in a time and a memory that are no attack? The library writes repeats out, those of
 * repeats too, and looks for \1 (which POSIX does not have here) in one place after the other. */
static bool is_bounded(const char *pattern)
{
    size_t sizes[MOST_PATTERN + 1] = {0}, depth = 0; /* of the groups that are open */
    size_t last = 0, times;                          /* of what came last, and how often it is written out */
    for (const char *p = pattern; *p; p++) {
        if ((times = read_repeat(&p))) {
            if (times > MOST_REPEATED)
                return false;
            sizes[depth] += (times - 1) * last;
            last *= times;
        } else if (*p == '(') {
            sizes[++depth] = 0;
        } else {
            bool closes = *p == ')' && depth > 0;
            last = *p == '*' || *p == '?' ? last + 1 : closes ? sizes[depth] + 1 : 1;
            depth -= closes;
            sizes[depth] += *p == '*' || *p == '?' ? 1 : last;
            if (*p == '[')
                p = skip_set(p);
            else if (*p == '\\' && *++p >= '1' && *p <= '9')
                return false;
            else if (!*p)
                return true; /* a backslash at the end: the library refuses it */
        }
        if (sizes[depth] > MOST_REPEATED)
            return false;
    }
    return true;
}

static enum osso_status check_pattern(const struct jval *v, const char *name, const char *where, struct osso_error *err)
{
    regex_t compiled;
    char why[128];
    if (v->type != J_STRING || v->text.len == 0 || v->text.len > MOST_PATTERN || strlen(v->text.s) != v->text.len)
        return error_set(err, OSSO_FORMAT, "%s: '%s' is no text of 1 to %d bytes", where, name, MOST_PATTERN);
    if (!is_bounded(v->text.s))
        return error_set(err, OSSO_FORMAT,
                         "%s: '%s' refers back (\\1), or has more than %d characters with its repeats written out",
                         where, name, MOST_REPEATED);
    int code = regcomp(&compiled, v->text.s, REG_EXTENDED | REG_ICASE | REG_NOSUB);
    if (code) {
        regerror(code, &compiled, why, sizeof why);
        return error_set(err, OSSO_FORMAT, "%s: '%s' is no extended regular expression: %s", where, name, why);
    }
    regfree(&compiled);
    return OSSO_OK;
}

static enum osso_status check_patterns(const struct jval *v, const char *name, const char *where,
                                       struct osso_error *err)
{
    enum osso_status status = v->type == J_ARRAY && v->n_children > 0
                                  ? OSSO_OK
                                  : error_set(err, OSSO_FORMAT, "%s: '%s' is no list of patterns", where, name);
    for (const struct jval *p = status ? NULL : v->first; p && !status; p = p->next)
        status = check_pattern(p, name, where, err);
    return status;
}

static enum osso_status check_rule(const struct jval *v, enum chat_rule rule, const char *where, struct osso_error *err)
{
    const char *name = chat_rule_names[rule];
    int64_t n;
    switch (rule) {
    case CHAT_PATTERN: return check_pattern(v, name, where, err);
    case CHAT_ALL_OF: return check_patterns(v, name, where, err);
    case CHAT_CALL:
        if (!jval_get_type(v, "name", J_STRING) || !jval_get_type(v, "arguments", J_OBJECT))
            return error_set(err, OSSO_FORMAT, "%s: '%s' needs a 'name' and an object of 'arguments'", where, name);
        return OSSO_OK;
    case CHAT_NO_REPEATS:
        if (v->type != J_NUMBER || !jget_integer(v, &n) || n < FEWEST_WORDS || n > MOST_WORDS)
            return error_set(err, OSSO_FORMAT, "%s: '%s' is no number of words, %d to %d", where, name, FEWEST_WORDS,
                             MOST_WORDS);
        return OSSO_OK;
    case CHAT_CASE:
        if (v->type != J_STRING || !(jtext_is(v->text, "upper") || jtext_is(v->text, "lower")))
            return error_set(err, OSSO_FORMAT, "%s: '%s' is upper or lower", where, name);
        return OSSO_OK;
    default:
        if (!is_texts(v, rule == CHAT_NONE_OF))
            return error_set(err, OSSO_FORMAT, "%s: '%s' is no %slist of texts", where, name,
                             rule == CHAT_ANSWER ? "text or " : "");
        return OSSO_OK;
    }
}

enum osso_status chat_rules_check(const struct jval *line, const char *where, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    int n = 0;
    for (int i = 0; i < CHAT_RULES && !status; i++) {
        const struct jval *v = jval_given(line, chat_rule_names[i]);
        n += v != NULL;
        status = v ? check_rule(v, (enum chat_rule)i, where, err) : OSSO_OK;
    }
    if (!status && n == 0)
        return error_set(err, OSSO_FORMAT,
                         "%s: nothing says what is right: 'answer', 'pattern', 'call' or another rule", where);
    if (!status && n > 1 && jval_given(line, chat_rule_names[CHAT_CALL]))
        return error_set(err, OSSO_FORMAT, "%s: 'call' stands alone: the other rules are of a text, and a call is none",
                         where);
    return status;
}

/* ---- what is right ------------------------------------------------------------------------------------------ */

static bool right_answer(const struct jval *v, const struct buf *plain)
{
    if (v->type == J_STRING)
        return is_text(plain, v);
    for (const struct jval *t = v->first; t; t = t->next)
        if (is_text(plain, t))
            return true;
    return false;
}

static bool holds_none(const struct jval *v, const struct buf *plain)
{
    for (const struct jval *t = v->first; t; t = t->next)
        if (holds_text(plain, t))
            return false;
    return plain->len > 0;
}

/* Letters, and none of the other case (ASCII). */
static bool in_case(const struct buf *said, bool upper)
{
    bool letters = false;
    for (size_t i = 0; i < said->len; i++) {
        char c = said->data[i];
        if (upper ? c >= 'a' && c <= 'z' : c >= 'A' && c <= 'Z')
            return false;
        letters = letters || (upper ? c >= 'A' && c <= 'Z' : c >= 'a' && c <= 'z');
    }
    return letters;
}

static bool fits_all(const struct jval *v, const struct buf *said)
{
    for (const struct jval *p = v->first; p; p = p->next)
        if (!fits_pattern(said->data, p->text.s))
            return false;
    return true;
}

bool chat_rules_hold(const struct jval *line, const struct buf *said)
{
    struct buf plain = {0};
    int64_t words = 0;
    chat_plain(said->data, said->len, &plain);
    bool right = !plain.failed;
    for (int i = 0; i < CHAT_RULES && right; i++) {
        const struct jval *v = jval_given(line, chat_rule_names[i]);
        if (!v)
            continue;
        switch ((enum chat_rule)i) {
        case CHAT_ANSWER: right = right_answer(v, &plain); break;
        case CHAT_PATTERN: right = fits_pattern(said->data, v->text.s); break;
        case CHAT_NONE_OF: right = holds_none(v, &plain); break;
        case CHAT_ALL_OF: right = fits_all(v, said); break;
        case CHAT_NO_REPEATS: right = jget_integer(v, &words) && repeats_nothing(&plain, (size_t)words); break;
        case CHAT_CASE: right = in_case(said, jtext_is(v->text, "upper")); break;
        default: right = false; /* a call is no text */
        }
    }
    buf_free(&plain);
    return right;
}

void chat_rules_write(const struct jval *line, struct buf *out)
{
    const struct jval *one = NULL;
    int n = 0;
    struct buf members = {0};
    for (int i = 0; i < CHAT_RULES; i++) {
        const struct jval *v = jval_given(line, chat_rule_names[i]);
        if (!v)
            continue;
        one = v;
        buf_printf(&members, "%s\"%s\":", n++ ? "," : "{", chat_rule_names[i]);
        jwrite_value(&members, v, JWRITE_SPELT);
    }
    buf_putc(&members, '}');
    if (n == 1)
        jwrite_value(out, one, JWRITE_SPELT);
    else
        buf_add(out, members.data, members.len);
    out->failed = out->failed || members.failed;
    buf_free(&members);
}
