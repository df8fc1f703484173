/* inspect.h: looking into a run, by name. Stands beside osso.h.
 *
 *   struct osso_hooks_options o = {.size = sizeof o, .names = names, .n_names = n};   // "blocks.*.hook_resid_post"
 *   osso_hooks_create(model, &o, &hooks, &err);
 *   osso_session_hook(session, hooks, fn, user, false, 0, 0, &err);  // fn sees, or replaces, its values in every step
 *
 * or, into a file that NumPy and safetensors read: osso_capture. The names are TransformerLens's and transformers' own
 * module paths (docs/inspecting.md lists them). */
#ifndef OSSO_INSPECT_H
#define OSSO_INSPECT_H

#include "osso/engine.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One value of a run. */
struct osso_hook {
    size_t size;
    char name[96];
    int layer, expert; /* -1: belongs to none */
    int rank;
    int64_t shape[3];    /* -1: positions, or keys: as many as there are */
    const char *axes[3]; /* "pos", "hidden", ... */
    int64_t row_bytes;   /* of a position, in f32; attention: for one key */
    bool replaceable;
    bool ids; /* int32, not float */
    const char *what;
    bool logits; /* its rows are those that want logits */
};

struct osso_hooks; /* a list of them, resolved for an engine's model */
struct osso_hooks_options {
    size_t size;
    const char *const
        *names; /* [n_names]: names, "*" for anything, ranges for numbers: "blocks.4-7,9.hook_resid_post" */
    size_t n_names;
    const struct osso_layers *layers; /* only those of these layers, and of none; NULL: all */
    const int32_t *heads;             /* [n_heads] ascending: where an axis is heads, only these; n 0: all */
    int n_heads;
};
/* USAGE, with the nearest names there are, for what is none. In the order of the names; each hook once. */
OSSO_API enum osso_status osso_hooks_create(const struct osso_model *model, const struct osso_hooks_options *options,
                                            struct osso_hooks **hooks_out, struct osso_error *err);
OSSO_API void osso_hooks_free(struct osso_hooks *hooks); /* sessions that use it are gone, or look no more */
/* Number i, from 0 on. False past the last. */
OSSO_API bool osso_hooks_get(const struct osso_hooks *hooks, size_t i, struct osso_hook *hook_out);

/* What a hook has to show of a step: rows of positions. */
struct osso_hook_value {
    size_t size;
    const struct osso_session *session;
    size_t index; /* of the hook in its list */
    int layer, expert;
    int n_rows;
    int64_t width;            /* of a row; attention: n_heads * n_keys */
    float *values;            /* [n_rows][width]; NULL for ids */
    int32_t *ids;             /* [n_rows][width] */
    const int32_t *positions; /* [n_rows] */
    const int32_t *tokens;    /* [n_rows] */
    const uint8_t *replayed;  /* [n_rows] 1: shown before (tap.h) */
    int n_heads;              /* attention's: rows are [n_heads][n_keys] */
    int64_t n_keys;
};
/* Not 0: the step ends here, with CANCELLED. */
typedef int osso_hook_fn(void *user, const struct osso_hook_value *value);
/* fn sees these hooks' values in the session's steps from now on, of positions [first, end) (end 0: no end); with
 * replace it may change them, and the run goes on with what it wrote. Takes the place of the session's tap (engine.h):
 * hooks NULL takes it away. USAGE for replacing what is only computed from others. */
OSSO_API enum osso_status osso_session_hook(struct osso_session *session, struct osso_hooks *hooks, osso_hook_fn *fn,
                                            void *user, bool replace, int64_t first, int64_t end,
                                            struct osso_error *err);

/* ---- into a file ------------------------------------------------------------------------------------------------ */

struct osso_capture_options {
    size_t size;
    const int32_t *const *texts; /* [n_texts] the ids of each */
    const size_t *lengths;       /* [n_texts] */
    size_t n_texts;
    const int64_t *positions; /* [n_positions] only these of each text, ascending after they are resolved; negative:
                               * from its end; n 0: all */
    size_t n_positions;
    const char *dtype;            /* "f32" (NULL), "f16", "bf16" (not in .npz) */
    int64_t top;                  /* only so many largest values of a row, with their places in NAME.indices; 0: all */
    uint64_t max_bytes;           /* LIMIT when the file would be larger; 0: 2 GB */
    int64_t generate;             /* tokens that are generated after each text, and seen too */
    struct osso_sampler *sampler; /* how they are chosen; NULL: the most likely */
    const int32_t *stop_ids;      /* [n_stop_ids] an end of generation */
    size_t n_stop_ids;
    const struct osso_tokenizer *tokenizer; /* for the tokens' texts in the metadata; NULL: ids alone */
    const char *model;                      /* the model's name there; NULL: none */
    bool exact;                             /* what to say there of the engine */
    /* Called now and then; a result other than 0 ends it: the file then has the whole rows so far. May be NULL. */
    int (*progress)(void *user, uint64_t done, uint64_t total);
    void *user;
};
struct osso_capture_size {
    size_t size;
    uint64_t file_bytes;       /* exact, but for what is said by `at_most` */
    bool at_most;              /* single experts' rows, and generated tokens, may be fewer */
    uint64_t rows, kept_bytes; /* rows of a position; memory that the engine keeps for it (osso_session_tap_bytes) */
    uint64_t memory_bytes;     /* all that the run takes beside the model: the engine's, what it keeps, what is made */
};
/* What osso_capture would write; checks all that can be checked before. */
OSSO_API enum osso_status osso_capture_measure(struct osso_engine *engine, struct osso_hooks *hooks, const char *path,
                                               const struct osso_capture_options *options,
                                               struct osso_capture_size *size_out, struct osso_error *err);
/* Runs the texts one after the other and writes their values to a safetensors file, or to an .npz by that ending: a
 * tensor for each hook under its name, rows of all texts one after the other. Written as it comes, whole or absent;
 * CANCELLED with a file of whole rows when progress ended it. */
OSSO_API enum osso_status osso_capture(struct osso_engine *engine, struct osso_hooks *hooks, const char *path,
                                       const struct osso_capture_options *options, struct osso_error *err);

#ifdef __cplusplus
}
#endif
#endif
