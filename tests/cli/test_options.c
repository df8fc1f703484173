/* test_options.c: every option with every verb, in the environment too, through the parser itself: thousands of pairs,
 * for which tests/e2e/test_options.py would start the program as often. That the help of a verb has its options is
 * checked there, by another reader of the tables. */
#define _POSIX_C_SOURCE 200809L
#include "test.h"

#include "cli/foreign.h"
#include "cli/options.h"

/* Nothing is run: without the verbs' own functions the program's other files are not needed. */
#define VERB_ROW(id, name, first, second, aliases, operands, fewest, most, groups, line, more)                         \
    int verb_##id(const struct options *options)                                                                       \
    {                                                                                                                  \
        (void)options;                                                                                                 \
        return 1;                                                                                                      \
    }
#include "cli/verbs.def"

static struct options parsed;

/* Parses `flag` (NULL: none) behind as many operands as the verb wants. */
static enum osso_status parse(const struct verb *verb, const char *flag, struct osso_error *err)
{
    static char operand[] = "x";
    char word[80], *argv[8];
    int argc = 0;
    assert_true(verb->fewest < 7);
    while (argc < verb->fewest)
        argv[argc++] = operand;
    if (flag) {
        snprintf(word, sizeof word, "%s", flag);
        argv[argc++] = word;
    }
    enum osso_status status = options_parse(verb, argc, argv, &parsed, err);
    if (!status)
        options_free(&parsed);
    return status;
}

static void refused(const struct verb *verb, const char *flag, const char *format, const char *a, const char *b)
{
    char words[300];
    struct osso_error err = {0};
    snprintf(words, sizeof words, format, a, b);
    if (parse(verb, flag, &err) != OSSO_USAGE || !strstr(err.text, words))
        fail_msg("osso %s %s: '%s', where '%s' was expected", verb->name, flag ? flag : "", err.text, words);
}

/* Each spelling of an option that the verb has, without a value. */
static void own(const struct verb *verb, const struct option *o)
{
    char flag[3][80] = {{0}}, letters[8], slip[96];
    struct osso_error err = {0};
    snprintf(flag[0], sizeof flag[0], "--%s", o->name);
    if (option_short(o, letters))
        snprintf(flag[1], sizeof flag[1], "-%s", letters);
    if (o->alias)
        snprintf(flag[2], sizeof flag[2], "--%s", o->alias);
    for (int i = 0; i < 3; i++) {
        if (!flag[i][0])
            continue;
        if (o->kind != KIND_FLAG) {
            refused(verb, flag[i], "%s needs a value: %s", flag[i], o->argument);
            continue;
        }
        check_ok(parse(verb, flag[i], &err), err);
        const struct option_value *v = &parsed.v[o - option_table];
        assert_true(parsed.help ? strcmp(o->name, "help") == 0 : v->set && v->typed && v->i == 1);
    }
    if (o->kind == KIND_FLAG) {
        snprintf(slip, sizeof slip, "--%s=perhaps", o->name);
        refused(verb, slip, "%s is a switch%s", slip, "");
    }
}

static void test_every_option_is_accepted_by_exactly_its_verbs(void **state)
{
    (void)state;
    int accepted = 0, foreign = 0, unknown = 0;
    for (int v = 0; v < VERB_COUNT; v++)
        for (int i = 0; i < OPT_COUNT; i++) {
            const struct option *o = &option_table[i];
            char flag[80];
            if (o->section)
                continue;
            snprintf(flag, sizeof flag, "--%s", o->name);
            if (verb_takes(&verbs[v], o)) {
                own(&verbs[v], o);
                accepted++;
            } else if (option_find(&verbs[v], o->name)) {
                continue; /* another option of this name */
            } else if (foreign_find(flag) && verb_takes(&verbs[v], &option_table[OPT_threads])) {
                foreign++; /* other programs have it: taken without effect, or refused in words of its own */
            } else {
                refused(&verbs[v], flag, "%s has no option %s", verbs[v].name, flag);
                unknown++;
            }
        }
    assert_true(accepted > 500 && unknown > 5000 && foreign < 300);
}

/* What takes more than any text refuses a tab. */
static void test_every_setting_has_a_twin(void **state)
{
    (void)state;
    int asked = 0;
    for (int v = 0; v < VERB_COUNT; v++)
        for (int i = 0; i < OPT_COUNT; i++) {
            const struct option *o = &option_table[i];
            char name[64];
            if (!verb_takes(&verbs[v], o) || o->kind == KIND_TEXT || o->kind == KIND_LIST)
                continue;
            struct osso_error err = {0};
            option_env_name(o, name, sizeof name);
            setenv(name, "\t", 1);
            if (option_has_twin(o))
                refused(&verbs[v], NULL, "%s%s", name, "");
            else
                check_ok(parse(&verbs[v], NULL, &err), err);
            unsetenv(name);
            asked++;
        }
    assert_true(asked > 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_option_is_accepted_by_exactly_its_verbs),
        cmocka_unit_test(test_every_setting_has_a_twin),
    };
    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
