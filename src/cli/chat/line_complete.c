/* line_complete.c: what Tab completes: commands, and of what follows one the settings, values and paths that its row in
 * chat_commands.def speaks of. Nothing else: a message is a person's own. */
#define _POSIX_C_SOURCE 200809L
#include "cli/chat/chat_line.h"
#include "cli/chat/line_draw.h"
#include "cli/state.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "base/words.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add(struct completions *found, const char *typed, const char *text, size_t len, char end)
{
    if (len < found->typed || memcmp(text, typed, found->typed) != 0)
        return;
    struct completion *list = mem_room(found->list, found->n, &found->cap, sizeof *list);
    if (!list)
        return;
    found->list = list;
    char *copy = mem_strndup(text, len);
    if (copy)
        found->list[found->n++] = (struct completion){copy, end};
}

/* The words of "low|medium|high". */
static void add_words(struct completions *found, const char *typed, const char *words, const char *separator, char end)
{
    for (const char *w = words; w && *w; w += strspn(w, separator)) {
        size_t n = strcspn(w, separator);
        add(found, typed, w, n, end);
        w += n;
    }
}

/* ---- paths --------------------------------------------------------------------------------------------------- */

/* Can a name be typed and shown, at the end of a line? */
static bool is_plain(const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0, k; i < n; i += k) {
        const uint8_t *s = (const uint8_t *)name + i;
        k = utf8_sequence(s, n - i);
        if (k == 0 || s[0] < 0x20 || s[0] == 0x7f || (s[0] == 0xc2 && s[1] < 0xa0))
            return false;
    }
    return n > 0 && name[n - 1] != ' ';
}

static void add_paths(struct completions *found, const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    char *folder = slash ? mem_strndup(path, (size_t)(name - path)) : mem_strdup(".");
    char *real = folder ? file_of_home(folder) : NULL;
    DIR *dir = real ? opendir(real) : NULL;
    found->typed = strlen(name);
    if (!slash && strcmp(path, "~") == 0)
        add(found, name, "~", 1, '/');
    for (struct dirent *e; dir && (e = readdir(dir));) {
        if (strncmp(e->d_name, name, found->typed) != 0 || strcmp(e->d_name, ".") == 0 ||
            strcmp(e->d_name, "..") == 0 || !is_plain(e->d_name) || (e->d_name[0] == '.' && name[0] != '.') ||
            (!slash && e->d_name[0] == ' '))
            continue;
        char *whole = file_join(real, e->d_name);
        add(found, name, e->d_name, strlen(e->d_name), whole && file_is_dir(whole) ? '/' : 0);
        mem_free(whole);
    }
    if (dir)
        closedir(dir);
    mem_free(real);
    mem_free(folder);
}

/* ---- commands ------------------------------------------------------------------------------------------------ */

static void add_values(struct completions *found, const char *typed, const struct option *option)
{
    if (option->kind == KIND_FLAG)
        add_words(found, typed, "on|off", "|", 0);
    else if (option->kind == KIND_CHOICE)
        add_words(found, typed, option->argument, "|", 0);
    add_words(found, typed, "default", "|", 0);
}

/* "NAME VALUE" of /set. */
static void add_setting(struct completions *found, const char *argument)
{
    size_t n = strcspn(argument, " \t=");
    const char *value = argument + n + strspn(argument + n, " \t=");
    char name[64];
    found->typed = argument[n] ? strlen(value) : n;
    if (!argument[n]) {
        for (int i = 0; i < OPT_COUNT; i++)
            if (option_table[i].name && chat_settable(&option_table[i]))
                add(found, argument, option_table[i].name, strlen(option_table[i].name), ' ');
        return;
    }
    snprintf(name, sizeof name, "%.*s", (int)n, argument);
    const struct option *option = option_find(&verbs[VERB_chat], name);
    if (option && chat_settable(option))
        add_values(found, value, option);
}

static const struct chat_command *command_of(const char *name, size_t n)
{
    char word[32];
    snprintf(word, sizeof word, "%.*s", n < sizeof word ? (int)n : 0, name);
    for (int i = 0; i < CHAT_COMMANDS; i++)
        if (strcmp(chat_commands[i].name, word) == 0 || word_in(chat_commands[i].aliases, ' ', word))
            return &chat_commands[i];
    return NULL;
}

static void add_commands(struct completions *found, const char *typed)
{
    found->typed = strlen(typed);
    for (int i = 0; i < CHAT_COMMANDS; i++)
        add(found, typed, chat_commands[i].name, strlen(chat_commands[i].name), *chat_commands[i].argument ? ' ' : 0);
    for (int i = 0; i < CHAT_COMMANDS && found->n == 0; i++)
        add_words(found, typed, chat_commands[i].aliases, " ", *chat_commands[i].argument ? ' ' : 0);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct completion *)a)->text, ((const struct completion *)b)->text);
}

void completions_find(struct completions *found, const wchar_t *before, size_t len)
{
    struct buf text = {0};
    for (size_t i = 0; i < len; i++) {
        uint8_t bytes[4];
        buf_add(&text, bytes, utf8_put(bytes, (uint32_t)before[i]));
    }
    buf_puts(&text, "");
    const char *line = text.failed ? "" : text.data;
    size_t n = strcspn(line, " \t\n");
    const struct chat_command *command = line[0] == '/' && line[n] ? command_of(line + 1, n - 1) : NULL;
    const char *argument = line + n + strspn(line + n, " \t");
    if (line[0] == '/' && !line[n])
        add_commands(found, line + 1);
    else if (command && strcmp(command->argument, "FILE") == 0)
        add_paths(found, argument);
    else if (command && strcmp(command->argument, "NAME VALUE") == 0)
        add_setting(found, argument);
    else if (command && strchr(command->argument, '|')) {
        found->typed = strlen(argument);
        add_words(found, argument, command->argument, "|", 0);
    }
    buf_free(&text);
    if (found->n > 1)
        qsort(found->list, found->n, sizeof *found->list, by_name);
}

/* ---- what to do with them ------------------------------------------------------------------------------------- */

const wchar_t *completions_common(struct completions *found)
{
    size_t n = found->n ? strlen(found->list[0].text) : 0, out = 0;
    for (size_t i = 1; i < found->n; i++)
        for (size_t k = found->typed; k < n; k++)
            if (found->list[i].text[k] != found->list[0].text[k])
                n = k;
    while (n > found->typed && (found->list[0].text[n] & 0xc0) == 0x80)
        n--; /* whole characters */
    for (size_t i = found->typed; i < n && out + 2 < sizeof found->more / sizeof *found->more;) {
        unsigned k;
        found->more[out++] = (wchar_t)utf8_get((const uint8_t *)found->list[0].text + i, &k);
        i += k;
    }
    if (found->n == 1 && found->list[0].end)
        found->more[out++] = (unsigned char)found->list[0].end;
    found->more[out] = 0;
    return found->more;
}

static int columns_of(const char *text)
{
    int columns = 0;
    unsigned n;
    for (size_t i = 0, len = strlen(text); i < len; i += n)
        columns += line_columns((wchar_t)utf8_get((const uint8_t *)text + i, &n));
    return columns;
}

void completions_list(const struct completions *found, FILE *screen, int columns, int rows)
{
    int widest = 0;
    for (size_t i = 0; i < found->n; i++) {
        int width = columns_of(found->list[i].text) + (found->list[i].end == '/');
        widest = width > widest ? width : widest;
    }
    size_t across = (size_t)(columns / (widest + 2) > 0 ? columns / (widest + 2) : 1);
    size_t most = (size_t)(rows > 6 ? rows - 4 : 2), down = (found->n + across - 1) / across, shown = down;
    if (down > most)
        shown = most;
    for (size_t row = 0; row < shown; row++)
        for (size_t i = row; i < found->n; i += down) { /* column by column, as ls */
            bool folder = found->list[i].end == '/', last = i + down >= found->n;
            int pad = last ? 0 : widest + 2 - columns_of(found->list[i].text) - folder;
            fprintf(screen, "%s%s%*s%s", found->list[i].text, folder ? "/" : "", pad, "", last ? "\r\n" : "");
        }
    if (shown < down)
        fprintf(screen, "... (%zu in all)\r\n", found->n);
}

void completions_free(struct completions *found)
{
    for (size_t i = 0; i < found->n; i++)
        mem_free(found->list[i].text);
    mem_free(found->list);
    *found = (struct completions){0};
}
