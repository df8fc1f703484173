/* The experts: against their formulas in double, with rows of gate and up apart or alternating, with and without
 * low-rank deltas and kept intermediates, and the same bits for 1, 2, 3 and 5 members on every backend. */
#define _DEFAULT_SOURCE /* anonymous mappings */
#include "ops_data.h"

enum {
    E = 5,
    TOP = 2,
    HID_MAX = 256,
    INNER_MAX = 256,
    MOE_ROWS = 19 /* enough that members deal the outputs out */,
    SLOTS = MOE_ROWS * TOP
};
struct experts {
    struct matrix gate[E], up[E], both[E], down[E];
    struct expert list[E];
};

/* The format at hand: widths of whole blocks, and its experts with gate and up apart, and alternating. */
static enum dtype format;
static int hid, inner;
static struct experts made[2];
static float biases[E * 2 * INNER_MAX + HID_MAX];

static void get_expert(const struct expert_source *source, int layer, int id, struct expert *out)
{
    (void)layer;
    *out = ((const struct experts *)source->model)->list[id];
}

/* Gate and up as two matrices, or as one whose rows alternate; the same values. */
static void experts_make(struct experts *x, bool alternate)
{
    enum dtype t = format;
    struct rng r;
    rng_seed(&r, 31);
    for (int e = 0; e < E; e++) {
        x->both[e] = matrix_make(t, 2 * inner, hid, 0, FILL_NORMAL, &r);
        x->down[e] = matrix_make(t, hid, inner, 0, FILL_NORMAL, &r);
        struct view gate = x->both[e].view, up;
        gate.rows = inner;
        gate.row_stride *= 2;
        for (int i = 0; i < 2; i++)
            gate.side[i].stride *= 2;
        up = gate;
        up.data += gate.row_stride / 2;
        for (int i = 0; i < 2; i++)
            if (up.side[i].data)
                up.side[i].data += gate.side[i].stride / 2;
        if (!alternate) {
            struct rng other = {{1, 2, 3, 4}}; /* r must go on as it does when rows alternate */
            x->gate[e] = matrix_make(t, inner, hid, 3, FILL_ZERO, &other);
            x->up[e] = matrix_make(t, inner, hid, 3, FILL_ZERO, &other);
            struct matrix *pair[2] = {&x->gate[e], &x->up[e]};
            const struct view *from[2] = {&gate, &up};
            for (int side = 0; side < 2; side++)
                for (int o = 0; o < inner; o++) {
                    memcpy(pair[side]->data.data + o * pair[side]->view.row_stride,
                           from[side]->data + o * from[side]->row_stride, (size_t)(from[side]->row_stride / 2));
                    for (int i = 0; i < 2; i++)
                        if (gate.side[i].data)
                            memcpy(pair[side]->side[i].data + o * pair[side]->view.side[i].stride,
                                   from[side]->side[i].data + o * from[side]->side[i].stride,
                                   (size_t)(from[side]->side[i].stride / 2));
                }
            gate = x->gate[e].view;
            up = x->up[e].view;
        }
        x->list[e] = (struct expert){.gate = gate, .up = up, .down = x->down[e].view};
        if (t == DT_NVFP4) { /* factors of their own, each another one */
            static const float factors[3] = {1.25f, 0.8f, 1.6f};
            x->list[e].gate.factor = &factors[e % 3];
            x->list[e].up.factor = &factors[(e + 1) % 3];
            x->list[e].down.factor = &factors[(e + 2) % 3];
        }
        x->list[e].gate_bias = (struct vec){DT_F32, (const uint8_t *)(biases + e * 2 * inner), inner, 8};
        x->list[e].up_bias = (struct vec){DT_F32, (const uint8_t *)(biases + e * 2 * inner + 1), inner, 8};
        x->list[e].down_bias = (struct vec){DT_F32, (const uint8_t *)(biases + e), hid, 4};
    }
}

static void experts_free(struct experts *x, bool alternate)
{
    for (int e = 0; e < E; e++) {
        matrix_free(&x->both[e]);
        matrix_free(&x->down[e]);
        if (!alternate) {
            matrix_free(&x->gate[e]);
            matrix_free(&x->up[e]);
        }
    }
}

struct moe_run {
    const struct backend *be;
    struct moe moe;
    uint8_t *workspace;
    size_t workspace_bytes;
    bool again; /* swiglu and combine once more from what was kept */
};

static void moe_member(const struct member *member, void *arg)
{
    struct moe_run *run = arg;
    struct hand hand = {run->be, member, run->workspace + (size_t)member->id * run->workspace_bytes};
    run->be->experts_in(&hand, &run->moe);
    run->be->sync(&hand);
    if (run->again) {
        run->be->swiglu(&hand, &run->moe);
        run->be->sync(&hand);
    }
    run->be->experts_out(&hand, &run->moe);
    run->be->sync(&hand);
    if (run->again)
        run->be->combine(&hand, &run->moe);
}

struct moe_out {
    float gate[SLOTS * INNER_MAX], up[SLOTS * INNER_MAX], h[SLOTS * INNER_MAX], out[SLOTS * HID_MAX],
        delta[MOE_ROWS * HID_MAX];
};

static double naive_dot(const struct view *v, int64_t o, const double *x, const struct lowrank *lowrank)
{
    float values[HID_MAX + INNER_MAX];
    double sum = 0;
    row_values(v, o, values);
    for (int64_t k = 0; k < v->cols; k++)
        sum += (double)values[k] * x[k];
    for (int j = 0; lowrank && j < lowrank->rank; j++) {
        double ax = 0;
        for (int64_t k = 0; k < v->cols; k++)
            ax += (double)lowrank->a[j * v->cols + k] * x[k];
        sum += (double)lowrank->scale * lowrank->b[o * lowrank->rank + j] * ax;
    }
    return sum;
}

/* delta of every row in double, straight from the formulas. */
static void naive_moe(const struct experts *x, const struct moe *moe, const struct lowrank *lowrank, double *result)
{
    memset(result, 0, sizeof(double) * MOE_ROWS * (size_t)hid);
    for (int s = 0; s < SLOTS; s++) {
        const struct expert *e = &x->list[moe->routing->ids[s]];
        double in[HID_MAX], h[INNER_MAX];
        for (int k = 0; k < hid; k++)
            in[k] = moe->in->f[s / TOP * hid + k];
        for (int i = 0; i < inner; i++) {
            double g = naive_dot(&e->gate, i, in, lowrank) + vec_at(&e->gate_bias, i);
            double u = naive_dot(&e->up, i, in, lowrank) + vec_at(&e->up_bias, i);
            g = fmin(g, 7);
            h[i] = g / (1 + exp(-1.702 * g)) * (fmax(fmin(u, 7), -7) + 1);
        }
        for (int o = 0; o < hid; o++)
            result[s / TOP * hid + o] += (double)moe->routing->weights[s] *
                                         (naive_dot(&e->down, o, h, NULL) + vec_at(&e->down_bias, o));
    }
}

static void moe_case(bool i8, bool alternate, bool keep, const struct lowrank *lowrank, struct moe_out *want,
                     bool have_want, const struct backend *be, int n_members)
{
    static float weights[SLOTS];
    static struct moe_out got;
    int32_t ids[SLOTS], start[E + 1] = {0}, slots[SLOTS], at[E];
    struct rng r;
    struct experts *x = &made[alternate];
    rng_seed(&r, 41);
    struct act in = act_make(hid, MOE_ROWS, FILL_NORMAL, &r), h = act_make(inner, SLOTS, FILL_ZERO, &r);
    float *h_own = h.f;
    h.f = got.h;
    int8_t *in_q = in.q, *h_q = h.q;
    if (!i8)
        in.q = h.q = NULL;
    for (int row = 0; row < MOE_ROWS; row++) {
        int a = (int)rng_below(&r, E - 1), b = a + 1 + (int)rng_below(&r, (uint64_t)(E - 1 - a));
        ids[2 * row] = a;
        ids[2 * row + 1] = b;
        weights[2 * row] = 0.3f;
        weights[2 * row + 1] = 0.7f;
    }
    for (int s = 0; s < SLOTS; s++)
        start[ids[s] + 1]++;
    for (int e = 0; e < E; e++)
        at[e] = start[e + 1] += start[e];
    for (int s = SLOTS - 1; s >= 0; s--)
        slots[--at[ids[s]]] = s;
    for (int e = 0; e < E; e++)
        x->list[e].gate.lowrank = x->list[e].up.lowrank = lowrank;
    struct routing routing = {MOE_ROWS, TOP, E, ids, weights, start, slots};
    struct expert_source source = {get_expert, x};
    struct moe_run run = {.be = be, .again = keep, .workspace_bytes = be->workspace_bytes(MOE_ROWS, hid, inner, 4, 16)};
    run.workspace = mem_pages(run.workspace_bytes * 5);
    memset(&got, 0, sizeof got);
    run.moe = (struct moe){.source = &source,
                           .end_expert = E,
                           .hidden = hid,
                           .intermediate = inner,
                           .swiglu = {.alpha = 1.702f, .limit = 7, .shift = 1},
                           .routing = &routing,
                           .in = &in,
                           .h = &h,
                           .gate = keep ? got.gate : NULL,
                           .up = keep ? got.up : NULL,
                           .out = keep ? got.out : NULL,
                           .delta = got.delta};
    on_team(n_members, moe_member, &run);
    if (!have_want) {
        static double truth[MOE_ROWS * HID_MAX];
        double off = 0, all = 0;
        naive_moe(x, &run.moe, lowrank, truth);
        for (int i = 0; i < MOE_ROWS * hid; i++) {
            off += (got.delta[i] - truth[i]) * (got.delta[i] - truth[i]);
            all += truth[i] * truth[i];
        }
        if (!(off / all < (i8 ? 2e-4 : 1e-11)))
            fail_msg("experts in %s%s: NMSE %g", dtype_info(format)->name, i8 ? " int8" : "", off / all);
        *want = got;
    }
    assert_same(want->delta, got.delta, (size_t)(MOE_ROWS * hid), "delta");
    assert_same(want->h, got.h, (size_t)(SLOTS * inner), "h");
    if (keep && have_want && want->gate[0] != 0) {
        assert_same(want->gate, got.gate, (size_t)(SLOTS * inner), "gate");
        assert_same(want->up, got.up, (size_t)(SLOTS * inner), "up");
        assert_same(want->out, got.out, (size_t)(SLOTS * hid), "out");
    }
    mem_pages_free(run.workspace, run.workspace_bytes * 5);
    in.q = in_q;
    h.q = h_q;
    h.f = h_own;
    act_free(&in);
    act_free(&h);
}

static void experts_way(const struct backend *be, int n_members, bool first)
{
    static struct moe_out want[2][2];
    static float a[5 * HID_MAX], b[5 * INNER_MAX];
    struct rng r;
    rng_seed(&r, 51);
    fill(&r, a, 5 * HID_MAX, 0.3f);
    fill(&r, b, 5 * INNER_MAX, 0.3f);
    struct lowrank low_rank = {5, 0.5f, a, b};
    bool few = is_drawn(format); /* one of these is like the other, for experts */
    if (few && n_members != 1 && n_members != 3)
        return;
    for (int i8 = 0; i8 < 2; i8++)
        for (int with_lowrank = 0; with_lowrank < (few ? 1 : 2); with_lowrank++) {
            const struct lowrank *lowrank = with_lowrank ? &low_rank : NULL;
            struct moe_out *w = &want[i8][with_lowrank];
            moe_case(i8, false, true, lowrank, w, !first, be, n_members); /* everything kept, ops repeated */
            if (few && n_members == 3)
                continue;
            moe_case(i8, false, false, lowrank, w, true, be, n_members);
            moe_case(i8, true, false, lowrank, w, true, be, n_members); /* rows of gate and up alternate */
            moe_case(i8, true, true, lowrank, w, true, be, n_members);
        }
}

static void test_experts(void **state)
{
    (void)state;
    struct rng r;
    rng_seed(&r, 40);
    fill(&r, biases, sizeof biases / sizeof *biases, 1);
    for (format = 0; format < DT_U8; format++) {
        bool large = dtype_info(format)->block > 32;
        hid = large ? 256 : 96;
        inner = large ? 256 : 160;
        for (int alternate = 0; alternate < 2; alternate++)
            experts_make(&made[alternate], alternate);
        each_way(experts_way);
        for (int alternate = 0; alternate < 2; alternate++)
            experts_free(&made[alternate], alternate);
    }
}

/* Of long rows of f32, only some of an expert's are packed at a time; members that take its outputs in several goes
 * must not find the last of them where they want the first: by one member all of it is one go. */
static void test_parts(void **state)
{
    (void)state;
    enum { ROWS = 205, WIDE = 2752, LONG = 768 };
    static float weights[ROWS], have[2][ROWS * LONG];
    static int32_t ids[ROWS], slots[ROWS], start[2] = {0, ROWS};
    const struct backend *be = backend_cpu(NULL);
    struct rng r;
    rng_seed(&r, 61);
    struct act in = act_make(WIDE, ROWS, FILL_NORMAL, &r), h = act_make(LONG, ROWS, FILL_ZERO, &r);
    struct matrix gate = matrix_make(DT_F32, LONG, WIDE, 0, FILL_NORMAL, &r);
    struct matrix up = matrix_make(DT_F32, LONG, WIDE, 0, FILL_NORMAL, &r);
    struct matrix down = matrix_make(DT_F32, WIDE, LONG, 0, FILL_NORMAL, &r);
    int8_t *in_q = in.q, *h_q = h.q;
    made[0].list[0] = (struct expert){.gate = gate.view, .up = up.view, .down = down.view};
    in.q = h.q = NULL;
    for (int i = 0; i < ROWS; i++)
        slots[i] = i, weights[i] = 1;
    struct routing routing = {ROWS, 1, 1, ids, weights, start, slots};
    struct expert_source source = {get_expert, &made[0]};
    float *h_own = h.f, *delta = mem_array(ROWS * WIDE, sizeof *delta);
    for (int several = 0; several < 2; several++) {
        struct moe_run run = {.be = be, .workspace_bytes = be->workspace_bytes(ROWS, WIDE, LONG, 4, 16)};
        run.workspace = mem_pages(run.workspace_bytes * 3);
        h.f = have[several];
        run.moe = (struct moe){.source = &source,
                               .end_expert = 1,
                               .hidden = WIDE,
                               .intermediate = LONG,
                               .swiglu = {.alpha = 1.702f, .limit = 7, .shift = 1},
                               .routing = &routing,
                               .in = &in,
                               .h = &h,
                               .delta = delta};
        on_team(several ? 3 : 1, moe_member, &run);
        mem_pages_free(run.workspace, run.workspace_bytes * 3);
    }
    assert_same(have[0], have[1], ROWS * LONG, "h");
    mem_free(delta);
    in.q = in_q;
    h.q = h_q;
    h.f = h_own;
    act_free(&in);
    act_free(&h);
    matrix_free(&gate);
    matrix_free(&up);
    matrix_free(&down);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_experts),
        cmocka_unit_test(test_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
