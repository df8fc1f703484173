/* main.c: osso VERB [options]. The verbs are verbs.def, one file each; this file finds the one that was meant. */
#include "cli/options.h"
#include "cli/out.h"

#include "base/thread.h"
#include "osso/osso.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int version(void)
{
    char cpu[256];
    cpu_name(cpu, sizeof cpu);
    printf("osso %s\n", osso_version());
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
#ifdef HAVE_EDIT
    printf("line editing: libedit\n");
#else
    printf("line editing: left out (built without libedit)\n");
#endif
    return 0;
}

static int unknown_verb(const char *word)
{
    struct guess guess = {.typed = word};
    for (int i = 0; i < VERB_COUNT; i++)
        guess_try(&guess, verbs[i].name);
    guess_try(&guess, "--help");
    guess_try(&guess, "--version");
    if (guess_best(&guess))
        say("there is no verb '%s'; did you mean %s? (osso --help lists them)", word, guess_best(&guess));
    else
        say("there is no verb '%s'; osso --help lists them", word);
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
    else
        code = verb->run(&options);
    options_free(&options);
    return code;
}

static int run(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : NULL;
    if (!word) {
        say("say what to do: osso chat, for example; osso --help lists the verbs");
        return 2;
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0) {
        if (argc > 2 && !verb_find(argv[2]))
            return unknown_verb(argv[2]);
        if (argc > 2)
            help_verb(verb_find(argv[2]));
        else
            help_program();
        return 0;
    }
    if (strcmp(word, "--version") == 0 || strcmp(word, "version") == 0)
        return version();
    const struct verb *verb = verb_find(word);
    return verb ? run_verb(verb, argc - 2, argv + 2) : unknown_verb(word);
}

int main(int argc, char **argv)
{
    signals_begin();
    /* Only characters: numbers are read and printed the C way everywhere. Without any locale, UTF-8 all the same. */
    if (!setlocale(LC_CTYPE, "") || strcmp(setlocale(LC_CTYPE, NULL), "C") == 0 ||
        strcmp(setlocale(LC_CTYPE, NULL), "POSIX") == 0)
        setlocale(LC_CTYPE, "C.UTF-8");
    return out_end(run(argc, argv));
}
