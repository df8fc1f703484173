/* main.c: osso VERB [options]. The verbs are verbs.def, one file each; this file finds the one that was meant. */
#include "cli/complete.h"
#include "cli/device.h"
#include "cli/help.h"
#include "cli/operands.h"
#include "cli/options.h"
#include "cli/out.h"
#include "cli/parts.h"
#include "cli/verb_words.h"

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
        struct part part = parts_at(i);
        printf("%s: %s%s%s\n", part.what, part.missing ? "left out (" : part.library, part.missing ? part.missing : "",
               part.missing ? ")" : "");
    }
    device_versions();
    return 0;
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
             (status = isa_is_known(&options, &err)) || (status = device_find(&options, &err)))
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
    const struct verb *verb = n > 0 ? verb_find(n, words, &used) : NULL;
    if (n == 0)
        help_program();
    else if (verb)
        help_verb(verb);
    else if (!verb_is_family(words[0]))
        return verb_unknown(n, words);
    else if (n > 1 && !asks_for_help(words[1]))
        return verb_unknown_second(words[0], words[1]);
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
    if (strcmp(words[0], COMPLETE_WORD) == 0)
        return complete_line(n - 1, words + 1);
    const struct verb *verb = verb_find(n, words, &used);
    if (verb)
        return run_verb(verb, n - used, words + used);
    if (!verb_is_family(words[0]))
        return verb_unknown(n, words);
    if (n > 1 && asks_for_help(words[1]))
        return help(1, words);
    return verb_unknown_second(words[0], n > 1 && words[1][0] != '-' ? words[1] : NULL);
}

int main(int argc, char **argv)
{
    signals_begin();
    /* Only characters: numbers are read and printed the C way everywhere. Text is UTF-8, whatever the locale says. */
    if (!setlocale(LC_CTYPE, "") || strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
        setlocale(LC_CTYPE, "C.UTF-8");
    return out_end(run(argc > 0 ? argc - 1 : 0, argv + 1));
}
