/* patch.h: where a run keeps what makes the difference: values of a run over one text, put into a run over another,
 * place by place. Stands beside osso.h.
 *
 *   struct osso_patch_options o = {.size = sizeof o, .component = "z", .answer = paris, .wrong = rome};
 *   osso_patch(engine, clean, corrupted, n, &o, &result, &err);   // result.records[i].share: 1 restores all of it
 *
 * Runs go side by side as forks of the corrupted one, from the position that is changed on. */
#ifndef OSSO_PATCH_H
#define OSSO_PATCH_H

#include "osso/engine.h"

#ifdef __cplusplus
extern "C" {
#endif

struct osso_patch_options {
    size_t size;
    const char *component; /* "resid_pre", "resid_mid", "resid_post", "attn_out", "mlp_out": whole; "q", "z": head by
                            * head; "k", "v": by head of keys */
    int32_t answer, wrong; /* ids: the effect is logit(answer) - logit(wrong) behind the last token */
    const struct osso_layers *layers; /* only these; NULL: all */
    const int64_t *positions;         /* [n_positions] only these, ascending; n 0: all */
    size_t n_positions;
    int sessions; /* runs at a time; 0: 32. The engine has room for two more */
    /* Called after each step with runs done; a result other than 0 ends it (CANCELLED). May be NULL. */
    int (*progress)(void *user, uint64_t done, uint64_t total);
    void *user;
};

/* share: of the gap between the corrupted and the clean difference, how much this one place restores. Places before the
 * first token that differs restore nothing, and are not run. */
struct osso_patch_record {
    int layer, head; /* head -1: the component has none */
    int64_t position;
    double share;
};

struct osso_patch_result {
    size_t size;
    double clean, corrupted; /* the differences of logits */
    struct osso_patch_record *records;
    size_t n;
    uint64_t runs, tokens; /* that were computed for them */
};
/* What osso_patch will compute beside the two texts; checks the options. */
OSSO_API enum osso_status osso_patch_measure(struct osso_engine *engine, const int32_t *clean, const int32_t *corrupted,
                                             size_t n, const struct osso_patch_options *options, uint64_t *runs_out,
                                             uint64_t *tokens_out, struct osso_error *err);
/* Records by layer, head, position. USAGE for equal texts, and for two that give the same difference. The caller frees
 * the result. */
OSSO_API enum osso_status osso_patch(struct osso_engine *engine, const int32_t *clean, const int32_t *corrupted,
                                     size_t n, const struct osso_patch_options *options,
                                     struct osso_patch_result *result_out, struct osso_error *err);
OSSO_API void osso_patch_free(struct osso_patch_result *result);

#ifdef __cplusplus
}
#endif
#endif
