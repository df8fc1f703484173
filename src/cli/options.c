/* options.c: reads the command line and the environment by the tables options.def and verbs.def. */
#include "cli/options.h"

#include "cli/foreign.h"
#include "cli/out.h"

#include "base/error.h"
#include "base/guess.h"
#include "base/mem.h"
#include "base/words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One word of bits: a group's below, a verb's own above them. */
enum {
#define GROUP(name) GROUP_##name,
#include "cli/options.def"
    GROUP_COUNT
};
enum {
    NONE = 0,
#define GROUP(name) name = 1 << GROUP_##name,
#include "cli/options.def"
};
#define V(id) (UINT64_C(1) << (GROUP_COUNT + VERB_##id))
_Static_assert(GROUP_COUNT <= 30 && GROUP_COUNT + VERB_COUNT <= 64, "more verbs and groups than bits");

const struct verb verbs[VERB_COUNT] = {
#define VERB_ROW(id, name, first, second, aliases, operands, fewest, most, groups, line, more)                         \
    {name, first, second, aliases, operands, fewest, most, V(id) | (groups), line, more, verb_##id},
#include "cli/verbs.def"
};

const struct option option_table[OPT_COUNT] = {
#define SECTION(id, title) {.section = title},
#define OPTION(id, name, letter, alias, kind, min, max, argument, standard, verbs, help)                               \
    {NULL, name, letter, alias, KIND_##kind, min, max, argument, standard, verbs, help},
#include "cli/options.def"
};

bool verb_takes(const struct verb *verb, const struct option *option)
{
    return (verb->kinds & option->verbs) != 0;
}

bool option_has_twin(const struct option *option)
{
    switch (option - option_table) {
#define ONCE(id) case OPT_##id:
#include "cli/options.def"
        return false;
    default: return true;
    }
}

void option_env_name(const struct option *option, char *text, size_t size)
{
    snprintf(text, size, "OSSO_%s", option->name);
    for (char *c = text; *c; c++)
        *c = *c == '-' ? '_' : *c >= 'a' && *c <= 'z' ? (char)(*c - 'a' + 'A') : *c;
}

static const struct {
    enum option_id id;
    const char *word;
} shorts[] = {
#define SHORT(id, word) {OPT_##id, word},
#include "cli/options.def"
};
enum { N_SHORTS = sizeof shorts / sizeof *shorts };

size_t option_short(const struct option *option, char text[8])
{
    text[0] = option->letter;
    text[1] = 0;
    for (int i = 0; i < N_SHORTS; i++)
        if (option == &option_table[shorts[i].id])
            snprintf(text, 8, "%s", shorts[i].word);
    return strlen(text);
}

static enum osso_status set_flag(struct option_value *value, const char *where, const char *s, struct osso_error *err)
{
    if (!s || word_in("1 true yes on", ' ', s))
        value->i = 1;
    else if (!*s || word_in("0 false no off", ' ', s))
        value->i = 0;
    else
        return error_set(err, OSSO_USAGE, "%s is a switch: it takes 1 or 0, not '%s'", where, s);
    value->set = value->i != 0;
    return OSSO_OK;
}

static enum osso_status set_list(struct option_value *value, const char *where, const char *s, struct osso_error *err)
{
    const char **list = mem_grow(value->list, value->n + 1, sizeof *list);
    if (!list)
        return error_nomem(err, (value->n + 1) * sizeof *list, where);
    value->list = list;
    value->list[value->n++] = s;
    return OSSO_OK;
}

static bool in_range(const struct option *option, double value)
{
    return value >= option->min && value <= option->max;
}

static bool set_number(const struct option *option, struct option_value *value, const char *s)
{
    switch (option->kind) {
    case KIND_SEED: value->random = strcmp(s, "-1") == 0; return value->random || parse_u64(s, &value->u);
    case KIND_SIZE: return parse_size(s, &value->i) && in_range(option, (double)value->i);
    case KIND_INT: return parse_i64(s, &value->i) && in_range(option, (double)value->i);
    default: return parse_f64(s, &value->f) && in_range(option, value->f);
    }
}

enum osso_status option_set(const struct option *option, struct option_value *value, const char *where, const char *s,
                            struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    switch (option->kind) {
    case KIND_FLAG: return set_flag(value, where, s, err);
    case KIND_LIST: status = set_list(value, where, s, err); break;
    case KIND_TEXT: value->s = s; break;
    case KIND_CHOICE:
        if (!word_in(option->argument, '|', s))
            return error_set(err, OSSO_USAGE, "%s: '%s' is none of %s%s", where, s, option->argument,
                             option == &option_table[OPT_reasoning] &&
                                     word_in(option_table[OPT_reasoning_effort].argument, '|', s)
                                 ? "; did you mean --reasoning-effort?"
                                 : "");
        value->s = s;
        break;
    case KIND_SEED:
        if (!set_number(option, value, s))
            return error_set(err, OSSO_USAGE, "%s: '%s' is not a whole number from 0 to 2^64-1, nor -1", where, s);
        break;
    case KIND_SIZE:
        if (!set_number(option, value, s))
            return error_set(err, OSSO_USAGE, "%s: '%s' is not a size from %s to %s, such as 512M or 1.5G", where, s,
                             size_text((char[24]){0}, (uint64_t)option->min),
                             size_text((char[24]){0}, (uint64_t)option->max));
        break;
    case KIND_INT:
    case KIND_REAL:
        if (!set_number(option, value, s))
            return error_set(err, OSSO_USAGE, "%s: '%s' is not a %s from %.10g to %.10g", where, s,
                             option->kind == KIND_INT ? "whole number" : "number", option->min, option->max);
        break;
    }
    value->set = !status;
    return status;
}

const struct option *option_find(const struct verb *verb, const char *name)
{
    for (int i = 0; i < OPT_COUNT; i++) {
        const struct option *o = &option_table[i];
        if (verb_takes(verb, o) && (strcmp(o->name, name) == 0 || (o->alias && strcmp(o->alias, name) == 0)))
            return o;
    }
    return NULL;
}

/* The option whose short name this word begins with after its dash, the longest; *rest_out: what comes behind it. */
static const struct option *find_short(const struct verb *verb, const char *word, const char **rest_out)
{
    const struct option *found = NULL;
    char name[8];
    size_t longest = 0;
    for (int i = 0; i < OPT_COUNT; i++) {
        size_t n = verb_takes(verb, &option_table[i]) ? option_short(&option_table[i], name) : 0;
        if (n > longest && strncmp(word + 1, name, n) == 0) {
            longest = n;
            found = &option_table[i];
        }
    }
    *rest_out = word + 1 + longest;
    return found;
}

/* Is this word, as it stands, a flag of the verb? */
static bool is_flag(const struct verb *verb, const char *word)
{
    const char *rest;
    if (word[0] != '-' || !word[1])
        return false;
    return word[1] == '-' ? option_find(verb, word + 2) != NULL : find_short(verb, word, &rest) && !*rest;
}

/* The flag is not this verb's: it may be a slip of the fingers, or another verb's. */
static enum osso_status unknown_flag(const struct verb *verb, const char *flag, struct osso_error *err)
{
    const char *name = flag + strspn(flag, "-");
    struct guess guess = {.typed = name};
    for (int i = 0; i < OPT_COUNT; i++)
        if (verb_takes(verb, &option_table[i])) {
            guess_try(&guess, option_table[i].name);
            if (option_table[i].alias)
                guess_try(&guess, option_table[i].alias);
        }
    if (guess_best(&guess) && strlen(name) > 1)
        return error_set(err, OSSO_USAGE, "%s has no option %s; did you mean --%s?", verb->name, flag,
                         guess_best(&guess));
    for (int i = 0; i < VERB_COUNT; i++)
        if (option_find(&verbs[i], name) || (flag[1] != '-' && is_flag(&verbs[i], flag)))
            return error_set(err, OSSO_USAGE, "%s has no option %s (it is one of %s); see osso %s --help", verb->name,
                             flag, verbs[i].name, verb->name);
    return error_set(err, OSSO_USAGE, "%s has no option %s; see osso %s --help", verb->name, flag, verb->name);
}

static enum osso_status read_environment(const struct verb *verb, struct options *options, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    for (int i = 0; i < OPT_COUNT && !status; i++) {
        const struct option *o = &option_table[i];
        char name[64];
        if (!verb_takes(verb, o) || !option_has_twin(o))
            continue;
        option_env_name(o, name, sizeof name);
        const char *s = getenv(name);
        if (s && (*s || o->kind == KIND_FLAG))
            status = option_set(o, &options->v[i], name, s, err);
    }
    return status;
}

/* foreign_has_fn of a verb. */
static bool has_option(const void *user, const char *owner, const char *name)
{
    const struct verb *verb = user;
    bool known = false;
    for (int i = 0; i < VERB_COUNT; i++) {
        known = known || option_find(&verbs[i], name);
        if (strcmp(verbs[i].name, owner) == 0)
            verb = &verbs[i];
    }
    return !known || option_find(verb, name);
}

/* A flag of another program, taken without effect; its value is passed over. */
static enum osso_status pass_over(const struct foreign *foreign, int argc, char **argv, int *at, struct osso_error *err)
{
    const char *word = argv[*at];
    if (!strchr(word, '=') && foreign->value != NEVER) {
        bool more = *at + 1 < argc;
        if (more && foreign_takes(foreign, argv[*at + 1]))
            ++*at;
        else if (foreign->value == ALWAYS)
            return error_set(err, OSSO_USAGE, "%s needs a value (and has no effect here: %s)", word, foreign->text);
    }
    say("%s has no effect here: %s", word, foreign->text);
    return OSSO_OK;
}

/* What is glued to a letter: -n5, -n=5, -m/models/x. Letters are left out: -model is a slip, no model called odel. */
static const char *glued_value(const struct option *option, const char *rest)
{
    bool text = option->kind == KIND_TEXT || option->kind == KIND_LIST;
    if (option->kind == KIND_FLAG)
        return NULL;
    if (*rest == '=')
        return rest + 1;
    return strchr(text ? "/.~" : "-.0123456789", *rest) ? rest : NULL;
}

const struct option *option_named(const struct verb *verb, const char *word, const char **value_out)
{
    char name[64];
    *value_out = NULL;
    if (word[1] != '-') {
        const char *rest;
        const struct option *o = find_short(verb, word, &rest);
        if (o && *rest)
            *value_out = glued_value(o, rest);
        return *rest && !*value_out ? NULL : o;
    }
    const char *equals = strchr(word, '=');
    size_t len = equals ? (size_t)(equals - word - 2) : strlen(word + 2);
    if (len >= sizeof name)
        return NULL;
    memcpy(name, word + 2, len);
    name[len] = 0;
    *value_out = equals ? equals + 1 : NULL;
    return option_find(verb, name);
}

/* One flag at argv[*at]; moves *at to the last word it used. */
static enum osso_status read_flag(const struct verb *verb, int argc, char **argv, int *at, struct options *options,
                                  struct osso_error *err)
{
    const char *word = argv[*at], *value;
    char why[512];
    const struct option *o = option_named(verb, word, &value);
    const struct foreign *foreign = o ? NULL : foreign_find(word);
    if (foreign && !verb_takes(verb, &option_table[OPT_threads])) /* only where other programs have such flags */
        foreign = NULL;
    if (foreign && foreign->kind == FOREIGN_IDLE)
        return pass_over(foreign, argc, argv, at, err);
    if (foreign && foreign->kind == FOREIGN_ABSENT && *foreign_why(foreign, has_option, verb, why, sizeof why))
        return error_set(err, OSSO_USAGE, "%s has no option %s: %s", verb->name, word, why);
    if (foreign && foreign->kind == FOREIGN_SAME && (o = option_find(verb, foreign->text)) &&
        (value = strchr(word, '=')))
        value++;
    if (!o)
        return unknown_flag(verb, word, err);
    if (o->kind != KIND_FLAG && !value) {
        if (*at + 1 >= argc)
            return error_set(err, OSSO_USAGE, "%s needs a value: %s", word, o->argument);
        value = argv[++*at];
        if (is_flag(verb, value))
            return error_set(err, OSSO_USAGE, "%s needs a value: %s; %s is an option (%s=%s if it is meant so)", word,
                             o->argument, value, word, value);
    }
    struct option_value *slot = &options->v[o - option_table];
    if (o->kind == KIND_LIST && !slot->typed) /* the command line replaces the environment's list */
        slot->n = 0;
    slot->typed = true;
    return option_set(o, slot, word, value, err);
}

enum osso_status options_parse(const struct verb *verb, int argc, char **argv, struct options *options,
                               struct osso_error *err)
{
    bool only_operands = false;
    *options = (struct options){.verb = verb};
    for (int i = 0; i < argc; i++)
        if (strcmp(argv[i], "--") == 0)
            break;
        else if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            options->help = true;
    if (options->help)
        return OSSO_OK;
    enum osso_status status = read_environment(verb, options, err);
    for (int i = 0; i < argc && !status; i++) {
        if (!only_operands && strcmp(argv[i], "--") == 0)
            only_operands = true;
        else if (!only_operands && argv[i][0] == '-' && argv[i][1])
            status = read_flag(verb, argc, argv, &i, options, err);
        else if (options->n_operands < verb->most)
            options->operand[options->n_operands++] = argv[i];
        else
            status = error_set(err, OSSO_USAGE, "%s has no use for '%s'; see osso %s --help", verb->name, argv[i],
                               verb->name);
    }
    if (!status && options->n_operands < verb->fewest)
        status = error_set(err, OSSO_USAGE, "%s needs %s; see osso %s --help", verb->name, verb->operands, verb->name);
    if (status)
        options_free(options);
    return status;
}

void options_free(struct options *options)
{
    for (int i = 0; i < OPT_COUNT; i++) {
        mem_free(options->v[i].list);
        options->v[i].list = NULL;
        options->v[i].n = 0;
    }
}
