/* engine_parts.h: what the files of engine/ share. */
#ifndef OSSO_ENGINE_PARTS_H
#define OSSO_ENGINE_PARTS_H

#include "engine/chooser.h"
#include "engine/prefix.h"
#include "base/rng.h"
#include "model/forward.h"
#include "checkpoint/model_open.h"
#include "model/rope.h"
#include "osso/answer.h"

struct osso_engine {
    struct osso_model *model; /* NULL: scripted */
    struct config config;
    struct weights weights; /* the model's tensors in a table of the engine's own, for adapters */
    const struct backend *backend;
    char device[256];           /* in the words of the options (beside.c) */
    struct osso_engine *copied; /* the next one in the model's list of those with copies of the weights */
    struct team *team;
    struct kv_pool kv;
    struct forward forward;
    struct rope rope;
    osso_script_fn *rows_fn; /* NULL: the model computes. With `script` it is a wrapper that calls that */
    void *rows_user;
    struct prefix tree;
    struct chooser *choosers; /* [n_choosers] one for each thread that chooses */
    int n_choosers;
    osso_logits_fn *script;
    void *script_user;
    int max_rows, max_logits, n_sliding;
    int64_t context;
    int n_sessions;                /* alive */
    struct osso_session *sessions; /* the newest of them */
    uint64_t step_count;           /* logits are good for one step */
    enum osso_status broken;       /* a step failed on the device: every further one fails with the same words */
    struct osso_error broken_why;
    struct osso_engine_stats stats;
    /* The rows of the step in progress, sized by max_rows. */
    int32_t *token, *pos, *seq, *logit_rows, *logit_pos, *logit_token, *floor;
    uint8_t *keep, *logit_keep;  /* the second: zeros, a row that wants logits is never replayed */
    void **users, **logit_users; /* of each row's session, for taps */
    const float **entering;      /* each row's residual stream, where the step begins in the middle (enter.c) */
    float *angles;
    const int32_t **tables[KV_GROUPS];
    struct osso_session **in_step;
    int *take;            /* rows of in_step[i] */
    struct tap_spec *tap; /* the engine's own tap, on all rows; NULL: none */
    int n_taps;           /* sessions that have one */
    struct tap_look *looks;
    struct attend_want *wants;
    struct keep_room kept_room; /* what there is memory for */
    bool in_run;                /* a forward pass is going on */
};

struct osso_session {
    struct osso_engine *engine;
    struct osso_session *older, *newer; /* in the engine's list */
    uint64_t salt;
    void *user;      /* for taps and scripts */
    int32_t *tokens; /* room for engine->context */
    size_t n;
    size_t guessed; /* tokens [n, n + guessed) are what may come next: run with the last one, but not yet taken */
    struct kv_seq kv;
    int32_t *nodes;     /* [slot] the prefix tree's node of a full page, -1: none */
    size_t computed;    /* K and V of the full layers exist for tokens [0, computed) */
    size_t next;        /* the next token to run; < computed while sliding layers are replayed */
    int64_t slide_from; /* sliding K and V are right from here on, once next >= computed */
    int slide_slot;     /* no sliding page below this slot */
    int32_t floor;      /* sliding layers look at nothing below */
    size_t own_from;    /* K and V from here on are its own work: before, somebody else's */
    size_t synced;      /* tokens of the last sync: where a prompt ended */
    size_t reused;      /* of them and of all since, what others had computed, or it had itself */
    size_t had;         /* it had computed so many when it was released: taking these over again is no reuse */
    bool spoiled;     /* its logits were no numbers: what is its own is nobody else's, and goes with the next change */
    size_t made_from; /* K and V from here on are not what the model makes of the tokens (osso_bench_fill), or were made
                       * while somebody looked: never shared; SIZE_MAX: none are */
    struct tap_spec *tap;        /* NULL: none */
    const struct stream *stream; /* what its rows enter layer `enters` with; NULL: they are embedded */
    int enters;
    size_t logits_from;          /* rows from here on want logits (the last one always does) */
    size_t logits_pos, logits_n; /* what the last step gave: positions [logits_pos, logits_pos + logits_n) */
    int logits_row;              /* in the engine's logits, the first of them */
    uint64_t logits_step;
    struct osso_answer
        *answer; /* of the last osso_generate, which says how it goes: answers know sessions, never back */
    void (*answer_free)(struct osso_answer *answer);
};

struct osso_sampler {
    struct osso_sampling o;
    int64_t vocab;
    struct rng rng;
    struct osso_logit_bias *bias;
    osso_mask_fn *mask_fn;
    void *mask_user;
    bool drawing; /* it has a draw in an osso_sample_all */
};

/* Does it lack its last token alone? Guesses behind that do not count. */
static inline bool session_decodes(const struct osso_session *s)
{
    return s->n == s->next + 1;
}

/* replay.c: K and V exist for the first `computed` tokens only; plans the replay of sliding layers where their pages
 * are gone. */
void session_set_computed(struct osso_session *s, size_t computed);

/* ---- reuse.c ---- */

/* How far a session could go on without computing, when it has `have` tokens and wants none from `limit` on: the pages
 * of slots [first, slots) up to a node of the tree, and the first n tokens of one page more. */
struct reach {
    int first, slots, n;
    int32_t node, full, sliding; /* of the last whole page, -1: none; pages of the n tokens, -1: none */
};
struct reach session_reach(const struct osso_session *s, size_t have, size_t limit);
/* Would sliding layers be replayed if only so many tokens were computed? Others may still have what is gone here. */
bool session_would_replay(const struct osso_session *s, size_t computed);
/* Takes that over; part: the n tokens, too. */
void session_take(struct osso_session *s, const struct reach *reach, bool part);
/* Before a session computes rows: takes over what others have computed since. True: one of the first n_in_step sessions
 * of this step computes what comes next, and this one does better to wait for the next step. It waits for no longer:
 * whatever becomes of the other, nobody hangs on it. */
bool session_meet(struct osso_session *s, int n_in_step);
/* A prefix has just ended where the session's computed tokens do. */
void session_hit(struct osso_session *s);
/* What it has computed stays with the tree: before a session drops tokens or ends. */
void session_leave(struct osso_session *s);
/* The tokens whose K and V it may share: from there on they are its own. */
size_t session_shared(const struct osso_session *s);
/* Its logits were no numbers: what it has computed itself leaves the tree, with all that was built on it. */
void session_spoil(const struct osso_session *s);

/* ---- tapping.c ---- */

/* Who looks at the step that n_seqs sessions take part in; nobody, when nobody has a tap. */
void tapping_begin(struct osso_engine *engine, int n_seqs);
/* A fork gets the tap of the session that it was made from. */
enum osso_status tapping_fork(struct osso_session *fork, const struct osso_session *from, struct osso_error *err);
/* The session ends. */
void tapping_leave(struct osso_session *s);

/* ---- enter.c ---- */

/* The residual stream of a run, kept on the host: what entered some layers at positions [first, end). */
struct stream {
    struct osso_layers layers; /* without layer 0: what enters that is an embedding */
    size_t first, end;
    int64_t hidden;
    float *values; /* [layers][end - first][hidden] */
};
float *stream_at(const struct stream *stream, int layer, size_t pos);
/* A fork of a session that is ready, under a tap, has the values of that one below the first layer that its tap sees:
 * from now on its rows within `stream`, which must stay, enter there, and K and V of the layers below are those of
 * `of`. Until the session drops tokens or has another tap. Where sliding layers must be replayed, it begins with them.
 */
void session_enter(struct osso_session *fork, const struct osso_session *of, const struct stream *stream);
/* Where the step that n_seqs sessions take part in begins: where all of them can. */
void enter_begin(struct osso_engine *engine, int n_seqs);

/* A page for a slot of one group, private to the session; the tree gives up what it must. False: there is none. */
bool session_own(struct osso_session *s, enum kv_group_id g, int slot);

/* The backend failed, and said why in engine->broken_why: so does every step from now on. Returns status. */
/* Every member of a step runs fn, or one alone where the backend wants no others. */
void engine_run(struct osso_engine *engine, void (*fn)(const struct member *member, void *engine));
enum osso_status engine_break(struct osso_engine *engine, enum osso_status status, struct osso_error *err);
/* OK while the backend has not failed: whoever is about to use it asks. */
enum osso_status engine_check(const struct osso_engine *engine, struct osso_error *err);

/* NUMERIC, with a sentence that says why the logits of a position are not finite: the first layer whose K or V are not.
 */
enum osso_status engine_not_finite(const struct osso_session *session, size_t pos, struct osso_error *err);

/* Has whoever owns the engine asked its steps to stop? */
bool engine_interrupted(const struct osso_engine *engine);

/* What an engine with these options takes beside the weights, in bytes. */
struct engine_memory {
    int64_t context;
    enum kv_type kv_type;
    uint64_t kv, kv_full; /* K and V, of which in full layers */
    uint64_t activations; /* and the members' workspaces; where all is on the host, choosers too */
    uint64_t tables;      /* rows of a step, pages, the tree of prefixes, as many sessions as it is made for */
    bool apart;           /* what computes has memory of its own, with a copy of the weights */
    /* Where there will be such a copy and the model is known, its bytes, what else the backend takes, and what stays
     * with the host: the experts of the first host_layers layers, and the table of embeddings. */
    uint64_t weights, own, lent, embed;
    int host_layers;
    bool host_embed;
    struct backend_room room;
    bool lends;          /* such experts can be the host's */
    uint64_t available;  /* where it computes: what is free now, or less where less was allowed; UINT64_MAX: unknown */
    bool allowed;        /* less was */
    char name[256];      /* of what computes */
    struct osso_gpu gpu; /* all zeros: none */
};
/* ---- beside.c: engines over one model that compute on one device have one copy of its weights ---- */

/* Whose copies an engine shares, as they lie. */
struct beside {
    bool there; /* else it has its own */
    int host_layers;
    uint64_t host_bytes;
};
/* The backend that the options name: one that shares an engine's copies, where there is such an engine. */
enum osso_status beside_open(struct osso_model *model, const struct osso_engine_options *options,
                             const struct backend **backend_out, struct beside *beside_out, struct osso_error *err);
/* From now on others may share its copies; no longer. */
void beside_enter(struct osso_engine *e, const struct osso_engine_options *options);
void beside_leave(struct osso_engine *e);

/* gpus.c: what computes, where that is a device. */
void gpus_describe(const struct backend_device *device, struct osso_gpu *gpu_out);
/* model NULL: it is not known. */
enum osso_status engine_needs(const struct config *config, struct osso_model *model,
                              const struct osso_engine_options *options, struct engine_memory *out,
                              struct osso_error *err);
/* Which experts there is room for, those of the last layers first: at least so many first layers stay the host's. */
enum osso_status engine_place(const struct osso_model *model, const struct backend *backend, struct backend_room room,
                              int host_layers, const struct beside *beside, struct engine_memory *m,
                              struct osso_error *err);
/* NOMEM, in a sentence with both numbers: it takes more than there is. */
enum osso_status engine_fits(const struct engine_memory *m, struct osso_error *err);
/* What osso_session_create takes. */
uint64_t session_bytes(int64_t context);

/* The draw's choice, by the thread that owns the engine. */
enum osso_status sampler_draw(struct osso_draw *draw, struct osso_error *err);
/* The same by any thread, in a chooser of its own, from logits that osso_session_logits gave (NULL: there are none). */
enum osso_status sampler_choose(struct chooser *c, struct osso_draw *draw, const float *own, struct osso_error *err);

#endif
