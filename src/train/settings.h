/* settings.h: what a run is asked for, by the table osso/train_keys.def: struct osso_train_config. */
#ifndef OSSO_TRAIN_SETTINGS_H
#define OSSO_TRAIN_SETTINGS_H

#include "base/buf.h"
#include "base/notes.h"
#include "osso/train.h"

#include <stdbool.h>
#include <stdint.h>

enum train_key {
#define TRAIN_KEY(key, ...) TRAIN_##key,
#define TRAIN_SWITCH(key, ...) TRAIN_##key,
#define TRAIN_LIST(key, ...) TRAIN_##key,
#include "osso/train_keys.def"
    N_TRAIN_KEYS
};

enum key_kind { KEY_INT, KEY_REAL, KEY_WORD, KEY_TEXT, KEY_INTS, KEY_SWITCH, KEY_LIST };

/* A row of the table. */
struct key {
    const char *name, *other;
    enum key_kind kind;
    double min, max;
    const char *argument, *standard;
};
const struct key *settings_key(enum train_key id);
/* By its name or its other one; N_TRAIN_KEYS: there is none. */
enum train_key settings_find(const char *name);

enum { MAX_INTS = 16, MAX_SOURCES = 64 };

struct setting {
    int level; /* 0: the default stands; the higher one wins */
    double number;
    bool on;
    char *text;
    int64_t ints[MAX_INTS];
    int n_ints;
};

struct source_setting {
    char *path, *split;
    double weight;
};

struct osso_train_config {
    struct setting v[N_TRAIN_KEYS];
    struct source_setting sources[MAX_SOURCES];
    int n_sources;
    int level; /* of what is set now */
    struct notes notes;
    /* Of configurations in circulation: fake quantization over the last fifth. */
    bool quantize, quantize_experts;
};

static inline bool settings_has(const struct osso_train_config *c, enum train_key id)
{
    return c->v[id].level > 0;
}
static inline double settings_real(const struct osso_train_config *c, enum train_key id)
{
    return c->v[id].number;
}
static inline int64_t settings_int(const struct osso_train_config *c, enum train_key id)
{
    return (int64_t)c->v[id].number;
}
/* Is there a step from which on the experts compute as MXFP4? */
static inline bool settings_quantizes(const struct osso_train_config *c)
{
    return settings_has(c, TRAIN_qat_from_step) || (c->quantize && c->quantize_experts);
}
/* NULL: neither set nor with a default that is a value. */
static inline const char *settings_text(const struct osso_train_config *c, enum train_key id)
{
    return c->v[id].text;
}
bool settings_is(const struct osso_train_config *c, enum train_key id, const char *word);

/* The numbers of a strict text; false: it is none. */
bool settings_number(const char *text, double *out);
bool settings_switch(const char *text, bool *out);
bool settings_word(const char *words, const char *text); /* of "a|b|c" */
/* "PATH[:SPLIT[:WEIGHT]]" becomes the path; the others stay where nothing is said. */
#define SETTINGS_SPLITS "none|line|blank|marker|heading"
void settings_source(char *text, const char **split_out, double *weight_out);

/* A key that only configurations in circulation have: what it means in ours, value NULL: nothing. */
struct foreign_turn {
    bool known;
    enum train_key key;
    const char *value;
};
enum osso_status settings_foreign(struct osso_train_config *c, const char *key, const char *value, const char *where,
                                  struct foreign_turn *turn_out, struct osso_error *err);
/* Their names, one by one; NULL past the last. */
const char *settings_foreign_key(int i);

#endif
