/* model_words.c: names of models, compared and spelt. */
#define _GNU_SOURCE
#include "cli/model_words.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

/* The form in which names are compared: small letters, without .gguf and -GGUF behind, : as - */
static void plain_key(char key[200], const char *name)
{
    snprintf(key, 200, "%s", name);
    for (char *c = key; *c; c++)
        *c = *c == ':' ? '-' : *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
    static const char *const endings[] = {".gguf", "-gguf"};
    for (int i = 0; i < 2; i++) {
        size_t n = strlen(key), m = strlen(endings[i]);
        if (n > m && strcmp(key + n - m, endings[i]) == 0)
            key[n - m] = 0;
    }
}

bool model_names_same(const char *a, const char *b)
{
    char ka[200], kb[200];
    plain_key(ka, a);
    plain_key(kb, b);
    return strcmp(ka, kb) == 0;
}

bool model_words_joined(const struct model_words *w, const char *name)
{
    char joined[200];
    snprintf(joined, sizeof joined, "%s-%s", w->name, w->tag);
    return w->tag[0] && model_names_same(joined, name);
}

bool model_words_want(const struct model_words *w, const char *repository, const char *file)
{
    if (!w)
        return true;
    if (model_words_joined(w, repository) ||
        (*file && (model_words_joined(w, file) || model_names_same(w->name, file))))
        return true;
    return model_names_same(w->name, repository) &&
           (!w->tag[0] || strcasecmp(w->tag, "latest") == 0 || strcasestr(file, w->tag));
}

char *model_words_spelt(const char *before, const char *owner, const char *name, const char *tag)
{
    char text[1024];
    int n = snprintf(text, sizeof text, "%s%s%s%s%s%s", before, owner, *owner ? "/" : "", name, *tag ? ":" : "", tag);
    return *name && n > 0 && (size_t)n < sizeof text ? mem_strdup(text) : NULL;
}
