/* options.h: the command line, from the tables verbs.def and options.def. */
#ifndef OSSO_CLI_OPTIONS_H
#define OSSO_CLI_OPTIONS_H

#include "cli/numbers.h"

#include "osso/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum verb_id {
#define VERB_ROW(id, name, first, second, aliases, operands, fewest, most, groups, line, more) VERB_##id,
#include "cli/verbs.def"
    VERB_COUNT
};

struct options;

struct verb {
    const char *name, *first, *second; /* "data show", "data", "show"; second NULL: one word */
    const char *aliases, *operands;
    int fewest, most; /* operands */
    uint64_t kinds;   /* its own bit and those of its groups */
    const char *line, *more;
    int (*run)(const struct options *options); /* the exit code */
};
extern const struct verb verbs[VERB_COUNT];

enum option_id {
#define SECTION(id, title) OPT_section_##id,
#define OPTION(id, name, letter, alias, kind, min, max, argument, standard, verbs, help) OPT_##id,
#include "cli/options.def"
    OPT_COUNT
};

enum option_kind { KIND_FLAG, KIND_INT, KIND_SIZE, KIND_SEED, KIND_REAL, KIND_CHOICE, KIND_TEXT, KIND_LIST };

struct option {
    const char *section; /* a heading and nothing else, or NULL */
    const char *name;
    char letter; /* 0: none */
    const char *alias;
    enum option_kind kind;
    double min, max;
    const char *argument, *standard; /* as shown; NULL: none */
    uint64_t verbs;                  /* bits of the verbs and groups that take it */
    const char *help;
};
extern const struct option option_table[OPT_COUNT];
bool verb_takes(const struct verb *verb, const struct option *option);

struct option_value {
    bool set;
    bool typed;        /* on the command line, not in the environment */
    int64_t i;         /* INT; SIZE: bytes; FLAG: 1 */
    uint64_t u;        /* SEED */
    bool random;       /* SEED: -1 */
    double f;          /* REAL */
    const char *s;     /* TEXT, CHOICE */
    const char **list; /* LIST */
    size_t n;
};

enum { MAX_OPERANDS = 1000 }; /* the most that a verb of verbs.def takes */

struct options {
    const struct verb *verb;
    struct option_value v[OPT_COUNT];
    const char *operand[MAX_OPERANDS];
    int n_operands;
    bool help; /* --help was asked for */
};

/* Reads argv (without program and verb) over the environment. Every failure is a usage error. Strings are borrowed
 * from argv and the environment; options_free frees the lists. */
enum osso_status options_parse(const struct verb *verb, int argc, char **argv, struct options *options_out,
                               struct osso_error *err);
void options_free(struct options *options);
/* One value as the table wants it: `argument` arrived by `where` ("--temp", "OSSO_TEMP"). */
enum osso_status option_set(const struct option *option, struct option_value *value, const char *where,
                            const char *argument, struct osso_error *err);
/* The option of this verb with this long name or alias (may be NULL). */
const struct option *option_find(const struct verb *verb, const char *name);
/* The option that a flag as typed names, and the value in it (NULL: none): "--temp=1", "-t4". */
const struct option *option_named(const struct verb *verb, const char *word, const char **value_out);
/* Does OSSO_<NAME> count? Not for what is asked this once (ONCE in options.def). */
bool option_has_twin(const struct option *option);
/* The short name, of one letter or more, into `text`; returns its length, 0: none. */
size_t option_short(const struct option *option, char text[8]);
/* "OSSO_TOP_K" for top_k. */
void option_env_name(const struct option *option, char *text, size_t size);

#define VERB_ROW(id, name, first, second, aliases, operands, fewest, most, groups, line, more)                         \
    int verb_##id(const struct options *options);
#include "cli/verbs.def"

#endif
