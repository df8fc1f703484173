/* help.c: the tables of verbs and options for people: --help. man.c makes manual pages of them. */
#include "cli/help.h"

#include "cli/chat/chat.h"
#include "cli/out.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WIDEST = 96, NARROWEST = 50, INDENT = 30, VERB_WIDTH = 12 };

/* COLUMNS, else the terminal's columns, within what is good to read. */
static int width(void)
{
    const char *columns = getenv("COLUMNS");
    int64_t n = 0;
    if (!columns || !parse_i64(columns, &n) || n <= 0)
        n = terminal_columns(STDOUT_FILENO);
    return n <= 0 || n > WIDEST ? WIDEST : n < NARROWEST ? NARROWEST : (int)n;
}

/* Text from column `column` on, later lines indented. */
static void wrap(const char *text, int column, int indent)
{
    print_words(stdout, text, column, indent, width());
}

int help_synopsis(const struct option *o, char *text, size_t size)
{
    char word[8];
    bool has = option_short(o, word) > 0;
    return snprintf(text, size, "%s%s%s--%s%s%s", has ? "-" : "    ", word, has ? ", " : "", o->name,
                    o->argument ? " " : "", o->argument ? o->argument : "");
}

static void help_option(const struct option *o)
{
    char text[128], help[512];
    int n = help_synopsis(o, text, sizeof text);
    printf("  %s", text);
    if (n + 2 >= INDENT)
        printf("\n%*s", INDENT, "");
    else
        printf("%*s", INDENT - n - 2, "");
    snprintf(help, sizeof help, "%s%s%s%s", o->help, o->standard ? " [" : "", o->standard ? o->standard : "",
             o->standard ? "]" : "");
    wrap(help, INDENT, INDENT);
}

void help_verb(const struct verb *verb)
{
    const char *section = NULL;
    printf("usage: osso %s [options]%s%s\n\n", verb->name, *verb->operands ? " " : "", verb->operands);
    wrap(verb->more, 0, 0);
    if (*verb->aliases)
        printf("Also called: %s.\n", verb->aliases);
    for (int i = 0; i < OPT_COUNT; i++) {
        const struct option *o = &option_table[i];
        if (o->section)
            section = o->section;
        else if (verb_takes(verb, o)) {
            if (section)
                printf("\n%s\n", section);
            section = NULL;
            help_option(o);
        }
    }
    if (verb == &verbs[VERB_chat]) {
        printf("\nInstead of a message\n");
        for (int i = 0; i < CHAT_COMMANDS; i++) {
            int n = printf("  /%s%s%s", chat_commands[i].name, *chat_commands[i].argument ? " " : "",
                           chat_commands[i].argument);
            printf("%*s", n < INDENT ? INDENT - n : 1, "");
            wrap(chat_commands[i].help, INDENT, INDENT);
        }
    }
    putchar('\n');
    wrap("Settings can also be given as environment variables: --top-k is OSSO_TOP_K. What to read or write this once "
         "(-p, -f) cannot; osso man says which can.",
         0, 0);
}

/* A line for each verb, or for each that begins with `first`. */
static void list_verbs(const char *first)
{
    int width = VERB_WIDTH;
    for (int i = 0; i < VERB_COUNT; i++)
        if ((int)strlen(verbs[i].name) > width)
            width = (int)strlen(verbs[i].name);
    for (int i = 0; i < VERB_COUNT; i++)
        if (!first || strcmp(verbs[i].first, first) == 0)
            printf("  %-*s  %s\n", width, verbs[i].name, verbs[i].line);
}

void help_family(const char *first)
{
    printf("usage: osso %s VERB [options]\n\n", first);
    list_verbs(first);
    printf("\nosso %s VERB --help shows a verb's options.\n", first);
}

void help_program(void)
{
    printf("osso: gpt-oss models on your own machine\n\nusage: osso VERB [options]\n\n");
    list_verbs(NULL);
    printf("\nosso VERB --help shows a verb's options, osso --version how osso was built.\n"
           "Without -m PATH, verbs that run a model use OSSO_MODEL, else the small model that ships with osso.\n"
           "Start with: osso chat\n");
}
