/* test_backward.c: the backward pass in float. Its bits depend on nothing that they should not depend on: threads,
 * instruction sets, what was kept, how many logits there is room for, how documents are dealt to batches. How right it
 * is shows in double: test_gradients.c; that the float one is the same function, here. */
#include "backward_test.h"

static const struct net_case two = {
    .name = "two layers",
    .layers = 2,
    .hidden = 48,
    .inter = 40,
    .heads = 4,
    .kv_heads = 2,
    .head_dim = 16,
    .experts = 5,
    .top_k = 2,
    .vocab = 70,
    .window = 6,
    .layer_types = "sf",
    .yarn = true,
    .docs = {140, 1, 17},
};

/* Loss and derivatives of a case. */
struct result {
    double loss;
    size_t bytes;
    real *gradients;
};

static struct result run_case(const struct net_case *k, const char *isa, int threads)
{
    static struct net net;
    struct result r;
    net_open(&net, k, 11, isa, threads);
    r.loss = net_run(&net, true);
    r.bytes = net.count * sizeof *net.gradients;
    r.gradients = memcpy(malloc(r.bytes), net.gradients, r.bytes);
    net_close(&net);
    return r;
}

static void check_same(const struct result *want, struct result have, const char *what)
{
    assert_true(have.bytes == want->bytes);
    if (have.loss != want->loss)
        fail_msg("%s: the loss is %.17g, not %.17g", what, have.loss, want->loss);
    if (memcmp(have.gradients, want->gradients, want->bytes) != 0)
        fail_msg("%s: the derivatives have other bits", what);
    free(have.gradients);
}

static void test_threads_and_isas(void **state)
{
    (void)state;
    struct result want = run_case(&two, "scalar", 1);
    assert_true(isfinite(want.loss) && want.loss > 1);
    const char *isa;
    for (int i = 0; (isa = backend_cpu_isa(i)); i++)
        for (int threads = 1; threads <= 5 && backend_cpu_available(isa); threads++)
            check_same(&want, run_case(&two, isa, threads), isa);
    free(want.gradients);
}

/* Layers that are run again, and logits in pieces. */
static void test_less_memory(void **state)
{
    (void)state;
    struct net_case k = two, three = two;
    three.layers = 3;
    three.layer_types = "sfs";
    struct result want = run_case(&two, NULL, 2), deep = run_case(&three, NULL, 2);
    k.n_kept = 1;
    check_same(&want, run_case(&k, NULL, 1), "one layer kept");
    k.max_logits = 13;
    check_same(&want, run_case(&k, NULL, 2), "one layer kept, 13 logits at a time");
    for (three.n_kept = 1; three.n_kept < 3; three.n_kept++)
        check_same(&deep, run_case(&three, NULL, 2), "some of three layers kept");
    free(want.gradients);
    free(deep.gradients);
}

/* Documents do not see each other, and batches add up in their order. The router's losses are means over a batch, so
 * they are left out. */
static void test_batches(void **state)
{
    (void)state;
    static struct net net;
    struct net_case k = two;
    k.no_router_losses = true;
    struct result want = run_case(&k, NULL, 2);
    net_open(&net, &k, 11, NULL, 2);
    double loss = net_run_rows(&net, 0, 140, true);
    loss += net_run_rows(&net, 140, 141, true);
    loss += net_run_rows(&net, 141, net.n, true);
    assert_true(fabs(loss - want.loss) < 1e-12 * want.loss);
    assert_memory_equal(net.gradients, want.gradients, want.bytes);
    net_close(&net);
    free(want.gradients);
}

/* What is not learned leaves no trace: with weight 0 a document's derivatives are those of its absence. */
static void test_weights(void **state)
{
    (void)state;
    static struct net net;
    struct net_case k = two;
    k.no_router_losses = true;
    net_open(&net, &k, 11, NULL, 1);
    double loss = net_run_rows(&net, 141, net.n, true);
    size_t bytes = net.count * sizeof *net.gradients;
    real *want = memcpy(malloc(bytes), net.gradients, bytes);
    for (int i = 0; i < net.n_learned; i++)
        net.weight[i] = net.learned[i] < 141 ? 0 : net.weight[i];
    assert_true(net_run(&net, true) == loss);
    for (size_t i = 0; i < net.count; i++)
        assert_true(net.gradients[i] == want[i]); /* a zero may have another sign */
    for (int i = 0; i < net.n_learned; i++)
        net.weight[i] *= 2;
    assert_true(net_run(&net, true) == 2 * loss);
    for (size_t i = 0; i < net.count; i++)
        assert_true(net.gradients[i] == 2 * want[i]);
    free(want);
    net_close(&net);
}

/* The loss of the way forth alone is the same; and going down the derivatives, the loss falls as they say. */
static void test_descent(void **state)
{
    (void)state;
    static struct net net;
    net_open(&net, &two, 3, NULL, 2);
    double before = net_run(&net, true), squares = 0;
    assert_true(net_run(&net, false) == before);
    for (size_t i = 0; i < net.count; i++)
        squares += (double)net.gradients[i] * (double)net.gradients[i];
    double rate = 1e-4 / sqrt(squares);
    for (size_t i = 0; i < net.count; i++)
        net.values[i] -= (float)(rate * (double)net.gradients[i]);
    double fell = before - net_run(&net, false);
    assert_true(fabs(fell - rate * squares) < 0.05 * rate * squares);
    net_close(&net);
}

static void test_refused(void **state)
{
    (void)state;
    static struct net net;
    struct osso_error err = {""};
    struct backward b;
    net_open(&net, &two, 3, NULL, 1);
    struct backend other = *net.backend;
    other.train = NULL;
    net.forward.backend = &other;
    assert_int_equal(backward_create(&net.forward, net.values, net.gradients, &b, &err), OSSO_UNSUPPORTED);
    assert_non_null(strstr(err.text, "cannot train"));
    net.forward.backend = net.backend;
    assert_true(backward_bytes(&net.config, &net.forward.acts.options) == net.backward.space.bytes);
    mem_fail_at(1);
    assert_int_equal(backward_create(&net.forward, net.values, net.gradients, &b, &err), OSSO_NOMEM);
    mem_fail_at(0);
    net_close(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_threads_and_isas), cmocka_unit_test(test_less_memory),
                                       cmocka_unit_test(test_batches),          cmocka_unit_test(test_weights),
                                       cmocka_unit_test(test_descent),          cmocka_unit_test(test_refused)};
    return cmocka_run_group_tests_name("backward", tests, NULL, NULL);
}
