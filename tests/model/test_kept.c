/* test_kept.c: what stays of a forward pass for a backward one. With memory of its own for every layer the logits are
 * the same bits, and each layer's memory holds what its taps showed; a layer that is run again gives the same again.
 * And what a model may lack: sinks and biases. */
#include "forward_test.h"

enum { MAX_SEEN = 8 };

/* Copies of what taps showed of each layer. */
struct seen {
    float *values[MAX_SEEN][OSSO_TAP_COUNT];
    int32_t *ids[MAX_SEEN];
    size_t count[MAX_SEEN][OSSO_TAP_COUNT];
};

static int copy_value(void *user, const struct osso_tap_value *v)
{
    struct seen *s = user;
    size_t count = (size_t)v->n_rows * (size_t)v->width;
    if (v->layer < 0)
        return 0;
    s->count[v->layer][v->tap] = count;
    if (v->ids)
        s->ids[v->layer] = memcpy(malloc(count * sizeof *v->ids), v->ids, count * sizeof *v->ids);
    else
        s->values[v->layer][v->tap] = memcpy(malloc(count * sizeof *v->values), v->values, count * sizeof *v->values);
    return 0;
}

static void check_layer(const struct forward *f, const struct seen *s, int layer, const struct kept *k)
{
    const struct {
        enum osso_tap tap;
        const float *kept;
    } pairs[] = {{OSSO_TAP_RESID_PRE, f->acts.x[layer]},
                 {OSSO_TAP_ATTN_IN, k->attn_in.f},
                 {OSSO_TAP_Q_ROT, k->q},
                 {OSSO_TAP_K_ROT, k->k},
                 {OSSO_TAP_V, k->v},
                 {OSSO_TAP_ATTN_Z, k->z.f},
                 {OSSO_TAP_ATTN_LSE, k->lse},
                 {OSSO_TAP_RESID_MID, k->mid},
                 {OSSO_TAP_MLP_IN, k->mlp_in.f},
                 {OSSO_TAP_ROUTER_LOGITS, k->router},
                 {OSSO_TAP_EXPERT_WEIGHTS, k->routing.weights},
                 {OSSO_TAP_EXPERT_GATE, k->gate},
                 {OSSO_TAP_EXPERT_UP, k->up},
                 {OSSO_TAP_EXPERT_H, k->h.f},
                 {OSSO_TAP_RESID_POST, f->acts.x[layer + 1]}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        size_t bytes = s->count[layer][pairs[i].tap] * sizeof(float);
        assert_true(bytes > 0);
        if (memcmp(pairs[i].kept, s->values[layer][pairs[i].tap], bytes) != 0)
            fail_msg("layer %d: %s is not what was kept", layer, osso_tap_name(pairs[i].tap));
    }
    assert_memory_equal(k->routing.ids, s->ids[layer], s->count[layer][OSSO_TAP_EXPERT_IDS] * sizeof(int32_t));
}

static void seen_free(struct seen *s)
{
    for (int l = 0; l < MAX_SEEN; l++) {
        for (int t = 0; t < OSSO_TAP_COUNT; t++)
            free(s->values[l][t]);
        free(s->ids[l]);
    }
}

struct prompt {
    char dir[512];
    int32_t *ids;
    int n;
    size_t bytes; /* of its logits */
    float *want;  /* as an inference gives them */
};

static struct prompt prompt_open(const char *name)
{
    struct prompt p;
    char path[600], relative[128];
    size_t n;
    snprintf(relative, sizeof relative, "tests/golden/%s", name);
    test_path(p.dir, sizeof p.dir, relative);
    snprintf(path, sizeof path, "%s/ids.txt", p.dir);
    p.ids = ids_read(path, &n);
    p.n = (int)n;
    struct bare b = bare_open(p.dir, p.n, KV_F32, 0);
    bare_run(&b, p.ids, p.n);
    p.bytes = n * (size_t)b.model->config.vocab * sizeof *p.want;
    p.want = memcpy(malloc(p.bytes), b.forward.acts.logits, p.bytes);
    bare_close(&b);
    return p;
}

static void prompt_free(struct prompt *p)
{
    free(p->ids);
    free(p->want);
}

static void test_every_layer(void **state)
{
    (void)state;
    static struct seen seen;
    struct osso_error err;
    struct prompt p = prompt_open("taps");
    struct bare b = bare_open(p.dir, p.n, KV_F32, 3);
    assert_int_equal(b.model->config.n_layers, 3);
    bare_run(&b, p.ids, p.n); /* no tap: kept all the same */
    assert_memory_equal(b.forward.acts.logits, p.want, p.bytes);
    float *lse = memcpy(malloc((size_t)p.n * sizeof *lse), b.forward.acts.kept[1].lse, (size_t)p.n * sizeof *lse);
    struct tap_spec *spec;
    struct osso_tap_options all = {.size = sizeof all, .taps = OSSO_TAPS_ALL, .fn = copy_value, .user = &seen};
    check_ok(tap_spec_create(&b.model->config, &all, p.n, p.n, &spec, &err), err);
    check_ok(activations_keep(&b.forward.acts, &b.model->config, &spec->room, &err), err);
    struct tap_look look = {.spec = spec, .end = p.n, .end_logits = p.n, .seq = -1};
    taps_set(&b.forward.taps, &look, 1, NULL, b.model->config.n_layers);
    bare_run(&b, p.ids, p.n);
    assert_memory_equal(b.forward.acts.logits, p.want, p.bytes);
    assert_memory_equal(lse, b.forward.acts.kept[1].lse, (size_t)p.n * sizeof *lse);
    for (int l = 0; l < 3; l++)
        check_layer(&b.forward, &seen, l, &b.forward.acts.kept[l]);
    seen_free(&seen);
    tap_spec_free(spec);
    free(lse);
    bare_close(&b);
    prompt_free(&p);
}

/* Checkpointing: x of every layer stays, and one layer at a time is run again. */
static void test_layer_again(void **state)
{
    (void)state;
    struct prompt p = prompt_open("taps");
    struct bare all = bare_open(p.dir, p.n, KV_F32, 3), one = bare_open(p.dir, p.n, KV_F32, 1);
    const struct config *c = &all.model->config;
    struct member member = {0, 1, NULL};
    bare_run(&all, p.ids, p.n);
    bare_run(&one, p.ids, p.n);
    assert_memory_equal(one.forward.acts.logits, p.want, p.bytes);
    for (int l = 2; l >= 0; l--) {
        const struct kept *a = &all.forward.acts.kept[l], *b = &one.forward.acts.kept[0];
        size_t slots = (size_t)(p.n * all.forward.top_k);
        struct hand hand = forward_hand(&one.forward, &member);
        forward_layer(&hand, &one.forward, l);
        assert_memory_equal(a->gate, b->gate, slots * (size_t)c->intermediate * sizeof(float));
        assert_memory_equal(a->mid, b->mid, (size_t)(p.n * c->hidden) * sizeof(float));
        assert_memory_equal(a->routing.slots, b->routing.slots, slots * sizeof(int32_t));
        assert_memory_equal(all.forward.acts.x[l], one.forward.acts.x[l], (size_t)(p.n * c->hidden) * sizeof(float));
    }
    bare_close(&all);
    bare_close(&one);
    prompt_free(&p);
}

/* No sinks are sinks that weigh nothing; no biases are biases of 0: the same bits. */
static void test_without(void **state)
{
    (void)state;
    struct prompt p = prompt_open("model/yarn-mxfp4");
    struct bare none = bare_open(p.dir, p.n, KV_F32, 0), zero = bare_open(p.dir, p.n, KV_F32, 0);
    const struct config *c = &none.model->config;
    float *zeros = calloc((size_t)(c->hidden + c->n_heads * c->head_dim + c->n_experts), sizeof *zeros);
    float *light = malloc((size_t)c->n_heads * sizeof *light);
    for (int h = 0; h < c->n_heads; h++)
        light[h] = -1e30f;
    for (int l = 0; l < c->n_layers; l++) {
        struct layer_weights *a = &none.model->weights.layers[l], *b = &zero.model->weights.layers[l];
        a->q_bias = a->k_bias = a->v_bias = a->o_bias = a->router_bias = a->sinks = NULL;
        b->q_bias = b->k_bias = b->v_bias = b->o_bias = b->router_bias = zeros;
        b->sinks = light;
    }
    bare_run(&none, p.ids, p.n);
    bare_run(&zero, p.ids, p.n);
    assert_memory_equal(none.forward.acts.logits, zero.forward.acts.logits, p.bytes);
    assert_memory_not_equal(none.forward.acts.logits, p.want, p.bytes);
    free(zeros);
    free(light);
    bare_close(&none);
    bare_close(&zero);
    prompt_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_layer), cmocka_unit_test(test_layer_again),
                                       cmocka_unit_test(test_without)};
    return cmocka_run_group_tests_name("kept", tests, NULL, NULL);
}
