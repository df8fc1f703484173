/* hook_names.c: names of hooks as people write them. */
#include "inspect/hooks.h"

#include "base/buf.h"
#include "base/mem.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- spelling --------------------------------------------------------------------------------------------------- */

static bool begins(const char *s, const char *with)
{
    return strncmp(s, with, strlen(with)) == 0;
}

/* "layers[4]" is "layers.4". */
static char *without_brackets(const char *typed)
{
    char *s = mem_alloc(strlen(typed) + 1), *to = s;
    for (const char *c = typed; s && *c; c++)
        if (*c != ']')
            *to++ = *c == '[' ? '.' : *c;
    return s;
}

/* Beginnings of names that others have, and ours. */
static const char *const beginnings[][2] = {
    {"transformer.h.", "model.layers."}, {"transformer.wte", "model.embed_tokens"}, {"transformer.", "model."},
    {"layers.", "model.layers."},        {"embed_tokens", "model.embed_tokens"},    {"model.lm_head", "lm_head"},
};

/* The number (or pattern of numbers) behind `before` in a name; its length. */
static const char *number_behind(const char *name, const char *before, size_t *len)
{
    const char *at = strstr(name, before);
    *len = at ? strcspn(at + strlen(before), ".:") : 0;
    return at ? at + strlen(before) : NULL;
}

/* `name` of hooks.def with the layer and the expert that `of` speaks of. */
static void put_places(struct buf *b, const char *name, const char *of)
{
    size_t layer_len, expert_len;
    const char *layer = number_behind(of, "layers.", &layer_len);
    const char *expert = number_behind(of, "experts.", &expert_len);
    for (const char *c = name; *c; c++) {
        bool alone = (c == name || c[-1] == '.') && (c[1] == '.' || !c[1]);
        if (alone && *c == 'L' && layer)
            buf_add(b, layer, layer_len);
        else if (alone && *c == 'E' && expert)
            buf_add(b, expert, expert_len);
        else
            buf_putc(b, *c);
    }
}

char *hook_name_spelled(const char *typed)
{
    char *s = without_brackets(typed);
    struct buf b = {0};
    const char *rest = s;
    if (!s)
        return NULL;
    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++)
        if (begins(s, beginnings[i][0])) {
            buf_puts(&b, beginnings[i][1]);
            rest = s + strlen(beginnings[i][0]);
            break;
        }
    buf_puts(&b, rest);
    mem_free(s);
    char *colon = b.data ? strchr(b.data, ':') : NULL;
    const char *name;
    for (int i = 0; colon && (rest = hook_word(i, &name)); i++)
        if (strcmp(colon + 1, rest) == 0) {
            struct buf of = {0};
            put_places(&of, name, b.data);
            buf_free(&b);
            return buf_take(&of);
        }
    size_t n = strlen(".output");
    if (b.len > n && strcmp(b.data + b.len - n, ".output") == 0)
        b.data[b.len - n] = 0;
    return buf_take(&b);
}

/* ---- patterns --------------------------------------------------------------------------------------------------- */

/* Length of a list of numbers and ranges that a pattern has here, up to the next '.' or its end; 0: it is none. */
static size_t numbers_len(const char *pattern)
{
    size_t n = strspn(pattern, "0123456789-,");
    return n > 0 && isdigit((unsigned char)*pattern) && (pattern[n] == '.' || !pattern[n]) ? n : 0;
}

static bool among(const char *list, size_t len, long number)
{
    const char *end = list + len;
    while (list < end) {
        char *at;
        long lo = strtol(list, &at, 10), hi = lo;
        if (*at == '-' && at < end)
            hi = isdigit((unsigned char)at[1]) ? strtol(at + 1, &at, 10) : (at++, 1L << 30);
        if (number >= lo && number <= hi)
            return true;
        list = at + 1;
    }
    return false;
}

bool hook_name_matches(const char *pattern, const char *name)
{
    const char *star = NULL, *from = NULL, *begin = name;
    while (*name) {
        size_t len = name == begin || name[-1] == '.' ? numbers_len(pattern) : 0;
        char *end;
        if (*pattern == '*') {
            star = ++pattern;
            from = name;
        } else if (len && isdigit((unsigned char)*name) && among(pattern, len, strtol(name, &end, 10))) {
            pattern += len;
            name = end;
        } else if (!len && *pattern == *name) {
            pattern++;
            name++;
        } else if (star) {
            pattern = star;
            name = ++from;
        } else
            return false;
    }
    while (*pattern == '*')
        pattern++;
    return !*pattern;
}

bool hook_name_of_expert(const char *pattern)
{
    const char *at = strstr(pattern, "experts.");
    return at && (isdigit((unsigned char)at[8]) || at[8] == '*');
}

/* ---- what was meant --------------------------------------------------------------------------------------------- */

/* A name with its numbers (and lists of them, and stars) as L and E, as hooks.def writes it; numbers go to `first`. */
static void as_row(const char *name, char *space, size_t size, char *first, size_t first_size)
{
    size_t n = 0, numbers = 0;
    *first = 0;
    for (const char *c = name; *c && n + 1 < size;) {
        size_t len = (c == name || c[-1] == '.') ? strspn(c, "0123456789-,*") : 0;
        if (len && (c[len] == '.' || !c[len])) {
            if (numbers == 0)
                snprintf(first, first_size, "%.*s", (int)len, c);
            space[n++] = numbers++ ? 'E' : 'L';
            c += len;
        } else
            space[n++] = *c++;
    }
    space[n] = 0;
}

/* How much of two words is the same, from their beginnings and from their ends. */
static size_t likeness(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b), least = n < m ? n : m, front = 0, back = 0;
    while (front < least && a[front] == b[front])
        front++;
    while (back < least - front && a[n - 1 - back] == b[m - 1 - back])
        back++;
    return 2 * (front + back) + 1000 - (n > m ? n - m : m - n);
}

void hook_name_guesses(const char *spelled, int n_layers, char *space, size_t size)
{
    enum { GUESSES = 3 };
    char typed[128], layer[32];
    const char *best[GUESSES] = {0};
    struct buf b = {0};
    as_row(spelled, typed, sizeof typed, layer, sizeof layer);
    bool in_range = isdigit((unsigned char)*layer) && strtol(layer, NULL, 10) < n_layers;
    for (int g = 0; g < GUESSES; g++) {
        size_t most = 0;
        for (int i = 0; hook_row(i); i++) {
            const char *name = hook_row(i)->name;
            bool taken = (g > 0 && best[0] == name) || (g > 1 && best[1] == name);
            size_t like = likeness(typed, name);
            if (!taken && like > most) {
                most = like;
                best[g] = name;
            }
        }
        buf_puts(&b, g ? ", " : "");
        for (const char *c = best[g]; *c; c++)
            if (*c == 'L' && (c == best[g] || c[-1] == '.') && (c[1] == '.' || !c[1]))
                buf_puts(&b, in_range ? layer : "0");
            else
                buf_putc(&b, *c);
    }
    snprintf(space, size, "%s", b.data ? b.data : "");
    buf_free(&b);
}
