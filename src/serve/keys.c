/* keys.c: the file of keys, finding one without telling how much of it was right, and the limits of each. */
#include "serve/keys.h"

#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/utf8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { FILE_LIMIT = 4 << 20, WORDS = 5, LIMIT_MAX = 1000000 };

struct word {
    const char *s;
    size_t n;
};

/* The words of a line; more than WORDS: WORDS. */
static int split(const char *s, size_t n, struct word *words)
{
    int count = 0;
    for (size_t i = 0; i < n && count < WORDS;) {
        size_t k = i;
        while (k < n && s[k] != ' ' && s[k] != '\t')
            k++;
        if (k > i)
            words[count++] = (struct word){s + i, k - i};
        i = k + 1;
    }
    return count;
}

static bool is_name(struct word w)
{
    for (size_t i = 0; i < w.n; i++) {
        char c = w.s[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
              c == '-'))
            return false;
    }
    return w.n > 0 && w.n <= KEY_NAME_MAX;
}

static bool is_key(struct word w)
{
    for (size_t i = 0; i < w.n; i++)
        if (w.s[i] <= ' ' || w.s[i] >= 0x7f)
            return false;
    return w.n > 0 && w.n <= KEY_MAX;
}

/* "rpm=60" into *out. */
static bool is_limit(struct word w, const char *name, unsigned *out)
{
    size_t len = strlen(name);
    unsigned value = 0;
    if (w.n <= len + 1 || w.n > len + 8 || memcmp(w.s, name, len) != 0 || w.s[len] != '=')
        return false;
    for (size_t i = len + 1; i < w.n; i++) {
        if (w.s[i] < '0' || w.s[i] > '9')
            return false;
        value = value * 10 + (unsigned)(w.s[i] - '0');
    }
    if (value < 1 || value > LIMIT_MAX || *out)
        return false;
    *out = value;
    return true;
}

/* A line with words in it: a sentence's end about what is wrong, or NULL. */
static const char *read_line(struct tenant *t, const struct word *words, int n, size_t number)
{
    struct word key = words[n > 1 ? 1 : 0];
    if (n > 1 && !is_name(words[0]))
        return "the name of a key is 1 to 64 letters, digits, '_', '.' and '-'";
    if (!is_key(key))
        return "a key is 1 to 256 visible ASCII characters";
    t->bare = n == 1;
    if (t->bare)
        snprintf(t->name, sizeof t->name, "key-%zu", number);
    else
        memcpy(t->name, words[0].s, words[0].n);
    memcpy(t->key, key.s, key.n);
    t->key_len = key.n;
    for (int i = 2; i < n; i++)
        if (!is_limit(words[i], "rpm", &t->rpm) && !is_limit(words[i], "concurrent", &t->concurrent))
            return "a line is NAME KEY [rpm=N] [concurrent=N] with N from 1 to 1000000, or a bare key";
    return n >= WORDS ? "there is more on the line than NAME KEY rpm=N concurrent=N" : NULL;
}

static enum osso_status add_line(struct keys *keys, const char *s, size_t n, const char *where, size_t number,
                                 struct osso_error *err)
{
    struct word words[WORDS];
    int count = split(s, n, words);
    if (count == 0 || words[0].s[0] == '#')
        return OSSO_OK;
    if (keys->n == KEYS_MAX)
        return error_set(err, OSSO_LIMIT, "%s: line %zu: more than %d keys", where, number, KEYS_MAX);
    struct tenant *t = mem_alloc(sizeof *t), **list = mem_grow(keys->tenant, keys->n + 1, sizeof *list);
    if (list)
        keys->tenant = list;
    if (!t || !list) {
        mem_free(t);
        return error_nomem(err, sizeof *t, "a key");
    }
    atomic_init(&t->refs, 1);
    keys->tenant[keys->n++] = t;
    t->id = ++keys->last_id;
    const char *wrong = read_line(t, words, count, number);
    t->allowance = t->rpm;
    for (size_t i = 0; i + 1 < keys->n && !wrong; i++) {
        const struct tenant *other = keys->tenant[i];
        if (strcmp(other->name, t->name) == 0)
            wrong = "this name was there before";
        else if (other->key_len == t->key_len && memcmp(other->key, t->key, t->key_len) == 0)
            wrong = "this key was there before";
    }
    return wrong ? error_set(err, OSSO_FORMAT, "%s: line %zu: %s", where, number, wrong) : OSSO_OK;
}

enum osso_status keys_parse(const char *text, size_t len, const char *where, struct keys *keys, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    size_t at = utf8_mark(text, len);
    *keys = (struct keys){0};
    for (size_t number = 1; at < len && !status; number++) {
        const char *end = memchr(text + at, '\n', len - at);
        size_t n = end ? (size_t)(end - text) - at : len - at, used = n;
        if (n && text[at + n - 1] == '\r')
            n--;
        status = add_line(keys, text + at, n, where, number, err);
        at += used + 1;
    }
    if (!status && keys->n == 0)
        status = error_set(err, OSSO_FORMAT, "%s: there is no key in it; a line is NAME KEY or a bare key", where);
    if (status)
        keys_free(keys);
    return status;
}

void tenant_keep(struct tenant *t)
{
    atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
}

void tenant_release(struct tenant *t)
{
    if (t && atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) == 1)
        mem_free(t);
}

void keys_free(struct keys *keys)
{
    for (size_t i = 0; i < keys->n; i++)
        tenant_release(keys->tenant[i]);
    mem_free(keys->tenant);
    *keys = (struct keys){0};
}

/* Who was there under this name, or with this key where the file gave no name. */
static struct tenant *same_tenant(const struct keys *keys, const struct tenant *t)
{
    for (size_t i = 0; i < keys->n; i++) {
        struct tenant *old = keys->tenant[i];
        if (old->bare == t->bare && (t->bare ? old->key_len == t->key_len && memcmp(old->key, t->key, t->key_len) == 0
                                             : strcmp(old->name, t->name) == 0))
            return old;
    }
    return NULL;
}

/* Names that threads may be reading stay as they are: a bare key keeps the line's number that it came with. */
void keys_replace(struct keys *keys, struct keys *fresh)
{
    for (size_t i = 0; i < fresh->n; i++) {
        struct tenant *t = fresh->tenant[i], *old = same_tenant(keys, t);
        if (!old) {
            t->id = ++keys->last_id;
            continue;
        }
        memcpy(old->key, t->key, sizeof old->key);
        old->key_len = t->key_len;
        if (old->rpm != t->rpm)
            old->allowance = t->rpm;
        old->rpm = t->rpm;
        old->concurrent = t->concurrent;
        tenant_keep(old);
        tenant_release(t);
        fresh->tenant[i] = old;
    }
    uint64_t last_id = keys->last_id;
    keys_free(keys);
    *keys = *fresh;
    keys->last_id = last_id;
    *fresh = (struct keys){0};
}

enum osso_status keys_load(struct keys *keys, const char *path, struct osso_error *err)
{
    char *text;
    size_t len;
    struct keys fresh = {0};
    enum osso_status status = file_read(path, FILE_LIMIT, &text, &len, err);
    if (!status)
        status = keys_parse(text, len, path, &fresh, err);
    if (!status)
        keys_replace(keys, &fresh);
    mem_free(text);
    return status;
}

struct tenant *keys_find(const struct keys *keys, const char *key, size_t len)
{
    struct tenant *found = NULL;
    char given[KEY_MAX] = {0};
    if (!key || len < 1 || len > KEY_MAX)
        return NULL;
    memcpy(given, key, len);
    for (size_t i = 0; i < keys->n; i++) {
        struct tenant *t = keys->tenant[i];
        size_t differ = len ^ t->key_len;
        for (size_t k = 0; k < KEY_MAX; k++)
            differ |= (size_t)(unsigned char)(given[k] ^ t->key[k]);
        found = differ ? found : t;
    }
    return found;
}

unsigned tenant_wait(struct tenant *t, int64_t now)
{
    if (!t->rpm)
        return 0;
    if (!t->refilled_ms)
        t->refilled_ms = now;
    t->allowance += (double)(now - t->refilled_ms) * t->rpm / 60000;
    t->refilled_ms = now;
    if (t->allowance > t->rpm)
        t->allowance = t->rpm;
    if (t->allowance >= 1) {
        t->allowance -= 1;
        return 0;
    }
    return (unsigned)fmax(1, ceil((1 - t->allowance) * 60 / t->rpm - 1e-6)); /* of whole seconds no one too many */
}
