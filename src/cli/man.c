/* man.c: manual pages of the tables of verbs and options: osso(1), and a page osso-VERB(1) for each verb. */
#include "cli/man.h"

#include "cli/chat/chat.h"
#include "cli/datadir.h"
#include "cli/help.h"

#include <stdio.h>
#include <string.h>

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

/* The page of a verb is called so: "osso-data-show". */
static void page_name(const struct verb *verb, char *name, size_t size)
{
    snprintf(name, size, "osso-%s%s%s", verb->first, verb->second ? "-" : "", verb->second ? verb->second : "");
}

static void man_title(const char *name, const char *line)
{
    printf(".TH ");
    for (const char *c = name; *c; c++)
        *c == '-' ? (void)fputs("\\-", stdout) : (void)putchar(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c);
    printf(" 1 \"" OSSO_RELEASED "\" \"osso " OSSO_VERSION "\" \"User Commands\"\n.SH NAME\n");
    roff(name);
    printf(" \\- ");
    roff(line);
    printf("\n.SH SYNOPSIS\n");
}

/* ---- options -------------------------------------------------------------------------------------------- */

static void man_option(const struct option *o)
{
    char text[128];
    help_synopsis(o, text, sizeof text);
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
}

static void man_takers(const struct option *o)
{
    printf("Verbs:");
    for (int i = 0; i < VERB_COUNT; i++)
        if (verb_takes(&verbs[i], o))
            printf(verbs[i].second ? " \"%s\"" : " %s", verbs[i].name);
    printf(".\n");
}

/* Those that this verb takes, NULL: of all verbs, saying whose. A section that holds none has no heading. */
static void man_options(const struct verb *verb)
{
    const char *section = NULL;
    char name[64];
    printf(".SH OPTIONS\n");
    for (int i = 0; i < OPT_COUNT; i++) {
        const struct option *o = &option_table[i];
        if (o->section) {
            section = o->section;
            continue;
        }
        if (verb && !verb_takes(verb, o))
            continue;
        if (section)
            printf(".SS %s\n", section);
        section = NULL;
        man_option(o);
        if (!verb)
            man_takers(o);
        option_env_name(o, name, sizeof name);
        printf("Environment: %s.\n", option_has_twin(o) ? name : "none");
    }
    if (verb) {
        if (section != option_table[0].section) /* there was one */
            printf(".SS Of every verb\n");
        printf(".TP\n.B \\-h, \\-\\-help\nprints these options.\n");
    }
}

/* ---- examples ------------------------------------------------------------------------------------------- */

static const struct {
    enum verb_id verb;
    const char *command, *text;
} examples[] = {
    {VERB_chat, "osso chat", "talk to the small model that ships with osso"},
    {VERB_pull, "osso pull gpt-oss-20b", "fetch a model of 12 GB; the same command goes on where it was ended"},
    {VERB_list, "osso list", "the models on this disk, other programs' too"},
    {VERB_info, "osso info -m gpt-oss-20b-mxfp4.gguf -c 8192",
     "what a file holds and what it needs; its weights are not read"},
    {VERB_chat, "osso run gpt-oss-20b-mxfp4.gguf \"Why is the sky blue?\"", "one answer"},
    {VERB_chat, "osso chat -f report.txt -p \"Sum this up.\" >summary.txt",
     "one answer about a file, without its thoughts"},
    {VERB_generate, "osso generate \"Once upon a time\" -n 50 --seed 1 --json",
     "a continuation, with ids and log-probabilities"},
    {VERB_bench, "osso bench --preset 20b", "how fast a 20b would be here; nothing is downloaded"},
    {VERB_serve, "osso serve -m gpt-oss-20b --port 8080", "OpenAI's API on this machine"},
    {VERB_convert, "osso convert --to gguf gpt-oss-20b model.gguf", "the same values in one file"},
    {VERB_quantize, "osso quantize --type mxfp4-q8 my-model my-model.gguf", "experts MXFP4, the rest 8 bits"},
    {VERB_eval, "osso eval hellaswag,piqa --data tasks -m gpt-oss-20b", "scores of two tasks"},
    {VERB_train, "osso train --config run.yaml --resume", "go on with a training run, or begin it"},
    {VERB_completion, "osso completion bash >~/.local/share/bash-completion/completions/osso",
     "where make install has not been: Tab completes in bash"},
    {VERB_man, "osso man chat | man -l -", "read the page of one verb"},
};

/* Of this verb, or NULL: all of them. */
static void man_examples(const struct verb *verb)
{
    bool any = false;
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
        if (verb && &verbs[examples[i].verb] != verb)
            continue;
        printf("%s.TP\n.B ", any ? "" : ".SH EXAMPLES\n");
        any = true;
        roff(examples[i].command);
        printf("\n");
        man_sentence(examples[i].text);
    }
}

/* ---- pages ---------------------------------------------------------------------------------------------- */

static void man_chat_commands(void)
{
    printf(
        ".SH IN A CHAT\nThese can be typed instead of a message. A line that ends in \\e goes on, and so does a text between\n"
        "two lines \"\"\". Ctrl\\-C stops an answer; Ctrl\\-D leaves.\n");
    for (int i = 0; i < CHAT_COMMANDS; i++) {
        man_heading("/", chat_commands[i].name, chat_commands[i].argument);
        man_sentence(chat_commands[i].help);
    }
}

static void man_exit_status(void)
{
    printf(".SH EXIT STATUS\n0: done. 1: something failed. 2: the command line makes no sense. 130: stopped by "
           "Ctrl\\-C.\n");
}

void man_verb(const struct verb *verb)
{
    char name[64];
    page_name(verb, name, sizeof name);
    man_title(name, verb->line);
    printf(".B osso %s\n[options]\n", verb->name);
    if (*verb->operands) {
        roff(verb->operands);
        printf("\n");
    }
    printf(".SH DESCRIPTION\n");
    man_sentence(verb->more);
    if (*verb->aliases)
        printf("Also called: %s.\n", verb->aliases);
    man_options(verb);
    if (verb == &verbs[VERB_chat])
        man_chat_commands();
    man_examples(verb);
    printf(".SH ENVIRONMENT\nThe twin of an option counts where the command line does not say it. An empty one counts "
           "as absent.\n");
    man_exit_status();
    printf(".SH SEE ALSO\n.BR osso (1)\n");
}

static void man_see_also(void)
{
    char name[64];
    printf(".SH SEE ALSO\n");
    for (int i = 0; i < VERB_COUNT; i++) {
        page_name(&verbs[i], name, sizeof name);
        printf(".BR ");
        roff(name);
        printf(" (1)%s\n", i + 1 < VERB_COUNT ? "," : "");
    }
    printf(".PP\nThe header osso.h is the manual of the library.\n");
}

void man_program(void)
{
    man_title("osso", "gpt-oss models on your own machine");
    printf(
        ".B osso\n.I verb\n[options]\n.br\n.B osso \\-\\-help\n|\n.B \\-\\-version\n.SH DESCRIPTION\n"
        "osso runs OpenAI's open\\-weight mixture\\-of\\-experts models gpt\\-oss\\-20b and gpt\\-oss\\-120b, and every model\n"
        "of that architecture, down to the small one that ships with it. Each verb has a page of its own: osso\\-chat(1).\n"
        ".SH VERBS\n");
    for (int i = 0; i < VERB_COUNT; i++) {
        man_heading("osso ", verbs[i].name, verbs[i].operands);
        man_sentence(verbs[i].more);
        if (*verbs[i].aliases)
            printf("Also called: %s.\n", verbs[i].aliases);
    }
    man_options(NULL);
    man_chat_commands();
    man_examples(NULL);
    printf(
        ".SH ENVIRONMENT\nOptions have a twin, OSSO_ and the name in capitals, but for those that say what to read or write this once.\n"
        "The command line wins. An empty one counts\n"
        "as absent. NO_COLOR switches colours off. XDG_STATE_HOME stands for ~/.local/state.\n"
        ".SH FILES\n.TP\n.I ~/.local/state/osso/history\nwhat was typed in chats\n"
        ".TP\n.I ~/.local/state/osso/conversation.json\nthe last conversation, for chat \\-\\-continue\n"
        ".TP\n.I ~/.local/state/osso/evals.sqlite\nthe scores of evaluations, for eval history\n"
        ".TP\n.I %s/models/osso\\-small\nthe model that ships with osso\n",
        datadir());
    man_exit_status();
    man_see_also();
}
