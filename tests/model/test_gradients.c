/* test_gradients.c: every derivative of the backward pass against central differences of the forward pass, both in
 * double: 32 elements and 4 directions of each tensor of eight models. A difference whose two sides choose other
 * experts, or lie on other sides of a clamp, says nothing: another one is drawn, and they are counted. */
#define OSSO_DOUBLE
#include "backward_test.h"

enum { ELEMENTS = 32, DIRECTIONS = 4, TRIES = 40 };
#define GRID 0x1p-18
#define STEP 0x1p-15
#define TOLERANCE 1e-6 /* of the tensor's largest derivative */

static const struct net_case cases[] = {
    {.name = "yarn, window 4, three documents",
     .layers = 2,
     .hidden = 32,
     .inter = 32,
     .heads = 4,
     .kv_heads = 2,
     .head_dim = 16,
     .experts = 4,
     .top_k = 2,
     .vocab = 40,
     .window = 4,
     .layer_types = "sf",
     .yarn = true,
     .docs = {13, 1, 9}},
    {.name = "tied, one expert a token",
     .layers = 2,
     .hidden = 24,
     .inter = 20,
     .heads = 2,
     .kv_heads = 2,
     .head_dim = 8,
     .experts = 3,
     .top_k = 1,
     .vocab = 31,
     .window = 5,
     .layer_types = "ss",
     .tied = true,
     .docs = {11, 12}},
    {.name = "four of six, one kv head",
     .layers = 2,
     .hidden = 40,
     .inter = 24,
     .heads = 4,
     .kv_heads = 1,
     .head_dim = 8,
     .experts = 6,
     .top_k = 4,
     .vocab = 48,
     .window = 3,
     .layer_types = "fs",
     .yarn = true,
     .docs = {10, 8}},
    {.name = "no sinks, no biases, tied",
     .layers = 2,
     .hidden = 32,
     .inter = 32,
     .heads = 4,
     .kv_heads = 2,
     .head_dim = 8,
     .experts = 4,
     .top_k = 2,
     .vocab = 40,
     .window = 6,
     .layer_types = "sf",
     .tied = true,
     .yarn = true,
     .bare = true,
     .docs = {14, 7}},
    {.name = "beyond a page, logits in pieces",
     .layers = 2,
     .hidden = 16,
     .inter = 16,
     .heads = 8, /* 140 rows of 8 are more than attention takes together on the way back */
     .kv_heads = 1,
     .head_dim = 8,
     .experts = 3,
     .top_k = 2,
     .vocab = 24,
     .window = 20,
     .layer_types = "fs",
     .docs = {140, 5},
     .max_logits = 37,
     .no_router_losses = true},
    {.name = "all experts, three layers",
     .layers = 3,
     .hidden = 24,
     .inter = 16,
     .heads = 6,
     .kv_heads = 3,
     .head_dim = 8,
     .experts = 3,
     .top_k = 3,
     .vocab = 32,
     .window = 2,
     .layer_types = "fss",
     .yarn = true,
     .docs = {6, 6, 6}},
    {.name = "plain: Mixtral's",
     .layers = 2,
     .hidden = 32,
     .inter = 24,
     .heads = 4,
     .kv_heads = 2,
     .head_dim = 8,
     .experts = 4,
     .top_k = 2,
     .vocab = 40,
     .window = 1,
     .tied = true,
     .plain = true,
     .docs = {14, 9}},
    {.name = "plain: Llama's",
     .layers = 2,
     .hidden = 24,
     .inter = 40,
     .heads = 4,
     .kv_heads = 1,
     .head_dim = 8,
     .experts = 1,
     .top_k = 1,
     .vocab = 32,
     .window = 1,
     .plain = true,
     .docs = {9, 12}},
};
enum { N_CASES = sizeof cases / sizeof cases[0] };

/* Which experts and which sides of the clamps, in every layer. */
static uint64_t decisions(const struct net *net)
{
    uint64_t hash = 1469598103934665603u;
    int64_t slots = (int64_t)net->n * net->forward.top_k, values = slots * net->config.intermediate;
    double limit = net->config.swiglu_limit;
    for (int l = 0; l < net->config.n_layers; l++) {
        const struct kept *s = &net->forward.acts.kept[l];
        for (int64_t i = 0; i < slots; i++)
            hash = (hash ^ (uint64_t)s->routing.ids[i]) * 1099511628211u;
        for (int64_t i = 0; i < values; i++) {
            uint64_t side = (uint64_t)(s->gate[i] >= limit) + 2 * (uint64_t)(s->up[i] >= limit) +
                            4 * (uint64_t)(s->up[i] <= -limit);
            hash = (hash ^ side) * 1099511628211u;
        }
    }
    return hash;
}

struct check {
    struct net net;
    struct rng rng;
    uint64_t here; /* the decisions at the model's own values */
    int draws, again, wrong;
    double worst;
};

/* values[at[i]] +- step[i]: the difference of the loss, halved; false: the decisions are others. */
static bool difference(struct check *c, const struct net_tensor *t, const int64_t *at, const float *step, int64_t n,
                       double *out)
{
    double side[2];
    bool same = true;
    for (int s = 0; s < 2; s++) {
        for (int64_t i = 0; i < n; i++)
            t->values[at ? at[i] : i] += s ? -step[i] : step[i];
        side[s] = net_run(&c->net, false);
        same = same && decisions(&c->net) == c->here;
        for (int64_t i = 0; i < n; i++)
            t->values[at ? at[i] : i] -= s ? -step[i] : step[i];
    }
    *out = (side[0] - side[1]) / 2;
    c->draws++;
    c->again += !same;
    return same;
}

static void judge(struct check *c, const struct net_tensor *t, const char *what, double have, double want, double scale)
{
    double error = fabs(have - want) / scale;
    c->worst = fmax(c->worst, error);
    if (error > TOLERANCE && c->wrong++ < 8)
        print_error("%s of layer %d, %s: %.9g by differences, %.9g backward\n", t->param->name, t->layer, what, want,
                    have);
}

static void check_elements(struct check *c, const struct net_tensor *t, double largest, int elements)
{
    const float step = (float)STEP;
    for (int k = 0, tries = 0; k < elements && tries < TRIES + elements; tries++) {
        int64_t at = t->n <= elements ? k % t->n : (int64_t)rng_below(&c->rng, (uint64_t)t->n);
        double want;
        if (!difference(c, t, &at, &step, 1, &want))
            continue;
        judge(c, t, "an element", t->gradients[at], want / STEP, largest);
        k++;
    }
}

/* All of a tensor's values at once, by a few steps of the grid each: about STEP long, however many they are. */
static void check_directions(struct check *c, const struct net_tensor *t, double largest, int directions)
{
    float *step = calloc((size_t)t->n, sizeof *step);
    double most = fmax(1, rint(2 * STEP / GRID / sqrt((double)t->n)));
    for (int k = 0, tries = 0; k < directions && tries < TRIES; tries++) {
        double have = 0, length = 0, want;
        for (int64_t i = 0; i < t->n; i++) {
            step[i] = (float)((double)((int64_t)rng_below(&c->rng, (uint64_t)(2 * most + 1)) - (int64_t)most) * GRID);
            have += (double)step[i] * t->gradients[i];
            length += (double)step[i] * (double)step[i];
        }
        if (length == 0 || !difference(c, t, NULL, step, t->n, &want))
            continue;
        judge(c, t, "a direction", have, want, largest * sqrt(length));
        k++;
    }
    free(step);
}

static void check_tensor(struct check *c, const struct net_tensor *t)
{
    double largest = 0;
    int quick = test_quick() ? 4 : 1;
    for (int64_t i = 0; i < t->n; i++)
        largest = fmax(largest, fabs(t->gradients[i]));
    if (!(largest > 1e-7)) /* all 0, or NaN: nothing was shown */
        fail_msg("%s of layer %d: the largest derivative is %g", t->param->name, t->layer, largest);
    check_elements(c, t, largest, ELEMENTS / quick < t->n ? ELEMENTS / quick : (int)t->n);
    check_directions(c, t, largest, DIRECTIONS / quick);
}

/* What a case is worth: windows and clamps act. */
static void check_shows(const struct net *net, const struct net_case *k)
{
    int clamped = 0;
    for (int l = 0; l < k->layers; l++)
        for (int64_t i = 0; i < (int64_t)net->n * k->top_k * k->inter; i++)
            clamped += net->forward.acts.kept[l].gate[i] > net->config.swiglu_limit;
    assert_true((clamped > 0) == !k->plain);
    assert_true(k->docs[0] > k->window);
}

static void check_case(const struct net_case *k)
{
    static struct check c;
    c = (struct check){.draws = 0};
    rng_seed(&c.rng, 5);
    net_open(&c.net, k, 77, "scalar", 1);
    net_run(&c.net, true);
    c.here = decisions(&c.net);
    check_shows(&c.net, k);
    for (int i = 0; i < c.net.n_tensors; i++)
        check_tensor(&c, &c.net.tensor[i]);
    print_message("%-40s %5d differences, %2d drawn again, worst %.1e\n", k->name, c.draws, c.again, c.worst);
    assert_int_equal(c.wrong, 0);
    assert_true(c.again * 50 <= c.draws);
    net_close(&c.net);
}

static void test_gradients(void **state)
{
    (void)state;
    for (int i = 0; i < N_CASES; i++)
        check_case(&cases[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_gradients)};
    return cmocka_run_group_tests_name("gradients", tests, NULL, NULL);
}
