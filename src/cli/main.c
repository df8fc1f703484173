/* main.c: osso VERB [options]. The verbs are verbs.def, one file each; this file finds the one that was meant. */
#include "cli/help.h"
#include "cli/operands.h"
#include "cli/options.h"
#include "cli/out.h"
#include "cli/parts.h"

#include "base/buf.h"
#include "base/guess.h"
#include "base/thread.h"
#include "osso/osso.h"

#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

static int version(void)
{
    char cpu[256];
    cpu_name(cpu, sizeof cpu);
    bool unknown = strcmp(osso_commit(), "unknown") == 0;
    printf("osso %s\ncommit: %s%s\n", osso_version(), osso_commit(),
           unknown ? " (built from a folder without git)" : "");
#if defined(__clang__)
    printf("compiler: clang %s\n", __clang_version__);
#elif defined(__GNUC__)
    printf("compiler: gcc %s\n", __VERSION__);
#endif
    printf("cpu: %s, %d in use\n", cpu, cpu_count());
    printf("isa: %s (can run:", osso_isa_name(0));
    for (int i = 0; osso_isa_name(i); i++)
        printf(" %s", osso_isa_name(i));
    printf(")\n");
    for (int i = 0; i < PART_COUNT; i++) {
        struct part part = parts_get(i);
        printf("%s: %s%s%s\n", part.what, part.missing ? "left out (" : part.library, part.missing ? part.missing : "",
               part.missing ? ")" : "");
    }
    return 0;
}

/* The verb that begins `words`, by name or alias, and how many words that took; NULL if there is none. */
static const struct verb *find(int n, char **words, int *used)
{
    for (int i = 0; i < VERB_COUNT; i++) {
        const struct verb *verb = &verbs[i];
        bool named = strcmp(verb->first, words[0]) == 0 &&
                     (!verb->second || (n > 1 && strcmp(verb->second, words[1]) == 0));
        if (named || word_in(verb->aliases, ' ', words[0])) {
            *used = named && verb->second ? 2 : 1;
            return verb;
        }
    }
    return NULL;
}

/* Do verbs of two words begin with this one? */
static bool is_family(const char *word)
{
    for (int i = 0; i < VERB_COUNT; i++)
        if (verbs[i].second && strcmp(verbs[i].first, word) == 0)
            return true;
    return false;
}

static const char *guess_second(const char *family, const char *word)
{
    struct guess guess = {.typed = word};
    for (int i = 0; i < VERB_COUNT; i++)
        if (verbs[i].second && strcmp(verbs[i].first, family) == 0)
            guess_try(&guess, verbs[i].second);
    return guess_best(&guess);
}

/* A first word without a second one, or with one that is none. */
static int unknown_second(const char *family, const char *word)
{
    const char *guess = word ? guess_second(family, word) : NULL;
    if (guess)
        say("there is no verb '%s %s'; did you mean %s %s? (osso %s --help lists them)", family, word, family, guess,
            family);
    else if (word)
        say("there is no verb '%s %s'; osso %s --help lists them", family, word, family);
    else {
        struct buf list = {0};
        for (int i = 0; i < VERB_COUNT; i++)
            if (verbs[i].second && strcmp(verbs[i].first, family) == 0)
                buf_printf(&list, "%s%s", list.len ? ", " : "", verbs[i].second);
        say("%s is the first word of verbs (%s); see osso %s --help", family, list.data ? list.data : "", family);
        buf_free(&list);
    }
    return 2;
}

static int unknown_verb(int n, char **words)
{
    struct guess first = {.typed = words[0]};
    for (int i = 0; i < VERB_COUNT; i++)
        guess_try(&first, verbs[i].first);
    guess_try(&first, "--help");
    guess_try(&first, "--version");
    const char *best = guess_best(&first), *second = best && n > 1 ? guess_second(best, words[1]) : NULL;
    if (best)
        say("there is no verb '%s'; did you mean %s%s%s? (osso --help lists them)", words[0], best, second ? " " : "",
            second ? second : "");
    else
        say("there is no verb '%s'; osso --help lists them", words[0]);
    return 2;
}

static int run_verb(const struct verb *verb, int argc, char **argv)
{
    struct options options;
    struct osso_error err = {0};
    enum osso_status status = options_parse(verb, argc, argv, &options, &err);
    if (status)
        return exit_code(status, &err);
    int code = 0;
    if (options.help)
        help_verb(verb);
    else if ((status = operands_place(&options, &err)) || (status = flags_in_vain(&options, &err)) ||
             (status = isa_is_known(&options, &err)))
        code = exit_code(status, &err);
    else
        code = verb->run(&options);
    options_free(&options);
    return code;
}

static bool asks_for_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

/* osso help [WORDS] */
static int help(int n, char **words)
{
    int used;
    const struct verb *verb = n > 0 ? find(n, words, &used) : NULL;
    if (n == 0)
        help_program();
    else if (verb)
        help_verb(verb);
    else if (!is_family(words[0]))
        return unknown_verb(n, words);
    else if (n > 1 && !asks_for_help(words[1]))
        return unknown_second(words[0], words[1]);
    else
        help_family(words[0]);
    return 0;
}

static int run(int n, char **words)
{
    int used;
    if (n == 0) {
        say("say what to do: osso chat, for example; osso --help lists the verbs");
        return 2;
    }
    if (asks_for_help(words[0]) || strcmp(words[0], "help") == 0)
        return help(n - 1, words + 1);
    if (strcmp(words[0], "--version") == 0 || strcmp(words[0], "version") == 0)
        return version();
    const struct verb *verb = find(n, words, &used);
    if (verb)
        return run_verb(verb, n - used, words + used);
    if (!is_family(words[0]))
        return unknown_verb(n, words);
    if (n > 1 && asks_for_help(words[1]))
        return help(1, words);
    return unknown_second(words[0], n > 1 && words[1][0] != '-' ? words[1] : NULL);
}

int main(int argc, char **argv)
{
    signals_begin();
    /* Only characters: numbers are read and printed the C way everywhere. Text is UTF-8, whatever the locale says. */
    if (!setlocale(LC_CTYPE, "") || strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        setlocale(LC_CTYPE, "C.UTF-8");
    return out_end(run(argc > 0 ? argc - 1 : 0, argv + 1));
}
