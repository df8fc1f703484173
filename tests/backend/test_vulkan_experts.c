/* Routing and experts of the Vulkan backend against scalar: the same bits. */
#define _DEFAULT_SOURCE /* anonymous mappings */
#include "vulkan_data.h"

static void one_route(int n, int k, int n_experts, enum fill kind)
{
    struct rng r;
    rng_seed(&r, (uint64_t)(n * 100 + n_experts + (int)kind));
    size_t slots = (size_t)(n * k), logits_n = (size_t)(n * n_experts);
    float *logits = malloc(logits_n * 4), *weights = malloc(slots * 4);
    int32_t *ids = malloc(slots * 4), *start = malloc((size_t)(n_experts + 1) * 4), *list = malloc(slots * 4);
    for (size_t i = 0; i < logits_n; i++)
        logits[i] = rng_below(&r, 3) ? random_value(&r, kind) : 0.25f; /* ties */
    struct routing want = {n, k, n_experts, ids, weights, start, list};
    reference_hand()->backend->route(reference_hand(), logits, &want);
    forget_arrays();
    struct vk_route p = {
        there(logits, logits_n * 4), there(NULL, slots * 4), there(NULL, slots * 4), (uint32_t)n, (uint32_t)k,
        (uint32_t)n_experts};
    struct vk_lists q = {p.ids, there(NULL, (size_t)(n_experts + 1) * 4), there(NULL, slots * 4), (uint32_t)slots,
                         (uint32_t)n_experts};
    run(&vk_shader_route, 0, 0, &p, UP(n, 64), 1);
    run(&vk_shader_lists, 0, 0, &q, 1, 1);
    assert_memory_equal(back(p.ids), ids, slots * 4);
    assert_same(weights, back(p.weights), slots, "route");
    assert_memory_equal(back(q.start), start, (size_t)(n_experts + 1) * 4);
    assert_memory_equal(back(q.slots), list, slots * 4);
    free(logits), free(weights), free(ids), free(start), free(list);
}

/* The router's product and the choice at once; two experts have the same weights. */
static void one_router(int n, int k, int n_experts, enum dtype t, enum fill kind)
{
    enum { COLS = 1120 }; /* more than lies in shared memory at once */
    static const uint32_t zeros[8];
    struct rng r;
    rng_seed(&r, (uint64_t)(n * 10 + n_experts + (int)kind));
    size_t slots = (size_t)(n * k), logits_n = (size_t)(n * n_experts);
    struct matrix m = matrix_make(t, n_experts, COLS, 4, FILL_NORMAL, &r);
    struct act x = act_make(COLS, n, kind, &r), in = act_f32(&x);
    float *logits = malloc(logits_n * 4), *weights = malloc(slots * 4), *bias = calloc((size_t)n_experts, 4);
    int32_t *ids = malloc(slots * 4), *start = malloc((size_t)(n_experts + 1) * 4), *list = malloc(slots * 4);
    struct routing want = {n, k, n_experts, ids, weights, start, list};
    uint8_t *rows = (uint8_t *)(uintptr_t)m.view.data;
    memcpy(rows + (n_experts - 1) * m.view.row_stride, rows,
           (size_t)(COLS / dtype_info(t)->block * dtype_info(t)->block_bytes));
    if (kind == FILL_MIXED)
        bias[n_experts / 2] = NAN, bias[0] = bias[n_experts - 1] = 1000;
    const struct hand *h = reference_hand();
    h->backend->linear(h, &m.view, bias, &in, n, NULL, logits, n_experts);
    h->backend->route(h, logits, &want);
    forget_arrays();
    struct placed w = place(&m);
    struct vk_linear l = linear_args(&m.view);
    struct vk_router p = {.data = w.data,
                          .bias = there(bias, (size_t)n_experts * 4),
                          .x = there(x.f, (size_t)(n * COLS) * 4),
                          .done = there(zeros, sizeof zeros),
                          .row_stride = l.row_stride,
                          .bias_stride = 4,
                          .col_stride = l.col_stride,
                          .cols = COLS,
                          .n_experts = (uint32_t)n_experts,
                          .k = (uint32_t)k};
    for (int alone = 0; alone < 2; alone++) {
        p.logits = there(NULL, logits_n * 4), p.ids = there(NULL, slots * 4), p.weights = there(NULL, slots * 4);
        run(alone ? &vk_shader_router_alone : &vk_shader_router, t, DT_F32, &p, alone ? 1 : UP(n_experts, 4),
            (uint32_t)n);
        assert_memory_equal(back(p.done), zeros, sizeof zeros); /* as it wants them next time */
        assert_same(logits, back(p.logits), logits_n, "the router's logits");
        assert_memory_equal(back(p.ids), ids, slots * 4);
        assert_same(weights, back(p.weights), slots, "the router's weights");
    }
    free(logits), free(weights), free(bias), free(ids), free(start), free(list);
    act_free(&x);
    matrix_free(&m);
}

static void test_router(void **state)
{
    (void)state;
    need_device();
    for (int kind = 0; kind < FILL_COUNT; kind++) {
        if (!kind_fits((enum fill)kind))
            continue;
        one_router(1, 4, 32, DT_BF16, (enum fill)kind);
        one_router(3, 4, VK_MOST_EXPERTS, DT_F32, (enum fill)kind);
        one_router(2, 3, 3, DT_BF16, (enum fill)kind);
    }
}

static void test_route(void **state)
{
    (void)state;
    need_device();
    for (int kind = 0; kind < FILL_COUNT; kind++) {
        if (!kind_fits((enum fill)kind))
            continue;
        one_route(1, 4, 32, (enum fill)kind);
        one_route(70, 4, 128, (enum fill)kind);
        one_route(3, 2, 2, (enum fill)kind);
    }
}

enum {
    EXPERTS = 4,
    PICKS = 2,
    TOKENS = 5,
    SLOTS_N = TOKENS * PICKS,
    HIDDEN = 1120,
    INNER = 64
}; /* HIDDEN: more than lies in shared memory at once */

struct model {
    struct matrix gate[EXPERTS], up[EXPERTS], down[EXPERTS];
    uint16_t bias[3][EXPERTS][HIDDEN]; /* bf16 */
};

static void get_expert(const struct expert_source *source, int layer, int e, struct expert *out)
{
    const struct model *m = source->model;
    (void)layer;
    *out = (struct expert){.gate = m->gate[e].view,
                           .up = m->up[e].view,
                           .down = m->down[e].view,
                           .gate_bias = {DT_BF16, (const uint8_t *)m->bias[0][e], INNER, 2},
                           .up_bias = {DT_BF16, (const uint8_t *)m->bias[1][e], INNER, 2},
                           .down_bias = {DT_BF16, (const uint8_t *)m->bias[2][e], HIDDEN, 2}};
}

/* A list of the device's copies of these matrices. */
static uint64_t send_list(const struct matrix *m, uint16_t (*bias)[HIDDEN])
{
    struct vk_matrix list[EXPERTS];
    for (int e = 0; e < EXPERTS; e++) {
        struct placed w = place(&m[e]);
        list[e] = (struct vk_matrix){.data = w.data, .side = w.side[0], .offsets = w.side[1]};
        list[e].bias = there(bias[e], sizeof bias[e]);
    }
    return there(list, sizeof list);
}

/* y[slot] by the list, from the form of x that fits, by the kernels of many rows too, which want the slots by expert.
 */
static uint64_t multiply(const struct matrix *m, uint64_t list, const struct act *x, uint64_t ids, int divide,
                         int range, const int32_t *slots)
{
    const struct view *v = &m[0].view;
    bool i8 = x->q && dtype_has_i8(dtype_info(v->dtype));
    size_t n = (size_t)(SLOTS_N / divide);
    struct vk_linear p = linear_args(v);
    p.matrices = list, p.ids = ids, p.bias_stride = 2, p.y_stride = p.rows;
    p.divide = (uint32_t)divide, p.first = range, p.end = EXPERTS - range;
    p.x = i8 ? there(x->q, n * (size_t)v->cols) : there(x->f, n * (size_t)v->cols * 4);
    p.d = i8 ? there(x->d, n * (size_t)v->cols / 8) : 0;
    p.y = there(NULL, SLOTS_N * (size_t)v->rows * 4);
    run(i8 ? &vk_shader_linear_i8 : &vk_shader_linear_f32, v->dtype, DT_BF16, &p, UP(v->rows, i8 ? VK_FEW_OUTPUTS : 4),
        SLOTS_N);
    uint64_t y = p.y;
    p.y = there(NULL, SLOTS_N * (size_t)v->rows * 4);
    p.data = there(slots, SLOTS_N * sizeof *slots);
    p.has_factor = 2 * SLOTS_N;
    struct rows_form forms[3];
    for (int form = 0; form < (i8 ? n_rows_forms(v->dtype, forms) : 1); form++) {
        memset(back(p.y), 0x55, SLOTS_N * (size_t)v->rows * 4);
        run(i8 ? forms[form].shader : &vk_shader_linear_f32_rows, v->dtype, DT_BF16, &p,
            UP(v->rows, i8 ? forms[form].outputs : 4), UP(SLOTS_N, i8 ? forms[form].rows : VK_TILE_F32));
        assert_same(back(y), back(p.y), SLOTS_N * (size_t)v->rows, "experts' products of many rows");
    }
    return y;
}

struct experts {
    struct model model;
    struct act in, h;
    float gate[SLOTS_N * INNER], up[SLOTS_N * INNER], out[SLOTS_N * HIDDEN], delta[TOKENS * HIDDEN];
    int32_t ids[SLOTS_N], slots[SLOTS_N];
    float weights[SLOTS_N];
};

/* All of an expert's layer at once: gate, up and h with its int8 form; down and the sum. */
static void compare_fused(struct experts *x, int range, const struct swiglu *s)
{
    const struct view *w = &x->model.gate[0].view, *down = &x->model.down[0].view;
    struct vk_linear of_gate = linear_args(w), of_down = linear_args(down);
    struct vk_experts_in p = {.gate = send_list(x->model.gate, x->model.bias[0]),
                              .up = send_list(x->model.up, x->model.bias[1]),
                              .ids = there(x->ids, sizeof x->ids),
                              .x = there(x->in.q, TOKENS * HIDDEN),
                              .d = there(x->in.d, TOKENS * HIDDEN / 8),
                              .h = there(NULL, sizeof x->gate),
                              .q = there(NULL, SLOTS_N * INNER),
                              .hd = there(NULL, SLOTS_N * INNER / 8),
                              .sums = there(NULL, SLOTS_N * INNER / 8),
                              .row_stride = of_gate.row_stride,
                              .side_stride = of_gate.side_stride,
                              .bias_stride = 2,
                              .cols = HIDDEN,
                              .rows = INNER,
                              .divide = PICKS,
                              .first = range,
                              .end = EXPERTS - range,
                              .alpha = s->alpha,
                              .limit = s->limit,
                              .shift = s->shift};
    for (int form = 0; form < n_forms(); form++) {
        memset(back(p.h), 0x55, sizeof x->gate);
        run(FORMS(experts_in)[form], w->dtype, DT_BF16, &p, UP(INNER, 32), SLOTS_N);
        assert_same(x->h.f, back(p.h), SLOTS_N * INNER, "h in one command");
        if (range == 0)
            assert_same_i8(&x->h, SLOTS_N * INNER, back(p.q), back(p.hd), back(p.sums), "h in one command");
    }
    struct vk_experts_out o = {.matrices = send_list(x->model.down, x->model.bias[2]),
                               .ids = p.ids,
                               .weights = there(x->weights, sizeof x->weights),
                               .x = there(x->h.q, SLOTS_N * INNER),
                               .d = there(x->h.d, SLOTS_N * INNER / 8),
                               .delta = there(NULL, sizeof x->delta),
                               .row_stride = of_down.row_stride,
                               .side_stride = of_down.side_stride,
                               .bias_stride = 2,
                               .cols = INNER,
                               .rows = HIDDEN,
                               .k = PICKS,
                               .first = range,
                               .end = EXPERTS - range};
    for (int form = 0; form < n_forms(); form++) {
        memset(back(o.delta), 0x55, sizeof x->delta);
        run(FORMS(experts_out)[form], down->dtype, DT_BF16, &o, UP(HIDDEN, 8), TOKENS);
        assert_same(x->delta, back(o.delta), TOKENS * HIDDEN, "delta in one command");
    }
}

/* The device's experts, matrix by matrix, each from what scalar says it should be given. */
static void compare_experts(struct experts *x, int range, const struct swiglu *s)
{
    forget_arrays();
    uint64_t ids = there(x->ids, sizeof x->ids);
    uint64_t gates = send_list(x->model.gate, x->model.bias[0]), ups = send_list(x->model.up, x->model.bias[1]);
    struct vk_swiglu p = {.gate = multiply(x->model.gate, gates, &x->in, ids, PICKS, range, x->slots),
                          .up = multiply(x->model.up, ups, &x->in, ids, PICKS, range, x->slots),
                          .h = there(NULL, sizeof x->gate),
                          .ids = ids,
                          .width = INNER,
                          .first = range,
                          .end = EXPERTS - range,
                          .alpha = s->alpha,
                          .limit = s->limit,
                          .shift = s->shift};
    assert_same(x->gate, back(p.gate), SLOTS_N * INNER, "gate");
    assert_same(x->up, back(p.up), SLOTS_N * INNER, "up");
    if (x->h.q)
        p.q = there(NULL, SLOTS_N * INNER), p.d = there(NULL, SLOTS_N * INNER / 8),
        p.sums = there(NULL, SLOTS_N * INNER / 8);
    run(&vk_shader_swiglu, 0, 0, &p, UP(INNER, 256), SLOTS_N);
    assert_same(x->h.f, back(p.h), SLOTS_N * INNER, "h");
    if (x->h.q && range == 0)
        assert_same_i8(&x->h, SLOTS_N * INNER, back(p.q), back(p.d), back(p.sums), "h");
    struct vk_combine c = {
        .y = multiply(x->model.down, send_list(x->model.down, x->model.bias[2]), &x->h, ids, 1, range, x->slots),
        .ids = ids,
        .weights = there(x->weights, sizeof x->weights),
        .delta = there(NULL, sizeof x->delta),
        .width = HIDDEN,
        .k = PICKS,
        .first = range,
        .end = EXPERTS - range};
    assert_same(x->out, back(c.y), SLOTS_N * HIDDEN, "down");
    run(&vk_shader_combine, 0, 0, &c, UP(HIDDEN, 64), TOKENS);
    assert_same(x->delta, back(c.delta), TOKENS * HIDDEN, "combine");
}

static void one_experts(enum dtype t, bool exact, int range, enum fill kind)
{
    static struct experts x;
    struct rng r;
    rng_seed(&r, (uint64_t)(kind + 10));
    for (int e = 0; e < EXPERTS; e++) {
        int64_t pad = t == DT_MXFP4 ? 1 : 4;
        x.model.gate[e] = matrix_make(t, INNER, HIDDEN, pad, FILL_NORMAL, &r);
        x.model.up[e] = matrix_make(t, INNER, HIDDEN, pad, FILL_NORMAL, &r);
        x.model.down[e] = matrix_make(t, HIDDEN, INNER, pad, FILL_NORMAL, &r);
        for (int i = 0; i < 3 * HIDDEN; i++)
            x.model.bias[i / HIDDEN][e][i % HIDDEN] = bf16_from_f32(random_value(&r, FILL_NORMAL));
    }
    x.in = act_make(HIDDEN, TOKENS, kind, &r), x.h = act_make(INNER, SLOTS_N, FILL_ZERO, &r);
    for (int i = 0; i < TOKENS * EXPERTS; i++)
        x.out[i] = random_value(&r, FILL_NORMAL);
    int32_t start[EXPERTS + 1];
    struct routing routing = {TOKENS, PICKS, EXPERTS, x.ids, x.weights, start, x.slots};
    reference_hand()->backend->route(reference_hand(), x.out, &routing);
    struct act in = exact ? act_f32(&x.in) : x.in, h = exact ? act_f32(&x.h) : x.h;
    struct expert_source source = {get_expert, &x.model};
    struct moe moe = {.source = &source,
                      .first_expert = range,
                      .end_expert = EXPERTS - range,
                      .hidden = HIDDEN,
                      .intermediate = INNER,
                      .swiglu = {1.702f, 0.9f, 1},
                      .routing = &routing,
                      .in = &in,
                      .h = &h,
                      .gate = x.gate,
                      .up = x.up,
                      .out = x.out,
                      .delta = x.delta};
    memset(x.h.f, 0x55, sizeof x.gate); /* as the slots of experts that are not held stay */
    memset(x.gate, 0x55, sizeof x.gate), memset(x.up, 0x55, sizeof x.up), memset(x.out, 0x55, sizeof x.out);
    reference_hand()->backend->experts_in(reference_hand(), &moe);
    reference_hand()->backend->experts_out(reference_hand(), &moe);
    struct act kept[2] = {x.in, x.h};
    x.in = in, x.h = h;
    compare_experts(&x, range, &moe.swiglu);
    forget_arrays();
    if (!exact && dtype_has_i8(dtype_info(t)))
        compare_fused(&x, range, &moe.swiglu);
    act_free(&kept[0]), act_free(&kept[1]);
    for (int e = 0; e < EXPERTS; e++)
        matrix_free(&x.model.gate[e]), matrix_free(&x.model.up[e]), matrix_free(&x.model.down[e]);
}

static void test_experts(void **state)
{
    (void)state;
    need_device();
    for (int kind = 0; kind < FILL_COUNT; kind++)
        if (kind_fits((enum fill)kind) && (kind != FILL_HUGE || kind_fits(FILL_TINY))) /* 1 / (1 + exp(huge)) is tiny */
            one_experts(kind % 2 ? DT_MXFP4_HF : DT_MXFP4, kind == FILL_NORMAL, 0, (enum fill)kind);
    one_experts(DT_MXFP4, true, 1, FILL_NORMAL);
    one_experts(DT_MXFP4, false, 1, kind_near(FILL_MIXED));
    if (kind_fits(FILL_TINY)) /* one of its gates has a sigmoid that is denormal */
        one_experts(DT_BF16, false, 0, FILL_NORMAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_router), cmocka_unit_test(test_route),
                                       cmocka_unit_test(test_experts)};
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    close_device();
    return failed;
}
