/* complete.c: what Tab completes on a shell's command line, for all shells: completion.bash and its like only hand the
 * words over and show what comes back. Words come from the tables; complete.def says what stands for a placeholder. */
#include "cli/complete.h"

#include "cli/out.h"
#include "cli/verb_words.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* ---- placeholders --------------------------------------------------------------------------------------- */

struct placeholder {
    const struct verb *verb; /* NULL: any */
    const char *word;
    candidates_fn *fn;
};
static const struct placeholder operands[] = {
#define OPERAND(word, source) {NULL, word, candidates_##source},
#define OPERAND_OF(verb, word, source) {&verbs[VERB_##verb], word, candidates_##source},
#include "cli/complete.def"
    {NULL, NULL, NULL}};
static const struct placeholder arguments[] = {
#define ARGUMENT(word, source) {NULL, word, candidates_##source},
#include "cli/complete.def"
    {NULL, NULL, NULL}};
static const struct {
    enum option_id option;
    candidates_fn *fn;
} values[] = {
#define VALUE(option, source) {OPT_##option, candidates_##source},
#include "cli/complete.def"
};

/* Is this word itself meant? What is to be replaced is written in capitals. */
static bool is_literal(const char *word, size_t len)
{
    size_t n = 0;
    while (n < len && (islower((unsigned char)word[n]) || isdigit((unsigned char)word[n]) || strchr("_.-", word[n])))
        n++;
    return n == len && n > 0 && word[0] != '-' && word[0] != '.';
}

/* A word of the tables: FILE stands for FILE.json too. */
static void add_meaning(struct candidates *c, const struct placeholder *rows, const char *word, size_t len)
{
    if (is_literal(word, len)) {
        candidate_add(c, word, len, NULL);
        return;
    }
    for (; rows->word; rows++) {
        size_t n = strlen(rows->word);
        if ((!rows->verb || rows->verb == c->verb) && n <= len && memcmp(rows->word, word, n) == 0 &&
            (n == len || !isalpha((unsigned char)word[n]))) {
            rows->fn(c);
            return;
        }
    }
}

/* ---- options -------------------------------------------------------------------------------------------- */

static void add_value(struct candidates *c, const struct option *o)
{
    for (size_t i = 0; i < sizeof values / sizeof *values; i++)
        if (o == &option_table[values[i].option]) {
            values[i].fn(c);
            return;
        }
    for (const char *w = o->argument; w && *w; w += strspn(w, "|")) {
        size_t n = strcspn(w, "|");
        add_meaning(c, arguments, w, n);
        w += n;
    }
}

/* "--type=mx": the value, behind what stays. */
static bool add_glued(struct candidates *c)
{
    const char *equals = strchr(c->typed, '=');
    char name[64];
    if (strncmp(c->typed, "--", 2) != 0 || !equals || (size_t)(equals - c->typed) >= sizeof name)
        return false;
    snprintf(name, sizeof name, "%.*s", (int)(equals - c->typed - 2), c->typed + 2);
    const struct option *o = option_find(c->verb, name);
    snprintf(c->before, sizeof c->before, "--%s=", name);
    c->typed = equals + 1;
    if (o)
        add_value(c, o);
    return true;
}

static void add_dashed(struct candidates *c, const char *name, const char *about)
{
    char word[80];
    int n = snprintf(word, sizeof word, "--%s", name);
    candidate_add(c, word, (size_t)n, about);
}

/* given: not again, but for lists. An alias is offered where no name fits. */
static void add_options(struct candidates *c, const bool *given)
{
    for (int pass = 0; pass < 2 && c->n == 0; pass++)
        for (int i = 0; i < OPT_COUNT; i++) {
            const struct option *o = &option_table[i];
            const char *name = pass == 0 ? o->name : o->alias;
            if (verb_takes(c->verb, o) && name && (!given[i] || o->kind == KIND_LIST))
                add_dashed(c, name, o->help);
        }
    add_dashed(c, "help", "what this verb does, and its options");
}

/* ---- operands ------------------------------------------------------------------------------------------- */

/* Word number k of "[MODEL] [TEXT]", without its brackets, or the last one where dots follow it; its length, 0: none.
 */
static size_t operand_word(const char *shown, size_t len, int k, const char **word_out)
{
    const char *end = shown + len;
    for (const char *w = shown; w < end; k--) {
        while (w < end && strchr(" [", *w))
            w++;
        *word_out = w;
        while (w < end && !strchr(" ].", *w))
            w++;
        bool dots = end - w >= 3 && memcmp(w, "...", 3) == 0;
        if (!dots)
            while (w < end && !strchr(" ]", *w))
                w++;
        size_t n = (size_t)(w - *word_out);
        if (k == 0 || dots)
            return n;
        while (w < end && strchr(" ]", *w))
            w++;
    }
    return 0;
}

/* Do the operands that are there fit this alternative of "TASKS|compare A B"? */
static bool operands_fit(const struct candidates *c, const char *shown, size_t len)
{
    const char *word;
    for (int k = 0; k < c->n_operands; k++) {
        size_t n = operand_word(shown, len, k, &word);
        if (n && is_literal(word, n) && (strlen(c->operand[k]) != n || memcmp(word, c->operand[k], n) != 0))
            return false;
    }
    return true;
}

/* A word that is typed literally means no placeholder beside it: compare is no task. */
static bool is_spoken_for(const struct candidates *c, const char *shown)
{
    const char *word;
    for (const char *a = shown; c->n_operands > 0 && *a; a += strspn(a, "|")) {
        size_t len = strcspn(a, "|"), n = operand_word(a, len, 0, &word);
        if (n && is_literal(word, n) && strlen(c->operand[0]) == n && memcmp(word, c->operand[0], n) == 0)
            return true;
        a += len;
    }
    return false;
}

static void add_operands(struct candidates *c, int skip)
{
    const char *shown = c->verb->operands, *word;
    bool spoken = is_spoken_for(c, shown);
    for (const char *a = shown; *a; a += strspn(a, "|")) {
        size_t len = strcspn(a, "|"), n = operand_word(a, len, 0, &word);
        if (operands_fit(c, a, len) && (!spoken || is_literal(word, n)) &&
            (n = operand_word(a, len, c->n_operands + skip, &word)))
            add_meaning(c, operands, word, n);
        a += len;
    }
}

/* ---- the line ------------------------------------------------------------------------------------------- */

struct line {
    const char *operand[MAX_OPERANDS];
    int n_operands;
    bool given[OPT_COUNT];
    bool only_operands;         /* -- was there */
    const struct option *wants; /* the word at the cursor is its value; NULL: it is none */
};

/* The words before the one at the cursor, as options_parse would take them. */
static void read_line(struct line *line, const struct verb *verb, int n, char *const *words)
{
    const char *value;
    for (int i = 0; i < n; i++) {
        if (!line->only_operands && strcmp(words[i], "--") == 0)
            line->only_operands = true;
        else if (!line->only_operands && words[i][0] == '-' && words[i][1]) {
            const struct option *o = option_named(verb, words[i], &value);
            if (o)
                line->given[o - option_table] = true;
            if (o && o->kind != KIND_FLAG && !value && ++i == n)
                line->wants = o;
        } else if (line->n_operands < MAX_OPERANDS)
            line->operand[line->n_operands++] = words[i];
    }
}

static void add_of_verb(struct candidates *c, int n, char *const *words)
{
    struct line line = {0};
    read_line(&line, c->verb, n, words);
    c->operand = line.operand;
    c->n_operands = line.n_operands;
    if (line.wants) {
        add_value(c, line.wants);
        return;
    }
    if (c->typed[0] == '-' && !line.only_operands) {
        if (!add_glued(c))
            add_options(c, line.given);
        return;
    }
    /* With -m the first operand is no model any more. */
    bool skip = line.given[OPT_model] && strncmp(c->verb->operands, "[MODEL]", 7) == 0;
    if (c->n_operands < c->verb->most)
        add_operands(c, skip);
    if (!*c->verb->operands && !*c->typed)
        add_options(c, line.given);
}

/* The words of a line that has no verb yet. */
static void add_beginning(struct candidates *c, int n, char *const *words)
{
    bool help = n > 0 && strcmp(words[0], "help") == 0;
    c->operand = (const char *const *)words + help;
    c->n_operands = n - help;
    if (n == 0 || help || verb_is_family(words[0]))
        candidates_verbs(c);
    if (n > 0)
        return;
    candidate_add(c, "help", 4, "what a verb does, and its options");
    if (c->typed[0] == '-') {
        add_dashed(c, "help", "the verbs");
        add_dashed(c, "version", "how osso was built");
    }
}

int complete_line(int n, char *const *words)
{
    struct candidates c = {.typed = n > 0 ? words[n - 1] : ""};
    int before = n > 0 ? n - 1 : 0, used = 0;
    c.verb = before > 0 ? verb_find(before, words, &used) : NULL;
    if (c.verb)
        add_of_verb(&c, before - used, words + used);
    else
        add_beginning(&c, before, words);
    if (c.n == 0 && (c.files || c.folders))
        out_puts(c.files ? ":files\n" : ":folders\n");
    return 0;
}
