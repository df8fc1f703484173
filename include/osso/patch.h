/* patch.h: where a run keeps what makes the difference. Values of a run over one text are put into a run over another,
 * place by place; or values of one run are taken away (ablation), or what a token sees of another (knocking out).
 * Stands beside osso.h.
 *
 *   struct osso_patch_options o = {.size = sizeof o, .component = "z", .answer = paris, .wrong = rome};
 *   osso_patch(engine, clean, corrupted, n, &o, &result, &err);   // result.records[i].share: 1 restores all of it
 *
 * Runs go side by side as forks of the unchanged one, from the position that is changed on. */
#ifndef OSSO_PATCH_H
#define OSSO_PATCH_H

#include "osso/engine.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What will be computed beside the texts themselves. */
struct osso_patch_plan {
    size_t size;
    uint64_t runs, tokens;
    double seconds; /* about, by what the unchanged run took; 0: nothing has run */
    uint64_t bytes; /* of values that are kept */
};

struct osso_patch_options {
    size_t size;
    const char *component; /* "resid_pre", "resid_mid", "resid_post", "attn_out", "mlp_out": whole; "q", "z", "pattern"
                            * (the weights of attention): head by head; "k", "v": by head of keys; "expert": what each
                            * chosen expert adds, by its number. Knocking out needs none */
    int32_t answer, wrong; /* ids: the effect is logit(answer) - logit(wrong) behind the last token. Both -1, for
                            * ablation and knocking out: KL alone */
    const struct osso_layers *layers; /* only these; NULL: all */
    const int64_t *positions;         /* [n_positions] only these, ascending; n 0: all */
    size_t n_positions;
    int sessions; /* runs at a time; 0: 32. The engine has room for two more */
    /* Called after each step with runs done; a result other than 0 ends it (CANCELLED). May be NULL. */
    int (*progress)(void *user, uint64_t done, uint64_t total);
    void *user;
    /* The clean text is run with something taken away: "zero", "mean", "noise" (added, of the values' own standard
     * deviation times `noise`) or "resample" (another row's values). NULL: clean values go into the corrupted run. */
    const char *ablate;
    /* Means, deviations and other rows are those of these texts; n 0: of the clean text, and for resample, where there
     * is one, of the corrupted text at the same position. */
    const int32_t *const *texts;
    const size_t *lengths;
    size_t n_texts;
    double noise; /* 0: 1 */
    uint64_t seed;
    /* The clean text is run so that a position does not see these others, head by head: "scores" (minus infinity before
     * softmax: the rest of the weights grows) or "weights" (0 behind it). NULL: it sees all. */
    const char *knock_out;
    const int64_t *hidden; /* [n_hidden] the positions that are not seen */
    size_t n_hidden;
    size_t n_corrupted;   /* tokens of the corrupted text; 0: as many. Another number needs `align` */
    bool align;           /* pair the texts' tokens by what they have in common */
    const int64_t *parts; /* [n_parts] only these heads, or experts; n 0: all */
    size_t n_parts;
    bool at_once; /* all the positions in one run; records have position -1 */
    /* Called once, when the texts have run; a result other than 0 ends it (CANCELLED). May be NULL. */
    int (*planned)(void *user, const struct osso_patch_plan *plan);
    uint64_t max_bytes; /* LIMIT when values that are kept take more; 0: 2 GB */
};

/* share: of the gap between the corrupted and the clean difference, how much this one place restores; of ablation and
 * knocking out: how much of it is lost (NaN without a corrupted text). kl: of the distribution behind the last token
 * from that of the clean text, in nats. Places before the first token that differs restore nothing, and are not run. A
 * run that ends in logits that are not finite has NaN in all three. */
struct osso_patch_record {
    int layer, head; /* head -1: the component has none */
    int64_t position;
    double share, difference, kl;
    int expert;     /* -1: the component has none */
    int64_t source; /* the position of the other text whose value it is; -1: none */
};

struct osso_patch_result {
    size_t size;
    double clean, corrupted; /* the differences of logits; NaN: there is none */
    struct osso_patch_record *records;
    size_t n;
    uint64_t runs, tokens; /* that were computed for them */
    double kl;             /* of the corrupted text */
    uint64_t not_finite;   /* runs whose logits are no finite numbers: their records have NaN */
};
/* What osso_patch will compute beside the two texts (of "expert": at most); checks the options. */
OSSO_API enum osso_status osso_patch_measure(struct osso_engine *engine, const int32_t *clean, const int32_t *corrupted,
                                             size_t n, const struct osso_patch_options *options, uint64_t *runs_out,
                                             uint64_t *tokens_out, struct osso_error *err);
/* Records by layer, head or expert, position. corrupted may be NULL for ablation and knocking out. USAGE for equal
 * texts, and for two that give the same difference. The caller frees the result. */
OSSO_API enum osso_status osso_patch(struct osso_engine *engine, const int32_t *clean, const int32_t *corrupted,
                                     size_t n, const struct osso_patch_options *options,
                                     struct osso_patch_result *result_out, struct osso_error *err);
OSSO_API void osso_patch_free(struct osso_patch_result *result);

#ifdef __cplusplus
}
#endif
#endif
