/* settings.c: the table of keys, and values that are set by it. */
#include "train/settings.h"

#include "base/error.h"
#include "base/guess.h"
#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct key keys[N_TRAIN_KEYS] = {
#define TRAIN_KEY(key, flag, other, kind, min, max, argument, standard, help)                                          \
    {#key, other, KEY_##kind, min, max, argument, standard},
#define TRAIN_SWITCH(key, flag, other, help) {#key, other, KEY_SWITCH, 0, 0, NULL, NULL},
#define TRAIN_LIST(key, flag, argument, help) {#key, NULL, KEY_LIST, 0, 0, argument, NULL},
#include "osso/train_keys.def"
};

const struct key *settings_key(enum train_key id)
{
    return &keys[id];
}

/* Is `other`, a flag's name, this key with '-' for '_'? */
static bool same(const char *other, const char *name)
{
    for (; *other && *name; other++, name++)
        if (*other != *name && !(*other == '-' && *name == '_'))
            return false;
    return *other == *name;
}

enum train_key settings_find(const char *name)
{
    int i = 0;
    while (i < N_TRAIN_KEYS && !same(keys[i].name, name) && !(keys[i].other && same(keys[i].other, name)))
        i++;
    return (enum train_key)i;
}

bool settings_is(const struct osso_train_config *c, enum train_key id, const char *word)
{
    return c->v[id].text && strcmp(c->v[id].text, word) == 0;
}

/* ---- values --------------------------------------------------------------------------------------------- */

/* "run.yaml:3: lr", "--lr": what a sentence begins with. */
static void place(char *space, size_t size, const char *where, const char *key)
{
    bool flag = strncmp(where, "--", 2) == 0;
    snprintf(space, size, "%s%s%s", where, flag ? "" : ": ", flag ? "" : key);
}

static enum osso_status bad_number(const struct key *k, const char *at, const char *text, struct osso_error *err)
{
    return error_set(err, OSSO_USAGE, "%s: '%s' is not a %s from %.10g to %.10g", at, text,
                     k->kind == KEY_REAL ? "number" : "whole number", k->min, k->max);
}

static bool in_range(const struct key *k, double n)
{
    return n >= k->min && n <= k->max && (k->kind == KEY_REAL || n == floor(n));
}

static enum osso_status set_ints(const struct key *k, struct setting *v, const char *at, const char *text,
                                 struct osso_error *err)
{
    const char *p = text + (*text == '[');
    v->n_ints = 0;
    while (*p && *p != ']') {
        char one[32];
        double n = 0;
        size_t len = strcspn(p += strspn(p, " "), ", ]");
        snprintf(one, sizeof one, "%.*s", len < sizeof one ? (int)len : 0, p);
        if (!settings_number(one, &n) || !in_range(k, n) || v->n_ints == MAX_INTS)
            return bad_number(k, at, text, err);
        v->ints[v->n_ints++] = (int64_t)n;
        p += len;
        p += strspn(p, " ");
        p += *p == ',';
    }
    return v->n_ints ? OSSO_OK : bad_number(k, at, text, err);
}

static enum osso_status read_value(const struct key *k, struct setting *v, const char *at, const char *text,
                                   struct osso_error *err)
{
    switch (k->kind) {
    case KEY_INT:
    case KEY_REAL:
        return settings_number(text, &v->number) && in_range(k, v->number) ? OSSO_OK : bad_number(k, at, text, err);
    case KEY_INTS: return set_ints(k, v, at, text, err);
    case KEY_SWITCH:
        return settings_switch(text, &v->on)
                   ? OSSO_OK
                   : error_set(err, OSSO_USAGE, "%s: '%s' is neither true nor false", at, text);
    case KEY_WORD:
        if (!settings_word(k->argument, text))
            return error_set(err, OSSO_USAGE, "%s: '%s' is none of %s", at, text, k->argument);
        break;
    default:
        if (!*text)
            return error_set(err, OSSO_USAGE, "%s: the value is empty; leave the key out", at);
    }
    char *copy = mem_strdup(text);
    if (!copy)
        return error_nomem(err, strlen(text), "a setting");
    mem_free(v->text);
    v->text = copy;
    return OSSO_OK;
}

/* The defaults that are values; the others are sentences, and their keys are looked at where they matter. */
static enum osso_status set_defaults(struct osso_train_config *c, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    for (int i = 0; i < N_TRAIN_KEYS && !status; i++) {
        const struct key *k = &keys[i];
        bool number = k->kind == KEY_INT || k->kind == KEY_REAL, sentence = !k->standard || strchr(k->standard, ' ');
        if (number && !sentence && settings_number(k->standard, &c->v[i].number))
            continue;
        if (i == TRAIN_seq_len)
            c->v[i].number = 512;
        else if (k->kind == KEY_WORD || i == TRAIN_sample_prompt || i == TRAIN_init)
            status = read_value(k, &c->v[i], k->name, k->standard, err);
    }
    return status;
}

/* ---- the door ------------------------------------------------------------------------------------------- */

enum osso_status osso_train_config_create(struct osso_train_config **config_out, struct osso_error *err)
{
    *config_out = NULL;
    struct osso_train_config *c = mem_alloc(sizeof *c);
    if (!c)
        return error_nomem(err, sizeof *c, "the settings");
    c->level = 1;
    c->quantize_experts = true;
    enum osso_status status = set_defaults(c, err);
    if (status)
        osso_train_config_free(c);
    else
        *config_out = c;
    return status;
}

static void drop_sources(struct osso_train_config *c)
{
    for (int i = 0; i < c->n_sources; i++) {
        mem_free(c->sources[i].path);
        mem_free(c->sources[i].split);
    }
    c->n_sources = 0;
}

void osso_train_config_free(struct osso_train_config *c)
{
    if (!c)
        return;
    for (int i = 0; i < N_TRAIN_KEYS; i++)
        mem_free(c->v[i].text);
    drop_sources(c);
    mem_free(c);
}

bool osso_train_config_has(const struct osso_train_config *c, const char *key)
{
    enum train_key id = settings_find(key);
    return id < N_TRAIN_KEYS && c->v[id].level > 0;
}

void osso_train_config_seal(struct osso_train_config *c)
{
    c->level++;
}

const char *osso_train_config_note(const struct osso_train_config *c, int i)
{
    return i >= 0 && i < c->notes.n ? c->notes.text[i] : NULL;
}

static enum osso_status unknown_key(const char *key, const char *where, struct osso_error *err)
{
    struct guess guess = {.typed = key};
    for (int i = 0; i < N_TRAIN_KEYS; i++)
        guess_try(&guess, keys[i].name);
    for (int i = 0; settings_foreign_key(i); i++)
        guess_try(&guess, settings_foreign_key(i));
    if (guess_best(&guess))
        return error_set(err, OSSO_USAGE, "%s: there is no key '%s'; did you mean %s?", where, key, guess_best(&guess));
    return error_set(err, OSSO_USAGE, "%s: there is no key '%s'; osso train --help lists them", where, key);
}

/* One of several ways to say the same: what is set by somebody who has more to say takes the others away. */
static enum osso_status one_of(struct osso_train_config *c, enum train_key id, const enum train_key *group, int n,
                               const char *at, struct osso_error *err)
{
    for (int i = 0; i < n; i++) {
        struct setting *other = &c->v[group[i]];
        if (group[i] == id || other->level == 0)
            continue;
        if (other->level == c->level)
            return error_set(err, OSSO_USAGE, "%s: %s is given too; give one of them", at, keys[group[i]].name);
        other->level = 0;
    }
    return OSSO_OK;
}

static enum osso_status check_groups(struct osso_train_config *c, enum train_key id, const char *at,
                                     struct osso_error *err)
{
    static const enum train_key lengths[] = {TRAIN_steps, TRAIN_epochs, TRAIN_max_tokens};
    static const enum train_key shapes[] = {TRAIN_preset, TRAIN_model_config};
    if (id == TRAIN_steps || id == TRAIN_epochs || id == TRAIN_max_tokens)
        return one_of(c, id, lengths, 3, at, err);
    if (id == TRAIN_preset || id == TRAIN_model_config)
        return one_of(c, id, shapes, 2, at, err);
    return OSSO_OK;
}

/* "PATH:blank:2": a flag's form of a source. */
static enum osso_status add_from_text(struct osso_train_config *c, const char *text, const char *where,
                                      struct osso_error *err)
{
    char *path = mem_strdup(text);
    const char *split = NULL;
    double weight = 1;
    if (!path)
        return error_nomem(err, strlen(text), "a path");
    settings_source(path, &split, &weight);
    enum osso_status status = osso_train_config_add_data(c, path, weight, split, where, err);
    mem_free(path);
    return status;
}

/* Of a configuration in circulation: it may mean a key of ours, unless somebody has said that one. */
static enum osso_status set_foreign(struct osso_train_config *c, const char *name, const char *value, const char *where,
                                    struct osso_error *err)
{
    struct foreign_turn turn = {0};
    enum osso_status status = settings_foreign(c, name, value, where, &turn, err);
    if (!status && !turn.known)
        return unknown_key(name, where, err);
    struct setting *v = turn.value ? &c->v[turn.key] : NULL;
    if (status || !v || v->level >= c->level)
        return status;
    status = read_value(&keys[turn.key], v, where, turn.value, err);
    v->level = status ? v->level : c->level;
    return status;
}

enum osso_status osso_train_config_set(struct osso_train_config *c, const char *name, const char *value,
                                       const char *where, struct osso_error *err)
{
    char at[600];
    enum train_key id = settings_find(name);
    if (id == N_TRAIN_KEYS)
        return set_foreign(c, name, value, where, err);
    if (id == TRAIN_data)
        return add_from_text(c, value, where, err);
    struct setting *v = &c->v[id];
    place(at, sizeof at, where, name);
    if (v->level == c->level)
        return error_set(err, OSSO_USAGE, "%s is given twice", at);
    enum osso_status status = check_groups(c, id, at, err);
    if (!status)
        status = read_value(&keys[id], v, at, value, err);
    if (!status)
        v->level = c->level;
    return status;
}

enum osso_status osso_train_config_add_data(struct osso_train_config *c, const char *path, double weight,
                                            const char *split, const char *where, struct osso_error *err)
{
    if (c->v[TRAIN_data].level < c->level)
        drop_sources(c);
    if (c->n_sources == MAX_SOURCES)
        return error_set(err, OSSO_LIMIT, "%s: data: more than %d sources", where, (int)MAX_SOURCES);
    if (!*path || !(weight >= 0.001 && weight <= 100))
        return error_set(err, OSSO_USAGE, "%s: data: a source needs a path, and a weight from 0.001 to 100", where);
    if (split && !settings_word(SETTINGS_SPLITS, split))
        return error_set(err, OSSO_USAGE, "%s: data: split '%s' is none of %s", where, split, SETTINGS_SPLITS);
    struct source_setting *s = &c->sources[c->n_sources];
    *s = (struct source_setting){.path = mem_strdup(path), .split = split ? mem_strdup(split) : NULL, .weight = weight};
    if (!s->path || (split && !s->split)) {
        mem_free(s->path);
        mem_free(s->split);
        return error_nomem(err, strlen(path), "a path");
    }
    c->n_sources++;
    c->v[TRAIN_data].level = c->level;
    return OSSO_OK;
}
