/* hooks.h: hooks.def expanded, and a list of hooks as a model has them. */
#ifndef OSSO_INSPECT_HOOKS_H
#define OSSO_INSPECT_HOOKS_H

#include "model/config.h"
#include "osso/inspect.h"

/* How a hook's values are made of its tap's. */
enum hook_form {
    HOOK_ROW,       /* as they are */
    HOOK_SCALE,     /* sqrt(mean x^2 + eps) */
    HOOK_UNIT,      /* x / that */
    HOOK_ATTENTION, /* scores or weights: [heads][keys] */
    HOOK_SINK,      /* exp(sink - log-sum-exp) */
    HOOK_RESULT,    /* each head's z through its columns of o_proj */
    HOOK_INDICES,   /* the chosen experts by falling weight ... */
    HOOK_SORTED,    /* ... their weights ... */
    HOOK_DENSE,     /* ... and those of all experts */
    HOOK_CHOICES,   /* slots in that order */
    HOOK_EXPERT     /* the slots of one expert */
};
enum hook_axis {
    NO_AXIS,
    POS,
    KEYS,
    ROUTED,
    ONE,
    HIDDEN,
    HEADS,
    KV_HEADS,
    HEAD_DIM,
    Q_WIDTH,
    KV_WIDTH,
    EXPERTS,
    CHOSEN,
    INNER,
    VOCAB
};

struct hook_row {
    const char *name, *what;
    enum osso_tap tap;
    enum hook_form form;
    enum hook_axis axes[3];
    bool writes;
};

struct hook {
    char name[96];
    const struct hook_row *row;
    int layer, expert; /* as its name says; -1: none */
    int tap_layer;     /* where its tap is shown: layer, or the last one's for a norm after it */
};

struct osso_hooks {
    const struct osso_model *model;
    const struct config *config;
    struct hook *list;
    size_t n, room;
    int32_t *heads; /* [n_heads] shown where an axis is heads: all, unless fewer were asked for */
    int n_heads;
};

/* Values of a row of a position, without the axes POS and KEYS (attention: of one key); ROUTED is no factor either. */
int64_t hook_width(const struct osso_hooks *hooks, const struct hook *hook);
/* Rows of hooks.def, and its words: number i, NULL past the last. */
const struct hook_row *hook_row(int i);
const char *hook_word(int i, const char **name_out);

/* ---- session_hook.c ---- */

/* What an engine keeps for a session with these hooks (osso_session_tap_bytes); USAGE as osso_session_hook. */
enum osso_status session_hook_bytes(const struct osso_engine *engine, const struct osso_hooks *hooks, int64_t first,
                                    int64_t end, uint64_t *bytes_out, struct osso_error *err);
/* What a session's hooks take beside that: room for values that are made. */
uint64_t session_hook_room(const struct osso_engine *engine, const struct osso_hooks *hooks);

/* ---- hook_names.c ---- */

/* A name as it was typed, in the spelling of hooks.def (mem_free it): other programs' words, words of components and
 * list forms are turned into it. NULL: no memory. */
char *hook_name_spelled(const char *typed);
/* Is `name` what `pattern` means? '*' is anything, "4-7,9" those numbers. */
bool hook_name_matches(const char *pattern, const char *name);
/* Does the pattern speak of single experts (".experts.3.", ".experts.*.")? */
bool hook_name_of_expert(const char *pattern);
/* Names of hooks.def that were probably meant, as words for a sentence. */
void hook_name_guesses(const char *spelled, int n_layers, char *space, size_t size);

#endif
