/* backward_test.h: a model made of numbers, documents in a batch, and their loss and derivatives. Include with
 * OSSO_DOUBLE defined for the double build. */
#ifndef OSSO_BACKWARD_TEST_H
#define OSSO_BACKWARD_TEST_H

#include "test.h"

#include "base/mem.h"
#include "base/rng.h"
#include "base/thread.h"
#include "model/backward.h"
#include "model/params.h"
#include "model/rope.h"

#include <math.h>

enum { MAX_DOCS = 4, MAX_ROWS = 256, MAX_TENSORS = 128 };

/* What a case says; 0: a value of the rig's own. */
struct net_case {
    const char *name;
    int layers, hidden, inter, heads, kv_heads, head_dim, experts, top_k, vocab, window;
    const char *layer_types; /* s(liding) or f(ull) */
    bool yarn, tied, bare;   /* bare: no sinks, no biases */
    int docs[MAX_DOCS];      /* their lengths, up to a 0 */
    int n_kept, max_logits;  /* 0: all layers, all rows */
    bool no_router_losses;
    bool plain; /* the plain block: Mixtral's, with one expert Llama's */
};

/* One tensor of the arena. */
struct net_tensor {
    const struct param *param;
    int layer;
    float *values;
    real *gradients;
    int64_t n;
};

struct net {
    struct config config;
    const struct backend *backend;
    float *values;
    real *gradients;
    size_t count;
    struct weights weights;
    struct kv_pool kv;
    struct kv_seq seq[MAX_DOCS];
    const int32_t *table[KV_GROUPS][MAX_DOCS];
    struct forward forward;
    struct backward backward;
    int n, n_docs, n_learned;
    int32_t token[MAX_ROWS], pos[MAX_ROWS], doc[MAX_ROWS], floor[MAX_DOCS], learned[MAX_ROWS], target[MAX_ROWS];
    float weight[MAX_ROWS], *angles;
    struct net_tensor tensor[MAX_TENSORS];
    int n_tensors;
    struct team *team;
};

static inline struct config net_config(const struct net_case *k)
{
    struct config c;
    struct osso_error err = {""};
    config_family(&c);
    c.n_layers = k->layers;
    c.hidden = k->hidden;
    c.intermediate = k->inter;
    c.vocab = k->vocab;
    c.n_heads = k->heads;
    c.n_kv_heads = k->kv_heads;
    c.head_dim = k->head_dim;
    c.n_experts = k->experts;
    c.experts_per_token = k->top_k;
    c.window = k->window;
    c.context = 256;
    c.tied = k->tied;
    c.yarn = k->yarn;
    c.yarn_original = 32; /* bounds that lie within the dimensions of a small head */
    c.yarn_beta_fast = 4;
    if (k->plain)
        config_plain(&c);
    else
        c.swiglu_limit = 3; /* so that both clamps act on some units, and few lie at an edge */
    for (int l = 0; l < k->layers; l++)
        c.sliding[l] = !k->plain && k->layer_types[l] == 's';
    check_ok(config_check(&c, k->name, &err), err);
    return c;
}

/* Normally distributed, nearly. On a grid, so that small multiples of it are added to a value exactly. */
static inline float draw(struct rng *rng, double mean, double deviation)
{
    double sum = -6;
    for (int i = 0; i < 12; i++)
        sum += rng_unit(rng);
    return (float)(rint((mean + deviation * sum) * 0x1p18) * 0x1p-18);
}

/* So large that leaving any of them out shows. */
static inline void draw_tensor(struct rng *rng, const struct net_tensor *t, const struct config *c)
{
    double mean = 0, deviation = 0.3;
    switch (t->param->kind) {
    case PARAM_NORM: mean = 1; break;
    case PARAM_SINKS: deviation = 1; break;
    case PARAM_EXPERTS: deviation = t->param->id == PARAM_down ? 0.7 : 1.5; break;
    case PARAM_MATRIX: deviation = 1; break;
    default: break;
    }
    if (params_is_matrix(t->param) && t->param->id != PARAM_embed)
        deviation /= sqrt((double)params_row_values(c, t->param));
    for (int64_t i = 0; i < t->n; i++)
        t->values[i] = draw(rng, mean, deviation);
}

static inline enum osso_status net_note(void *user, const struct param_piece *p, struct osso_error *err)
{
    struct net *net = user;
    (void)err;
    assert_true(net->n_tensors < MAX_TENSORS);
    struct net_tensor *t = &net->tensor[net->n_tensors++];
    t->param = p->param;
    t->layer = p->layer;
    t->values = (float *)(uintptr_t)p->data;
    t->gradients = net->gradients + (t->values - net->values);
    t->n = p->stack * p->rows * p->columns;
    return OSSO_OK;
}

static inline void net_weights(struct net *net, const struct net_case *k, struct rng *rng)
{
    struct osso_error err = {""};
    net->count = (size_t)params_count(&net->config);
    net->values = mem_pages(net->count * sizeof *net->values);
    net->gradients = mem_pages(net->count * sizeof *net->gradients);
    check_ok(params_bind(&net->config, net->values, &net->weights, &err), err);
    for (int l = 0; k->bare && l < k->layers; l++) {
        struct layer_weights *w = &net->weights.layers[l];
        w->sinks = w->q_bias = w->k_bias = w->v_bias = w->o_bias = w->router_bias = NULL;
        w->gate_bias = w->up_bias = w->down_bias = (struct expert_bias){0};
    }
    check_ok(weights_each(&net->weights, &net->config, net_note, net, &err), err);
    for (int i = 0; i < net->n_tensors; i++)
        draw_tensor(rng, &net->tensor[i], &net->config);
}

/* Documents of random tokens, one after the other; of three rows two are learned. */
static inline void net_rows(struct net *net, const struct net_case *k, struct rng *rng)
{
    struct rope rope;
    rope_init(&net->config, &rope);
    for (int d = 0; d < MAX_DOCS && k->docs[d]; d++, net->n_docs++)
        for (int i = 0; i < k->docs[d]; i++, net->n++) {
            assert_true(net->n < MAX_ROWS);
            net->token[net->n] = (int32_t)rng_below(rng, (uint64_t)k->vocab);
            net->pos[net->n] = i;
            net->doc[net->n] = d;
            if (net->n % 3 == 1)
                continue;
            net->learned[net->n_learned] = net->n;
            net->target[net->n_learned] = (int32_t)rng_below(rng, (uint64_t)k->vocab);
            net->weight[net->n_learned++] = net->n % 5 == 0 ? 0.25f : 1;
        }
    net->angles = calloc((size_t)net->n * (size_t)k->head_dim, sizeof *net->angles);
    for (int r = 0; r < net->n; r++)
        rope_angles(&rope, net->pos[r], net->angles + r * k->head_dim);
}

static inline void net_pages(struct net *net, enum kv_type type)
{
    struct osso_error err = {""};
    struct kv_plan plan;
    struct kv_layout layout = {type, net->config.n_kv_heads, net->config.head_dim};
    check_ok(kv_plan(&net->config, net->backend->kv_layer_bytes(&layout), 256, MAX_DOCS, 256, 0, &plan, &err), err);
    /* the pool takes the float build's type of a backend */
    check_ok(kv_pool_create(&net->config, &layout, (const void *)net->backend, &plan, &net->kv, &err), err);
    for (int d = 0; d < net->n_docs; d++) {
        check_ok(kv_seq_create(256, &net->seq[d], &err), err);
        for (int g = 0; g < KV_GROUPS; g++) {
            for (int i = 0; i < net->seq[d].n_slots; i++)
                assert_true(kv_seq_own(&net->kv, &net->seq[d], (enum kv_group_id)g, i));
            net->table[g][d] = net->seq[d].page[g];
        }
    }
}

/* In place: a net is never moved. */
static inline void net_open(struct net *net, const struct net_case *k, uint64_t seed, const char *isa, int threads)
{
    struct osso_error err = {""};
    struct rng rng;
    rng_seed(&rng, seed);
    memset(net, 0, sizeof *net);
    net->config = net_config(k);
    net->backend = REAL(backend_cpu)(isa);
    net_weights(net, k, &rng);
    net_rows(net, k, &rng);
    net_pages(net, sizeof(real) == 8 ? KV_F64 : KV_F32);
    struct activation_options options = {.exact = true,
                                         .top_k = k->top_k,
                                         .max_rows = net->n,
                                         .max_logits = k->max_logits ? k->max_logits : net->n,
                                         .n_members = threads,
                                         .n_kept = k->n_kept ? k->n_kept : k->layers};
    check_ok(REAL(forward_create)(&net->config, &net->weights, net->backend, &net->kv, &options, &net->forward, &err),
             err);
    check_ok(REAL(backward_create)(&net->forward, net->values, net->gradients, &net->backward, &err), err);
    check_ok(team_create(threads, &net->team, &err), err);
    double sum = 0;
    for (int i = 0; i < net->n_learned; i++)
        sum += (double)net->weight[i];
    net->backward.divisor = sum;
    net->backward.balance_coef = k->no_router_losses ? 0 : 0.5;
    net->backward.z_coef = k->no_router_losses ? 0 : 0.1;
}

static inline void net_close(struct net *net)
{
    team_free(net->team);
    REAL(backward_free)(&net->backward);
    REAL(forward_free)(&net->forward);
    for (int d = 0; d < net->n_docs; d++)
        kv_seq_free(&net->kv, &net->seq[d]);
    kv_pool_free(&net->kv);
    weights_free(&net->weights);
    mem_pages_free(net->values, net->count * sizeof *net->values);
    mem_pages_free(net->gradients, net->count * sizeof *net->gradients);
    free(net->angles);
}

static inline void net_member_step(const struct member *member, void *net_)
{
    struct net *net = net_;
    struct hand hand = REAL(forward_hand)(&net->forward, member);
    REAL(backward_step)(&hand, &net->backward);
}

static inline void net_member_loss(const struct member *member, void *net_)
{
    struct net *net = net_;
    struct hand hand = REAL(forward_hand)(&net->forward, member);
    REAL(backward_loss)(&hand, &net->backward);
}

/* Rows [from, end) as one batch; the loss that the derivatives are of. */
static inline double net_run_rows(struct net *net, int from, int end, bool back)
{
    struct osso_error err = {""};
    struct backward *b = &net->backward;
    int first = 0, last, doc = net->doc[from];
    int32_t docs[MAX_ROWS], learned[MAX_ROWS];
    for (int r = from; r < end; r++)
        docs[r - from] = net->doc[r] - doc;
    while (first < net->n_learned && net->learned[first] < from)
        first++;
    for (last = first; last < net->n_learned && net->learned[last] < end; last++)
        learned[last - first] = net->learned[last] - from;
    net->forward.batch = (struct batch){.n = end - from,
                                        .n_seqs = net->n_docs - doc,
                                        .n_slots = net->seq[0].n_slots,
                                        .head_dim = net->config.head_dim,
                                        .token = net->token + from,
                                        .pos = net->pos + from,
                                        .seq = docs,
                                        .angles = net->angles + from * net->config.head_dim,
                                        .n_logits = last - first,
                                        .logit_rows = learned,
                                        .floor = net->floor,
                                        .tables = {net->table[KV_FULL] + doc, net->table[KV_SLIDING] + doc}};
    b->target = net->target + first;
    b->weight = net->weight + first;
    check_ok(REAL(forward_begin)(&net->forward, &err), err);
    team_run(net->team, back ? net_member_step : net_member_loss, net);
    check_ok(REAL(forward_end)(&net->forward, &err), err);
    return b->loss / b->divisor + b->balance_coef * b->router.balance + b->z_coef * b->router.z;
}

/* All documents; derivatives from 0 on. */
static inline double net_run(struct net *net, bool back)
{
    if (back)
        memset(net->gradients, 0, net->count * sizeof *net->gradients);
    return net_run_rows(net, 0, net->n, back);
}

#endif
