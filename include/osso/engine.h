/* engine.h: running a model. A chapter of osso.h.
 *
 *   osso_engine_create(model, &options, &engine, &err);
 *   osso_session_create(engine, 0, &session, &err);
 *   osso_session_sync(session, ids, n, &err);            // the token prefix that is wanted; computes nothing
 *   while (!osso_session_ready(session))
 *       osso_step(engine, &session, 1, 0, &err);         // computes up to max_rows rows over all sessions
 *   osso_sample(sampler, session, &choice, NULL, 0, &err); // from the logits of the last token
 *
 * One engine is used by one thread at a time; it runs its own team of threads inside osso_step and osso_sample_all. */
#ifndef OSSO_ENGINE_H
#define OSSO_ENGINE_H

#include "osso/model.h"
#include "osso/tap.h"

#include <signal.h>

#ifdef __cplusplus
extern "C" {
#endif

struct osso_engine;
struct osso_session;

/* {0} plus size gives the defaults. */
struct osso_engine_options {
    size_t size;
    int threads;         /* 0: one per 8 million active parameters, at most the CPUs this process may use */
    int64_t context;     /* positions a session can hold; 0: min(the model's, 4096) */
    int max_sessions;    /* 0: 1; with context it sizes the KV pool */
    int max_rows;        /* rows of one step; 0: 512 */
    int max_logit_rows;  /* rows of one step that can have logits; 0: max(16, max_sessions) */
    uint64_t kv_bytes;   /* the KV pool's budget; 0: what context and max_sessions need */
    const char *kv_type; /* "f16" (NULL), "bf16", "f32", "q8_0" (heads of a multiple of 32 dims) */
    const char *isa; /* "scalar", "avx2", "avx512vnni", ...; of "vulkan" a GPU's number or a part of its name (letters
                        of either case); NULL: the best there is */
    bool exact;      /* f32 activations and f32 KV: the yardstick */
    int experts_per_token; /* 0: the model's */
    const char *backend;   /* what computes: "cpu" (NULL), "vulkan": a GPU, with the same bits (docs/gpu.md) */
    bool force_memory;     /* start although the system says that there is less memory than needed: it may be wrong */
    /* Of a GPU alone: how much of its memory may be taken (0: what is free), and of how many first layers the CPU
     * computes the experts at least. What does not fit it computes too: experts, of the first layers first. */
    uint64_t device_bytes;
    int host_layers;
};

/* The GPUs of this machine, a call each, in the order of their numbers. OSSO_UNSUPPORTED: Vulkan is not here, or this
 * osso was built without it. */
struct osso_gpu {
    size_t size;
    int number;
    char name[256], driver[320];
    uint64_t memory_bytes; /* its own */
    bool on_cpu;           /* a driver that computes on the CPU: for tests */
    char lacks[128];       /* a feature that osso needs and it has not; "": it can be used */
    char features[128];    /* that a device need not have and this one has: osso uses them */
    char bits[64];         /* of one that was opened: the CPU's, and by whose fused multiply-add; else "" */
};
typedef void osso_gpu_fn(void *user, const struct osso_gpu *gpu);
OSSO_API enum osso_status osso_gpu_list(osso_gpu_fn *fn, void *user, struct osso_error *err);
/* The one with this number, opened and probed as an engine does it: it computes with the CPU's bits, or the error says
 * why it cannot be used. */
OSSO_API enum osso_status osso_gpu_probe(int number, struct osso_gpu *gpu_out, struct osso_error *err);

OSSO_API enum osso_status osso_engine_create(struct osso_model *model, const struct osso_engine_options *options,
                                             struct osso_engine **engine_out, struct osso_error *err);
/* An engine over a callback instead of a model: sessions, pages, batching, sampling are all real, only the numbers come
 * from `logits`. For tests of everything above. vocab: length of a row. */
typedef void osso_logits_fn(void *user, const int32_t *tokens, size_t n_tokens, float *logits_out);
OSSO_API enum osso_status osso_engine_create_scripted(int64_t vocab, osso_logits_fn *logits, void *user,
                                                      const struct osso_engine_options *options,
                                                      struct osso_engine **engine_out, struct osso_error *err);
/* The same, with every row of a step told, in order, on the thread that steps: so the callback knows whose row it is,
 * and reading a prompt can take its time. */
struct osso_script_row {
    size_t size; /* sizeof(struct osso_script_row) as the library has it */
    const struct osso_session *session;
    void *user;            /* as osso_session_set_user said; the session itself until it did */
    const int32_t *tokens; /* of the session, up to this row's */
    size_t n_tokens;       /* the row's position + 1 */
    float *logits;         /* to be filled, `vocab` floats; NULL: nobody wants this row's */
    bool replayed;         /* it was computed before: only its sliding K and V are made again */
    bool last;             /* of this step */
};
typedef void osso_script_fn(void *user, const struct osso_script_row *row);
OSSO_API enum osso_status osso_engine_create_rows(int64_t vocab, osso_script_fn *fn, void *user,
                                                  const struct osso_engine_options *options,
                                                  struct osso_engine **engine_out, struct osso_error *err);
OSSO_API void osso_engine_free(struct osso_engine *engine); /* its sessions must be gone */
/* The instruction sets that this machine can run, best first; NULL past the last. Number 0 is what isa NULL chooses,
 * the last is "scalar". */
OSSO_API const char *osso_isa_name(int i);
OSSO_API const char *osso_engine_isa(const struct osso_engine *engine);
/* The GPU that computes; false: the CPU does, and gpu_out stays as it is. */
OSSO_API bool osso_engine_gpu(const struct osso_engine *engine, struct osso_gpu *gpu_out);
OSSO_API int osso_engine_threads(const struct osso_engine *engine);
OSSO_API int64_t osso_engine_context(const struct osso_engine *engine);

struct osso_engine_stats {
    size_t size;
    uint64_t pages_used, pages_cached,
        pages_free; /* of the KV pool: held by sessions, by shared prefixes alone, free */
    uint64_t tokens_computed, tokens_reused, tokens_replayed, steps;
    uint64_t kv_bytes, activation_bytes;
    /* Used and cached by group: pages of full layers, of sliding ones. A free page serves either. */
    uint64_t full_used, full_cached, sliding_used, sliding_cached;
    /* Of a GPU: what is taken of its memory now; experts of how many first layers the CPU computes, and their bytes. */
    uint64_t device_bytes, host_bytes;
    int host_layers;
    uint64_t tokens_prompt; /* of tokens_computed, those that a sync had stated: not what was appended since */
};
OSSO_API void osso_engine_stats(const struct osso_engine *engine, struct osso_engine_stats *stats_out);

/* Memory that an engine with these options would take beside the model file, before anything is allocated. */
OSSO_API enum osso_status osso_engine_memory(const struct osso_model *model, const struct osso_engine_options *options,
                                             uint64_t *kv_bytes_out, uint64_t *activation_bytes_out,
                                             struct osso_error *err);

/* Where an engine with these options would compute and what it would take of the memory there, before anything is
 * allocated or uploaded. The K and V of other contexts: osso_engine_memory, whose figures are the same on every device.
 */
struct osso_engine_plan {
    size_t size;
    int64_t context;
    uint64_t weight_bytes; /* of the copy that a device with memory of its own has; 0: the file's pages are read */
    uint64_t kv_bytes, scratch_bytes;
    uint64_t available_bytes; /* free now, or device_bytes where that is less; UINT64_MAX: unknown */
    char device[256];
    /* Weights that have no copy: the experts of so many first layers, which the CPU computes, and the embeddings, of
     * which it reads a step's rows (where they are the head too they have one). */
    uint64_t host_bytes, embed_bytes;
    int host_layers;
    char driver[320], features[128], bits[64]; /* as struct osso_gpu's */
};
OSSO_API enum osso_status osso_engine_plan(const struct osso_model *model, const struct osso_engine_options *options,
                                           struct osso_engine_plan *plan_out, struct osso_error *err);

/* ---- sessions ------------------------------------------------------------------------------------------- */

/* Sessions with equal salt may share the KV pages of equal prefixes; others never do. */
OSSO_API enum osso_status osso_session_create(struct osso_engine *engine, uint64_t salt,
                                              struct osso_session **session_out, struct osso_error *err);
OSSO_API void osso_session_free(struct osso_session *session);
/* States the whole token sequence that is wanted. What is already computed for a common prefix, here, by another
 * session or in the tree of shared prefixes, is reused to the token; the rest is dropped; nothing is computed now. Ids
 * are checked against the vocabulary, n against the context. At least the last token is always computed again, so that
 * its logits exist. */
OSSO_API enum osso_status osso_session_sync(struct osso_session *session, const int32_t *ids, size_t n,
                                            struct osso_error *err);
/* One more token at the end: what a generation loop does. */
OSSO_API enum osso_status osso_session_append(struct osso_session *session, int32_t id, struct osso_error *err);
/* Guesses of what comes after the session's tokens: the next step that runs its last token runs them too and gives the
 * logits of each, so that a token appended then which is the next guess needs no step of its own. Another one, sync,
 * rewind and release forget them; each call takes the place of the one before (n 0: none). Nothing else changes, and no
 * bit. What the context has no room for is left out. USAGE: an id that the model does not have. */
OSSO_API enum osso_status osso_session_guess(struct osso_session *session, const int32_t *ids, size_t n,
                                             struct osso_error *err);
/* Back to the first n tokens; nothing is recomputed until it is needed. */
OSSO_API enum osso_status osso_session_rewind(struct osso_session *session, size_t n, struct osso_error *err);
/* Gives the session's K and V back and keeps its tokens: its pages serve others, or come back to it if they are still
 * there when it takes part in a step again, which computes what is missing. Everything goes on with the same bits. */
OSSO_API void osso_session_release(struct osso_session *session);
/* A second session with the same tokens, sharing every page until one of them writes. */
OSSO_API enum osso_status osso_session_fork(struct osso_session *session, struct osso_session **session_out,
                                            struct osso_error *err);
OSSO_API const int32_t *osso_session_tokens(const struct osso_session *session, size_t *n_out);
OSSO_API size_t osso_session_computed(const struct osso_session *session); /* tokens whose K and V exist */
/* Tokens that have needed no computing since the last sync, that of a prefix which another session computed meanwhile
 * among them; not what it gave back by a release and takes over again. */
OSSO_API size_t osso_session_reused(const struct osso_session *session);
/* Is everything computed, so that the last token's logits can be read? */
OSSO_API bool osso_session_ready(const struct osso_session *session);
/* Ask for logits of every token from position `first` on (scoring, echo, speculation); SIZE_MAX: only of the last. */
OSSO_API void osso_session_want_logits(struct osso_session *session, size_t first);

/* Advances the sessions together by at most max_rows rows (0: the engine's) in one parallel region: first those that
 * lack a single token (decoding never waits for somebody's long prompt), then the others in order. Sessions with
 * nothing to do are skipped, and so are, for this step, one that finds no free KV page while others go on (LIMIT when
 * nobody can) and one whose next tokens another one, with the same salt and the same tokens so far, computes in this
 * very step: it takes them over. After it, each session's ready rows can be read until the next step. DEVICE: what
 * computes has failed; this engine's further steps give the same error, and it can only be freed. */
OSSO_API enum osso_status osso_step(struct osso_engine *engine, struct osso_session *const *sessions, int n_sessions,
                                    int max_rows, struct osso_error *err);
/* A step that is asked to stop: while *flag is not 0, osso_step returns CANCELLED, also in the middle of its layers (a
 * fraction of a layer's time later); no row of that step counts as computed. A signal handler or another thread may set
 * the flag, which must outlive the engine; NULL: none. */
OSSO_API void osso_engine_set_interrupt(struct osso_engine *engine, const volatile sig_atomic_t *flag);
/* Logits of position `pos`, if the last step computed them for this session, else NULL. `vocab` floats. */
OSSO_API const float *osso_session_logits(const struct osso_session *session, size_t pos);
/* OK if they are all finite; else NUMERIC, and the sentence says from which layer on K or V are not, and whether
 * another KV type may help; what the session computed itself then serves nobody else, and is computed again after its
 * next sync or rewind. USAGE: the last step gave no logits of `pos`. */
OSSO_API enum osso_status osso_session_check_logits(const struct osso_session *session, size_t pos,
                                                    struct osso_error *err);

/* ---- sampling ------------------------------------------------------------------------------------------- */

OSSO_API void osso_sampling_defaults(struct osso_sampling *sampling_out); /* temperature 1, top_p 1, all else off */

/* Settings, bias list (copied) and the state of the random numbers: small, one for each sequence. What is as large as
 * the vocabulary belongs to the engine. */
struct osso_sampler;
OSSO_API enum osso_status osso_sampler_create(const struct osso_sampling *sampling, int64_t vocab,
                                              struct osso_sampler **sampler_out, struct osso_error *err);
OSSO_API void osso_sampler_free(struct osso_sampler *sampler);

/* Which ids may come next, in whichever way is the cheapest to say. */
enum osso_mask_kind {
    OSSO_MASK_NONE,   /* all: costs nothing */
    OSSO_MASK_FORBID, /* all but mask->ids */
    OSSO_MASK_ALLOW,  /* mask->ids alone */
    OSSO_MASK_BITS    /* those whose bit is set: bit id % 32 of mask->bits[id / 32] */
};
struct osso_mask {
    size_t size; /* set by the library */
    int64_t vocab;
    uint32_t *space;      /* [(vocab + 31) / 32]: room for bits, with anything in it */
    const uint32_t *bits; /* BITS: `space`, unless the callback names its own */
    const int32_t *ids;   /* FORBID, ALLOW: in any order; what is no id of the vocabulary is passed over */
    size_t n_ids;
};
/* Called before each choice and says which of the kinds it means; what it names stays as it is until the choice is
 * made. Penalties and bias come first, and no bias brings back what the mask forbids. osso_sample_all calls the masks
 * of different samplers at the same time, on the engine's threads: what they share must bear that, and what they do
 * with a session is reading. fn NULL: no mask. */
typedef enum osso_mask_kind osso_mask_fn(void *user, const struct osso_session *session, struct osso_mask *mask);
OSSO_API void osso_sampler_set_mask(struct osso_sampler *sampler, osso_mask_fn *fn, void *user);

struct osso_choice {
    int32_t id;
    float logprob; /* natural log, of the model's own distribution (temperature 1, no filters) */
};
/* Chooses from the logits of the session's last token. NUMERIC, as above, when they are not finite. top may be NULL,
 * else it receives the n_top most likely ids of the model's own distribution, best first. */
OSSO_API enum osso_status osso_sample(struct osso_sampler *sampler, const struct osso_session *session,
                                      struct osso_choice *choice_out, struct osso_choice *top, size_t n_top,
                                      struct osso_error *err);

/* One choice of several that are made together. */
struct osso_draw {
    size_t size; /* sizeof(struct osso_draw) */
    struct osso_sampler *sampler;
    const struct osso_session *session;
    const int32_t *avoid; /* [n_avoid] ids that come only where nothing else may */
    size_t n_avoid;
    struct osso_choice *top; /* as osso_sample's */
    size_t n_top;
    struct osso_error *err; /* the sentence, if this one fails; may be NULL */
    /* What came of it. */
    struct osso_choice choice; /* id -1: none */
    enum osso_status status;
    /* Asked: `top` has what may come, by the logits that decide (after penalties, bias, mask and `avoid`), and id -1
     * where nothing more may; logprobs are the model's own as ever. Where nothing may come at all, choice.id is -1 and
     * that is no failure. */
    bool top_allowed;
};
/* Makes all n choices, many at a time on the engine's threads: the same as osso_sample for each, in any order and for
 * any number of threads. One that fails (NUMERIC, no logits, a mask that allows nothing) has its own status and takes
 * nothing from the others; the call then returns the first such status and its sentence. USAGE, and nothing is chosen,
 * for a sampler that is there twice and for sessions of another engine. */
OSSO_API enum osso_status osso_sample_all(struct osso_engine *engine, struct osso_draw *draws, size_t n,
                                          struct osso_error *err);

/* ---- taps ----------------------------------------------------------------------------------------------- */

/* Calls fn for every tap whose bit (1 << tap) is in `taps`, from the next step on; taps 0: none (fn is not looked
 * at); OSSO_TAPS_ALL: all. USAGE, and nothing changes, for bits of no tap and for taps without fn. `layers`: only in
 * these (NULL: in all); what belongs to no layer is shown whatever it says. Where nobody looks nothing is kept and
 * nobody waits. When fn does not return 0, osso_step returns CANCELLED: no row of that step counts as computed, no
 * logits can be read, and the next step begins with the same rows. attn_pattern and attn_scores, which can only be read
 * here, take max_rows * heads * context floats each. While a tap is set that can write, the pages of a session are its
 * own and never reach the tree of shared prefixes. USAGE while a session has a tap. */
OSSO_API enum osso_status osso_engine_set_tap(struct osso_engine *engine, uint64_t taps,
                                              const struct osso_layers *layers, osso_tap_fn *fn, void *user,
                                              struct osso_error *err);
/* A tap on this session alone, from the next step on; NULL: none. fn is called with its rows and no others, and with
 * each once: from options->first on the session is private. It takes nothing from others and gives them nothing, its
 * forks, which have the tap too, share with it, and what it has computed from there on, or under an earlier tap, is
 * dropped and computed again. USAGE for what no model has (a layer, a head), for replacing what is read only, and while
 * the engine has a tap. NOMEM, with the size, when there is no room for what it must keep. */
OSSO_API enum osso_status osso_session_set_tap(struct osso_session *session, const struct osso_tap_options *options,
                                               struct osso_error *err);
/* The bytes that this would keep, beside what the engine has anyway: mostly of attn_scores and attn_pattern, floats of
 * up to max_rows rows by heads by context positions each. */
OSSO_API enum osso_status osso_session_tap_bytes(const struct osso_session *session,
                                                 const struct osso_tap_options *options, uint64_t *bytes_out,
                                                 struct osso_error *err);
/* Rows of the residual stream after the last layer ([n][hidden]) through the final norm (normed_out, [n][hidden]) to
 * logits (logits_out, [n][vocab]), with the bits of a step's; either may be NULL. In pieces of max_logit_rows rows. The
 * last step's logits cannot be read any more. USAGE from within a tap. */
OSSO_API enum osso_status osso_unembed(struct osso_engine *engine, const float *residual, size_t n, float *normed_out,
                                       float *logits_out, struct osso_error *err);
/* What taps and a scripted engine's callback are told of this session's rows; the session itself until it is set, also
 * in a fork. */
OSSO_API void osso_session_set_user(struct osso_session *session, void *user);

#ifdef __cplusplus
}
#endif
#endif
