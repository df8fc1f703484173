/* chat_settings.c: what can be changed in the middle of a chat: /set, /effort, /system. */
#include "cli/chat/chat.h"
#include "cli/out.h"

#include "base/error.h"
#include "base/guess.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

/* A copy that lives as long as the chat, for options and opening to point to; NULL when memory runs out. */
static const char *keep(struct chat *chat, const char *text)
{
    char **kept = mem_grow(chat->kept, chat->n_kept + 1, sizeof *kept);
    char *copy = kept ? mem_strdup(text) : NULL;
    if (kept)
        chat->kept = kept;
    if (copy)
        chat->kept[chat->n_kept++] = copy;
    return copy;
}

/* What an option says in the conversation: this field of its opening and no other. */
static enum osso_status set_field(struct chat *chat, size_t slot, const struct opening *opening, struct osso_error *err)
{
    struct osso_conversation *c = chat->conversation;
    switch (slot) {
    case OPT_system: return osso_conversation_set_field(c, OSSO_FIELD_INSTRUCTIONS, opening->instructions, err);
    case OPT_reasoning_effort:
        return osso_conversation_set_field(c, OSSO_FIELD_EFFORT, opening->effort ? opening->effort : "medium", err);
    case OPT_date: return osso_conversation_set_field(c, OSSO_FIELD_DATE, *opening->date ? opening->date : NULL, err);
    default: return OSSO_OK;
    }
}

/* "high": what the model is told now. */
const char *chat_effort(const struct chat *chat)
{
    const char *effort = osso_conversation_field(chat->conversation, OSSO_FIELD_EFFORT);
    return !effort ? "none" : strcmp(effort, "Low") == 0 ? "low" : strcmp(effort, "High") == 0 ? "high" : "medium";
}

static void set_option(struct chat *chat, const struct option *option, const char *value, bool back,
                       struct osso_error *err, enum osso_status *status)
{
    struct options *o = &chat->options;
    size_t slot = (size_t)(option - option_table);
    struct option_value before = o->v[slot];
    const char *kept = keep(chat, value);
    if (!kept) {
        *status = error_nomem(err, strlen(value), "a setting");
        return;
    }
    if (back) { /* as if it had never been given; a list keeps its memory */
        o->v[slot] = (struct option_value){.list = before.list};
        *status = OSSO_OK;
    } else
        *status = option_set(option, &o->v[slot], option->name, kept, err);
    if (!*status)
        *status = runner_sampler(o, &chat->r, err);
    struct opening opening = chat->opening;
    if (!*status)
        *status = opening_args(o, &opening, err);
    opening.tools = chat->opening.tools;
    if (!*status)
        *status = set_field(chat, slot, &opening, err);
    if (!*status) {
        chat->opening = opening;
        return;
    }
    if (option->kind != KIND_LIST) /* a list may have moved when it grew */
        o->v[slot] = before;
    else {
        o->v[slot].n = before.n;
        o->v[slot].set = before.set;
    }
}

bool chat_settable(const struct option *option)
{
    int i = (int)(option - option_table);
    return verb_takes(&verbs[VERB_chat], option) && i > OPT_section_conversation && i < OPT_section_rendering_parsing &&
           i != OPT_no_history && i != OPT_continue;
}

/* A number that is in force whoever said so; false: the option is no such number. */
static bool number_in_force(const struct chat *chat, int i, double *out)
{
    struct osso_sampling s;
    sampling_args(&chat->options, &chat->r, &s);
    switch (i) {
    case OPT_temp: *out = s.temperature; return true;
    case OPT_top_k: *out = (double)s.top_k; return true;
    case OPT_top_p: *out = s.top_p; return true;
    case OPT_min_p: *out = s.min_p; return true;
    case OPT_repeat_penalty: *out = s.repetition_penalty; return true;
    case OPT_presence_penalty: *out = s.presence_penalty; return true;
    case OPT_frequency_penalty: *out = s.frequency_penalty; return true;
    default: return false;
    }
}

/* A text that is in force, of the conversation's opening; NULL: the option is none such. */
static const char *text_in_force(const struct chat *chat, int i)
{
    const char *text = i == OPT_system ? osso_conversation_field(chat->conversation, OSSO_FIELD_INSTRUCTIONS)
                       : i == OPT_date ? osso_conversation_field(chat->conversation, OSSO_FIELD_DATE)
                                       : NULL;
    if (i == OPT_reasoning_effort)
        return chat_effort(chat);
    return i == OPT_system || i == OPT_date ? (text ? text : "none") : NULL;
}

static void show_setting(const struct chat *chat, int i)
{
    const struct option *o = &option_table[i];
    const struct option_value *v = &chat->options.v[i];
    const char *text = text_in_force(chat, i);
    double number;
    fprintf(stderr, "  %-20s ", o->name);
    if (text || (v->set && v->s))
        err_model_text(text ? text : v->s, strlen(text ? text : v->s));
    else if (number_in_force(chat, i, &number))
        fprintf(stderr, "%g", number);
    else if (o->kind == KIND_SEED)
        fprintf(stderr, "%llu", (unsigned long long)chat->r.seed);
    else if (o->kind == KIND_FLAG)
        fputs(v->set ? "on" : "off", stderr);
    else if (o->kind == KIND_LIST)
        fprintf(stderr, "%zu entr%s", v->n, v->n == 1 ? "y" : "ies");
    else if (v->set)
        fprintf(stderr, "%lld", (long long)v->i);
    else
        fputs(o->standard ? o->standard : "off", stderr);
    fputs(v->set || text ? "\n" : " (default)\n", stderr);
}

static void show_settings(const struct chat *chat)
{
    for (int i = 0; i < OPT_COUNT; i++)
        if (option_table[i].name && chat_settable(&option_table[i]))
            show_setting(chat, i);
}

void command_set(struct chat *chat, const char *argument)
{
    char name[64];
    size_t n = strcspn(argument, " \t=");
    struct osso_error err = {0};
    enum osso_status status = OSSO_OK;
    if (*argument == 0) {
        show_settings(chat);
        return;
    }
    snprintf(name, sizeof name, "%.*s", (int)n, argument);
    for (char *c = name; *c; c++)
        *c = *c == '_' ? '-' : *c;
    const char *value = argument + n + strspn(argument + n, " \t=");
    const struct option *option = option_find(&verbs[VERB_chat], name);
    if (!option) {
        struct guess guess = {.typed = name};
        for (int i = 0; i < OPT_COUNT; i++)
            if (option_table[i].name && chat_settable(&option_table[i]))
                guess_try(&guess, option_table[i].name);
        say("there is no setting '%s'%s%s; /set lists them", name, guess_best(&guess) ? "; did you mean " : "",
            guess_best(&guess) ? guess_best(&guess) : "");
    } else if (!chat_settable(option))
        say("%s can only be given at the start: osso chat --%s", name, name);
    else if (*value == 0 && option->kind != KIND_FLAG)
        show_setting(chat, (int)(option - option_table));
    else {
        set_option(chat, option, *value || option->kind != KIND_FLAG ? value : "1", strcmp(value, "default") == 0, &err,
                   &status);
        if (!status)
            show_setting(chat, (int)(option - option_table));
    }
    chat_report(status, &err);
}

void command_effort(struct chat *chat, const char *argument)
{
    struct osso_error err = {0};
    enum osso_status status = OSSO_OK;
    if (*argument)
        set_option(chat, &option_table[OPT_reasoning_effort], argument, strcmp(argument, "default") == 0, &err,
                   &status);
    else
        chat_note(chat_effort(chat));
    chat_report(status, &err);
}

void command_system(struct chat *chat, const char *argument)
{
    struct osso_error err = {0};
    enum osso_status status = OSSO_OK;
    set_option(chat, &option_table[OPT_system], argument, false, &err, &status);
    chat_report(status, &err);
    if (!status)
        chat_note(*argument ? "the model has its instructions" : "the model has no instructions now");
}
