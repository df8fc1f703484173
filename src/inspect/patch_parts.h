/* patch_parts.h: what the files of osso_patch share. */
#ifndef OSSO_INSPECT_PATCH_PARTS_H
#define OSSO_INSPECT_PATCH_PARTS_H

#include "engine/engine_parts.h"
#include "engine/score_row.h"
#include "inspect/stream.h"
#include "osso/patch.h"

enum patch_by { BY_WHOLE, BY_HEAD, BY_KV_HEAD, BY_EXPERT };
enum patch_mode { PATCH, ZERO, MEAN, NOISE, RESAMPLE, HIDE_SCORES, HIDE_WEIGHTS };

struct patch_component {
    const char *name;
    enum osso_tap tap; /* whose values are kept and changed; of an expert what is changed is mlp_out */
    enum patch_by by;
};

/* Values of a run, from one position on: [layers][n - from][slots][width]. */
struct patch_kept {
    float *values;
    int32_t *experts; /* [layers][n - from][slots]; NULL: no experts */
    size_t n;         /* positions of the text */
};

/* What reference texts have: in each layer (and of each expert) the sums, sums of squares and some rows. */
struct patch_reference {
    double *sum, *squares; /* [layers][groups][width] */
    float *rows;           /* [layers][groups][samples][width] */
    uint64_t *count;       /* [layers][groups] rows so far */
    struct rng *rng;       /* [layers] */
    size_t groups, samples;
};

struct patching {
    struct osso_engine *engine;
    struct osso_patch_options o;
    struct osso_layers layers; /* those that are wanted */
    const struct patch_component *component;
    enum patch_mode mode;
    bool paired; /* values come from the other text, place by place */
    const int32_t *clean, *corrupted;
    size_t n_clean, n_corrupted;
    const int32_t *text, *other;    /* the one that is run and changed; where values come from, NULL: no text */
    size_t n, n_other, from;        /* tokens; the first position that may be changed */
    int64_t *pair;                  /* [n] the other text's position, -1: none */
    bool *at, *hidden;              /* [n] positions that are wanted; that are not seen */
    size_t first, last;             /* the first and the last that are wanted */
    int heads;                      /* 0: by none */
    size_t slots, width;            /* of a row that is kept: rows of a token, values */
    size_t part;                    /* values of a head, or of all */
    struct patch_kept source, base; /* of the other text; of this one, where an expert's part has to go */
    struct patch_reference reference;
    struct osso_session *run; /* the unchanged one that forks come from */
    struct stream stream;     /* and what entered its layers, where they begin */
    float *plain;             /* [vocab] logits behind the clean text */
    struct score_row plain_row;
    double seconds;        /* a token of it */
    uint64_t layer_tokens; /* of all runs, each token in each layer that it goes through */
    struct osso_patch_result r;
};

/* A place and the fork that is changed there. */
struct patch_run {
    struct patching *of;
    struct osso_session *session; /* NULL: free */
    size_t record;
};

/* Among the layers that are wanted. */
size_t patch_layer(const struct patching *p, int layer);
/* The experts that are a place at a position are those that either text chose there. */
bool patch_chose(const struct patching *p, const struct patch_kept *kept, int layer, size_t position, int expert,
                 size_t *slot_out);

/* ---- patch_check.c ---- */

enum osso_status patch_check(struct patching *p, const struct osso_patch_options *options, struct osso_error *err);
/* Counts the places, and lists them where there is room; of experts, before the texts have run: at most. */
void patch_places(struct patching *p, struct osso_patch_record *list);

/* ---- patch_align.c ---- */

/* pair[i]: the position of b that position i of a goes with, -1: none. What both have in common is paired, and what
 * stands between is from its end on, since what was read before comes together there. */
enum osso_status patch_align(const int32_t *a, size_t n, const int32_t *b, size_t m, int64_t *pair,
                             struct osso_error *err);

/* ---- patch_values.c ---- */

/* Runs what values come from. */
enum osso_status patch_values(struct patching *p, struct osso_error *err);
uint64_t patch_values_bytes(const struct patching *p);
void patch_values_free(struct patching *p);
/* Where a kept row's slot begins. */
float *patch_kept_at(const struct patching *p, const struct patch_kept *kept, int layer, size_t position, size_t slot);

/* ---- patch_put.c ---- */

osso_tap_fn patch_put; /* of a struct patch_run */

#endif
