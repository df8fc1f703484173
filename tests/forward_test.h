/* forward_test.h: the forward pass without an engine: one sequence, one member, fresh pages. Include with OSSO_DOUBLE
 * defined for the double build. */
#ifndef OSSO_FORWARD_TEST_H
#define OSSO_FORWARD_TEST_H

#include "model_test.h"

#include "model/forward.h"
#include "checkpoint/model_open.h"
#include "model/rope.h"

struct bare {
    struct osso_model *model;
    struct kv_pool kv;
    struct kv_seq seq;
    const int32_t *table[KV_GROUPS]; /* of the only sequence; a layer that is run again looks at it */
    struct forward forward;
    int32_t *pos, *zero, *rows;
    float *angles;
};

/* n_kept: struct activation_options */
static inline struct bare bare_open(const char *path, int n, enum kv_type type, int n_kept)
{
    struct bare b = {0};
    struct osso_error err = {""};
    const struct backend *be = REAL(backend_cpu)("scalar");
    struct kv_plan plan;
    check_ok(osso_model_open(path, &b.model, &err), err);
    const struct config *c = &b.model->config;
    struct kv_layout layout = {type, c->n_kv_heads, c->head_dim};
    check_ok(kv_plan(c, be->kv_layer_bytes(&layout), n, 1, n, 0, &plan, &err), err);
    /* kv.h's pool takes the float build's backend type; the double build only needs its sizes. */
    check_ok(kv_pool_create(c, &layout, (const void *)be, &plan, &b.kv, &err), err);
    check_ok(kv_seq_create(n, &b.seq, &err), err);
    for (int i = 0; i < b.seq.n_slots; i++)
        for (int g = 0; g < KV_GROUPS; g++)
            assert_true(kv_seq_own(&b.kv, &b.seq, (enum kv_group_id)g, i));
    struct activation_options options = {
        .exact = true, .top_k = c->experts_per_token, .max_rows = n, .max_logits = n, .n_members = 1, .n_kept = n_kept};
    check_ok(REAL(forward_create)(c, &b.model->weights, be, &b.kv, &options, &b.forward, &err), err);
    struct rope rope;
    rope_init(c, &rope);
    b.pos = calloc((size_t)n, sizeof *b.pos);
    b.zero = calloc((size_t)n, sizeof *b.zero);
    b.rows = calloc((size_t)n, sizeof *b.rows);
    b.angles = calloc((size_t)n * (size_t)c->head_dim, sizeof *b.angles);
    for (int i = 0; i < n; i++) {
        b.pos[i] = b.rows[i] = i;
        rope_angles(&rope, i, b.angles + (size_t)i * (size_t)c->head_dim);
    }
    return b;
}

/* All n rows in one pass; the logits of all of them are in forward.acts.logits. */
static inline void bare_run(struct bare *b, const int32_t *ids, int n)
{
    struct osso_error err = {""};
    struct member member = {0, 1, NULL};
    b->forward.kv = &b->kv; /* b has moved since bare_open */
    for (int g = 0; g < KV_GROUPS; g++)
        b->table[g] = b->seq.page[g];
    b->forward.batch = (struct batch){.n = n,
                                      .n_seqs = 1,
                                      .n_slots = b->seq.n_slots,
                                      .token = ids,
                                      .pos = b->pos,
                                      .seq = b->zero,
                                      .angles = b->angles,
                                      .n_logits = n,
                                      .logit_rows = b->rows,
                                      .floor = b->zero,
                                      .tables = {&b->table[KV_FULL], &b->table[KV_SLIDING]}};
    b->forward.taps.ended = 0;
    b->forward.taps.rows = (struct tap_rows){
        .n = n, .n_logits = n, .pos = b->pos, .logit_pos = b->pos, .logit_rows = b->rows};
    struct hand hand = REAL(forward_hand)(&b->forward, &member);
    check_ok(REAL(forward_begin)(&b->forward, &err), err);
    REAL(forward_step)(&hand, &b->forward);
    check_ok(REAL(forward_end)(&b->forward, &err), err);
}

static inline void bare_close(struct bare *b)
{
    REAL(forward_free)(&b->forward);
    kv_seq_free(&b->kv, &b->seq);
    kv_pool_free(&b->kv);
    osso_model_free(b->model);
    free(b->pos);
    free(b->zero);
    free(b->rows);
    free(b->angles);
}

#endif
