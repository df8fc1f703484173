/* help.c: the tables of verbs and options for people: --help and the manual page. */
#include "cli/help.h"

#include "cli/chat/chat.h"
#include "cli/datadir.h"
#include "cli/out.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WIDEST = 96, NARROWEST = 50, INDENT = 30, VERB_WIDTH = 12 };

/* ---- --help --------------------------------------------------------------------------------------------- */

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

/* "-n, --n-predict N", "-np, --parallel N" */
static int synopsis(const struct option *o, char *text, size_t size)
{
    char word[8];
    bool has = option_short(o, word) > 0;
    return snprintf(text, size, "%s%s%s--%s%s%s", has ? "-" : "    ", word, has ? ", " : "", o->name,
                    o->argument ? " " : "", o->argument ? o->argument : "");
}

static void help_option(const struct option *o)
{
    char text[128], help[512];
    int n = synopsis(o, text, sizeof text);
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

/* ---- the manual page ------------------------------------------------------------------------------------ */

/* Text for roff: no line begins with a control character, '-' and '\' are literal. */
static void roff(const char *s)
{
    if (*s == '.' || *s == '\'')
        fputs("\\&", stdout);
    for (; *s; s++)
        if (*s == '-')
            fputs("\\-", stdout);
        else if (*s == '\\')
            fputs("\\e", stdout);
        else
            putchar(*s);
}

/* A heading in bold, without a blank at its end (mandoc -Tlint). */
static void man_heading(const char *before, const char *name, const char *after)
{
    printf(".TP\n.B %s%s%s", before, name, *after ? " " : "");
    roff(after);
    printf("\n");
}

static void man_sentence(const char *text)
{
    size_t n = strlen(text);
    roff(text);
    printf("%s\n", n && text[n - 1] == '.' ? "" : ".");
}

static void man_option(const struct option *o)
{
    char text[128], name[64];
    option_env_name(o, name, sizeof name);
    synopsis(o, text, sizeof text);
    printf(".TP\n.B ");
    roff(text + strspn(text, " "));
    printf("\n");
    man_sentence(o->help);
    if (o->standard) {
        printf("Default: ");
        roff(o->standard);
        printf(".\n");
    }
    if (o->alias) {
        printf("Also \\-\\-");
        roff(o->alias);
        printf(".\n");
    }
    printf("Verbs:");
    for (int i = 0; i < VERB_COUNT; i++)
        if (verb_takes(&verbs[i], o))
            printf(verbs[i].second ? " \"%s\"" : " %s", verbs[i].name);
    printf(".\nEnvironment: %s.\n", option_has_twin(o) ? name : "none");
}

static void man_examples(void)
{
    static const char *const examples[][2] = {
        {"osso chat", "talk to the small model that ships with osso"},
        {"osso info -m gpt-oss-20b-mxfp4.gguf -c 8192",
         "what a file holds and what it needs; its weights are not read"},
        {"osso run gpt-oss-20b-mxfp4.gguf \"Why is the sky blue?\"", "one answer"},
        {"osso chat -f report.txt -p \"Sum this up.\" >summary.txt", "one answer about a file, without its thoughts"},
        {"osso generate \"Once upon a time\" -n 50 --seed 1 --json", "a continuation, with ids and log-probabilities"},
        {"osso bench --preset 20b", "how fast a 20b would be here; nothing is downloaded"}};
    printf(".SH EXAMPLES\n");
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        printf(".TP\n.B ");
        roff(examples[i][0]);
        printf("\n");
        man_sentence(examples[i][1]);
    }
}

void help_man(void)
{
    printf(
        ".TH OSSO 1 \"\" \"osso " OSSO_VERSION
        "\" \"User Commands\"\n.SH NAME\nosso \\- gpt\\-oss models on your own machine\n"
        ".SH SYNOPSIS\n.B osso\n.I verb\n[options]\n.br\n.B osso \\-\\-help\n|\n.B \\-\\-version\n.SH DESCRIPTION\n"
        "osso runs OpenAI's open\\-weight mixture\\-of\\-experts models gpt\\-oss\\-20b and gpt\\-oss\\-120b, and every model\n"
        "of that architecture, down to the small one that ships with it.\n.SH VERBS\n");
    for (int i = 0; i < VERB_COUNT; i++) {
        man_heading("osso ", verbs[i].name, verbs[i].operands);
        man_sentence(verbs[i].more);
        if (*verbs[i].aliases)
            printf("Also called: %s.\n", verbs[i].aliases);
    }
    printf(".SH OPTIONS\n");
    for (int i = 0; i < OPT_COUNT; i++)
        if (option_table[i].section)
            printf(".SS %s\n", option_table[i].section);
        else
            man_option(&option_table[i]);
    printf(
        ".SH IN A CHAT\nThese can be typed instead of a message. A line that ends in \\e goes on, and so does a text between\n"
        "two lines \"\"\". Ctrl\\-C stops an answer; Ctrl\\-D leaves.\n");
    for (int i = 0; i < CHAT_COMMANDS; i++) {
        man_heading("/", chat_commands[i].name, chat_commands[i].argument);
        man_sentence(chat_commands[i].help);
    }
    man_examples();
    printf(
        ".SH ENVIRONMENT\nOptions have a twin, OSSO_ and the name in capitals, but for those that say what to read or write this once.\n"
        "The command line wins. An empty one counts\n"
        "as absent. NO_COLOR switches colours off. XDG_STATE_HOME stands for ~/.local/state.\n"
        ".SH FILES\n.TP\n.I ~/.local/state/osso/history\nwhat was typed in chats\n"
        ".TP\n.I ~/.local/state/osso/conversation.json\nthe last conversation, for chat \\-\\-continue\n"
        ".TP\n.I %s/models/osso\\-small\nthe model that ships with osso\n"
        ".SH EXIT STATUS\n0: done. 1: something failed. 2: the command line makes no sense. 130: stopped by Ctrl\\-C.\n"
        ".SH SEE ALSO\n.B osso\n.I verb\n.B \\-\\-help\nshows the options of one verb; the header osso.h is the manual of the library.\n",
        datadir());
}
