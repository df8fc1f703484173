/* The ops of every backend that this machine has: the same bits for 1, 2, 3 and 5 lanes and on every ISA, and what they
 * mean, written out again in double: attention with sink, window and pages; routing; the experts; low-rank deltas. */
#define _DEFAULT_SOURCE /* anonymous mappings */
#include "kernel_data.h"

#include "base/mem.h"
#include "base/thread.h"

/* Runs fn on a pool of n lanes. */
static void on_lanes(int n, void (*fn)(const struct lane *, void *), void *arg)
{
    struct pool *pool;
    struct osso_error err;
    check_ok(pool_create(n, &pool, &err), err);
    pool_run(pool, fn, arg);
    pool_free(pool);
}

/* Calls fn for each backend and each number of lanes; the first call is scalar on one lane, the definition. */
static void each_way(void (*fn)(const struct backend *be, int n_lanes, bool first))
{
    static const int lanes[] = {1, 2, 3, 5};
    for (int i = 0; backend_cpu_isa(i); i++)
        for (int l = 0; l < 4 && backend_cpu_available(backend_cpu_isa(i)); l++)
            fn(backend_cpu(backend_cpu_isa(i)), lanes[l], i == 0 && l == 0);
}

static void fill(struct rng *r, float *x, size_t n, float size)
{
    for (size_t i = 0; i < n; i++)
        x[i] = random_value(r, FILL_NORMAL) * size;
}

/* ---- attention ------------------------------------------------------------------------------------------------- */

enum { HEADS = 12, KV_HEADS = 3, DIM = 24, ROWS = 7, SEQS = 2, PAGES = 4, MAX_POS = PAGES * KV_PAGE };

struct attention {
    const struct backend *be;
    struct kv_rows kv;
    struct attend attend;
    const float *k, *v;
    size_t lane_bytes;
    uint8_t *scratch;
};

static void append_lane(const struct lane *lane, void *arg)
{
    struct attention *t = arg;
    t->be->kv_append(lane, &t->kv, t->k, t->v);
}

static void attend_lane(const struct lane *lane, void *arg)
{
    struct attention *t = arg;
    t->be->attend(lane, t->scratch + (size_t)lane->id * t->lane_bytes, &t->attend);
}

/* The truth for one row and head: plain softmax over sink and visible keys, in double. */
static void naive_attention(const struct attention *t, const float *all_k, const float *all_v, int r, int h, double *out,
                            double *lse, double *weights)
{
    int64_t pos = t->kv.pos[r], seq = t->kv.seq[r], width = KV_HEADS * DIM, lo = 0, g = h / t->attend.group;
    if (t->attend.window && pos - t->attend.window + 1 > lo)
        lo = pos - t->attend.window + 1;
    if (t->kv.floor && t->kv.floor[seq] > lo)
        lo = t->kv.floor[seq];
    double sum = exp((double)t->attend.sinks[h]);
    memset(out, 0, DIM * sizeof *out);
    memset(weights, 0, MAX_POS * sizeof *weights);
    for (int64_t j = lo; j <= pos; j++) {
        double s = 0;
        for (int d = 0; d < DIM; d++)
            s += (double)t->attend.q[((int64_t)r * HEADS + h) * DIM + d] * all_k[(seq * MAX_POS + j) * width + g * DIM + d];
        weights[j] = exp(s * t->attend.scale);
        sum += weights[j];
    }
    for (int64_t j = lo; j <= pos; j++) {
        weights[j] /= sum;
        for (int d = 0; d < DIM; d++)
            out[d] += weights[j] * all_v[(seq * MAX_POS + j) * width + g * DIM + d];
    }
    *lse = log(sum);
}

static float attention_want[4][ROWS * HEADS * (DIM + 1 + MAX_POS)];

static void check_attention(const struct attention *t, const float *all_k, const float *all_v)
{
    static double weights[MAX_POS];
    double out[DIM], lse;
    for (int r = 0; r < ROWS; r++)
        for (int h = 0; h < HEADS; h++) {
            int64_t at = (int64_t)r * HEADS + h;
            naive_attention(t, all_k, all_v, r, h, out, &lse, weights);
            for (int d = 0; d < DIM; d++)
                if (fabs(t->attend.out->f[at * DIM + d] - out[d]) > 2e-6)
                    fail_msg("row %d head %d dim %d: %.9g, expected %.9g", r, h, d, (double)t->attend.out->f[at * DIM + d], out[d]);
            assert_true(fabs(t->attend.lse[at] - lse) < 2e-6);
            for (int j = 0; j < MAX_POS; j++)
                if (fabs(t->attend.pattern[at * MAX_POS + j] - weights[j]) > 1e-6 || (weights[j] == 0 && t->attend.pattern[at * MAX_POS + j] != 0))
                    fail_msg("row %d head %d key %d: weight %g, expected %g", r, h, j, (double)t->attend.pattern[at * MAX_POS + j], weights[j]);
        }
}

/* Pages start out as NaN everywhere, so a key that is read before it is written shows. */
static void attention_way(const struct backend *be, int n_lanes, bool first)
{
    static float k[SEQS * MAX_POS * KV_HEADS * DIM], v[SEQS * MAX_POS * KV_HEADS * DIM], q[ROWS * HEADS * DIM], sinks[HEADS];
    static float got[ROWS * HEADS * (DIM + 1 + MAX_POS)];
    static const int32_t row_pos[ROWS] = {0, 127, 128, 300, 511, 256, 130}, row_seq[ROWS] = {0, 0, 1, 1, 0, 1, 0};
    static const int32_t floors[SEQS] = {0, 140};
    struct rng r;
    rng_seed(&r, 21);
    fill(&r, k, sizeof k / sizeof *k, 1);
    fill(&r, v, sizeof v / sizeof *v, 1);
    fill(&r, q, sizeof q / sizeof *q, 2);
    fill(&r, sinks, HEADS, 3);
    struct kv_layout layout = {KV_F32, KV_HEADS, DIM};
    size_t off = 64, page_bytes = off + be->kv_layer_bytes(&layout);
    uint8_t *pages[SEQS][PAGES], *const *tables[SEQS] = {pages[0], pages[1]};
    for (int i = 0; i < SEQS * PAGES; i++) {
        pages[i / PAGES][i % PAGES] = malloc(page_bytes);
        memset(pages[i / PAGES][i % PAGES], 0xff, page_bytes);
    }
    static int32_t pos[SEQS * MAX_POS], seq[SEQS * MAX_POS];
    for (int i = 0; i < SEQS * MAX_POS; i++) {
        pos[i] = i % MAX_POS;
        seq[i] = i / MAX_POS;
    }
    size_t lane_bytes = be->lane_bytes(ROWS, HEADS * DIM, 64, HEADS, DIM);
    struct attention t = {.be = be, .k = k, .v = v, .lane_bytes = lane_bytes, .scratch = mem_pages(lane_bytes * 5)};
    t.kv = (struct kv_rows){.layout = layout, .n = SEQS * MAX_POS, .pos = pos, .seq = seq, .tables = tables, .layer_off = off};
    on_lanes(n_lanes, append_lane, &t);

    struct act out = {.width = HEADS * DIM, .f = got};
    for (int window = 0; window < 2; window++)
        for (int floor = 0; floor < 2; floor++) {
            int way = window * 2 + floor;
            t.kv.n = ROWS;
            t.kv.pos = row_pos;
            t.kv.seq = row_seq;
            t.kv.floor = floor ? floors : NULL;
            if (floor) /* row 2 is below its floor; give it a position that sees something */
                t.kv.pos = (const int32_t[ROWS]){0, 127, 140, 300, 511, 256, 130};
            t.attend = (struct attend){.kv = t.kv, .n_heads = HEADS, .group = HEADS / KV_HEADS, .window = window ? 128 : 0,
                                       .scale = 0.3f, .q = q, .sinks = sinks, .out = &out, .lse = got + ROWS * HEADS * DIM,
                                       .pattern = got + ROWS * HEADS * (DIM + 1), .n_keys = MAX_POS};
            memset(got, 0x55, sizeof got);
            on_lanes(n_lanes, attend_lane, &t);
            if (first) {
                check_attention(&t, k, v);
                memcpy(attention_want[way], got, sizeof got);
            }
            assert_same(attention_want[way], got, sizeof got / sizeof *got, be->name);
        }
    for (int i = 0; i < SEQS * PAGES; i++)
        free(pages[i / PAGES][i % PAGES]);
    mem_pages_free(t.scratch, lane_bytes * 5);
}

static void test_attention(void **state)
{
    (void)state;
    each_way(attention_way);
}

/* A query of zeros over n keys with sink 0 gives each key 1 / (n + 1): the specification's vector. And keep. */
static void test_sink_and_keep(void **state)
{
    (void)state;
    for (int type = KV_F16; type <= KV_F32; type++) {
        struct kv_layout layout = {(enum kv_type)type, 1, 4};
        const struct backend *be = backend_cpu(NULL);
        uint8_t *page = calloc(1, be->kv_layer_bytes(&layout)), *table[1] = {page}, *const *tables[1] = {table};
        uint8_t *scratch = mem_pages(be->lane_bytes(3, 4, 32, 1, 4)), keep[3] = {0};
        int32_t pos[3] = {0, 1, 2}, seq[3] = {0};
        float k[12], v[12] = {1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0}, q[4] = {0}, sink = 0, out[4];
        for (int i = 0; i < 12; i++)
            k[i] = (float)i * 0.37f;
        struct lane lane = {0, 1, NULL};
        struct kv_rows kv = {.layout = layout, .n = 3, .pos = pos, .seq = seq, .tables = tables, .keep = keep};
        be->kv_append(&lane, &kv, k, v);
        keep[0] = keep[1] = keep[2] = 1;
        float other[12] = {9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9};
        be->kv_append(&lane, &kv, other, other); /* kept: nothing changes */
        struct act o = {.width = 4, .f = out};
        struct attend a = {.kv = kv, .n_heads = 1, .group = 1, .scale = 1, .q = q, .sinks = &sink, .out = &o};
        a.kv.n = 1;
        a.kv.pos = pos + 2;
        be->attend(&lane, scratch, &a);
        assert_true(out[0] == 0.25f && out[1] == 0.25f && out[2] == 0.25f && out[3] == 0);
        free(page);
    }
}

/* ---- routing --------------------------------------------------------------------------------------------------- */

struct route_run {
    const struct backend *be;
    const float *logits;
    struct routing routing;
};

static void route_lane(const struct lane *lane, void *arg)
{
    struct route_run *run = arg;
    run->be->route(lane, run->logits, &run->routing);
}

static void route_way(const struct backend *be, int n_lanes, bool first)
{
    (void)first;
    enum { N = 6, E = 9, K = 3 };
    static const float logits[N * E] = {
        1, 1, 1, 1, 1, 1, 1, 1, 1,                               /* all tied: 0 1 2 */
        0, 5, 5, 5, 5, 0, 0, 0, 0,                               /* tie at the edge: 1 2 3 */
        9, 8, 7, 6, 5, 4, 3, 2, 1,                               /* 0 1 2 */
        1, 2, 3, 4, 5, 6, 7, 8, 9,                               /* 6 7 8 */
        NAN, 1, NAN, 2, NAN, 3, NAN, -1, -2,                     /* NaN is below everything: 1 3 5 */
        NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN,             /* any ids, but in range and different */
    };
    static const int32_t want[5 * K] = {0, 1, 2, 1, 2, 3, 0, 1, 2, 6, 7, 8, 1, 3, 5};
    for (int n = 1; n <= N; n++) {
        int32_t ids[N * K], start[E + 1], slots[N * K];
        float weights[N * K];
        struct route_run run = {be, logits, {n, K, E, ids, weights, start, slots}};
        on_lanes(n_lanes, route_lane, &run);
        assert_memory_equal(ids, want, (size_t)(n < 5 ? n : 5) * K * sizeof *ids);
        for (int s = 0; s < n * K; s++)
            assert_true(ids[s] >= 0 && ids[s] < E && (s % K == 0 || ids[s] > ids[s - 1]));
        assert_true(weights[0] == weights[1] && fabsf(weights[0] - 1 / 3.0f) < 1e-7f);
        if (n > 2)
            for (int j = 0; j < K; j++) {
                double truth = exp(-j) / (1 + exp(-1) + exp(-2));
                assert_true(fabs(weights[2 * K + j] - truth) < 1e-7);
            }
        int seen = 0;
        assert_int_equal(start[0], 0);
        assert_int_equal(start[E], n * K);
        for (int e = 0; e < E; e++)
            for (int i = start[e]; i < start[e + 1]; i++, seen++) {
                assert_int_equal(ids[slots[i]], e);
                assert_true(i == start[e] || slots[i] > slots[i - 1]);
            }
        assert_int_equal(seen, n * K);
    }
}

static void test_route(void **state)
{
    (void)state;
    each_way(route_way);
}

/* ---- experts --------------------------------------------------------------------------------------------------- */

enum { E = 5, TOP = 2, HID = 96, INNER = 160, MOE_ROWS = 11, SLOTS = MOE_ROWS * TOP };

struct experts {
    struct matrix gate[E], up[E], both[E], down[E];
    struct expert list[E];
};

static void get_expert(const struct expert_source *source, int layer, int id, struct expert *out)
{
    (void)layer;
    *out = ((const struct experts *)source->model)->list[id];
}

/* Gate and up as two matrices, or as one whose rows alternate; the same values. */
static void experts_make(struct experts *x, enum dtype t, bool alternate, const float *biases, const struct delta *delta)
{
    struct rng r;
    rng_seed(&r, 31);
    for (int e = 0; e < E; e++) {
        x->both[e] = matrix_make(t, 2 * INNER, HID, 0, FILL_NORMAL, &r);
        x->down[e] = matrix_make(t, HID, INNER, 0, FILL_NORMAL, &r);
        struct view gate = x->both[e].view, up;
        gate.rows = INNER;
        gate.row_stride *= 2;
        gate.scale_stride *= 2;
        up = gate;
        up.data += gate.row_stride / 2;
        up.scales += up.scales ? gate.scale_stride / 2 : 0;
        if (!alternate) {
            struct rng other = {{1, 2, 3, 4}}; /* r must go on as it does when rows alternate */
            x->gate[e] = matrix_make(t, INNER, HID, 3, FILL_ZERO, &other);
            x->up[e] = matrix_make(t, INNER, HID, 3, FILL_ZERO, &other);
            struct matrix *pair[2] = {&x->gate[e], &x->up[e]};
            const struct view *from[2] = {&gate, &up};
            for (int side = 0; side < 2; side++)
                for (int o = 0; o < INNER; o++) {
                    memcpy(pair[side]->data.data + o * pair[side]->view.row_stride, from[side]->data + o * from[side]->row_stride,
                           (size_t)(from[side]->row_stride / 2));
                    if (gate.scales)
                        memcpy(pair[side]->scales.data + o * pair[side]->view.scale_stride,
                               from[side]->scales + o * from[side]->scale_stride, (size_t)(from[side]->scale_stride / 2));
                }
            gate = x->gate[e].view;
            up = x->up[e].view;
        }
        x->list[e] = (struct expert){.gate = gate, .up = up, .down = x->down[e].view};
        x->list[e].gate.delta = x->list[e].up.delta = delta;
        x->list[e].gate_bias = (struct vec){DT_F32, (const uint8_t *)(biases + e * 2 * INNER), INNER, 8};
        x->list[e].up_bias = (struct vec){DT_F32, (const uint8_t *)(biases + e * 2 * INNER + 1), INNER, 8};
        x->list[e].down_bias = (struct vec){DT_F32, (const uint8_t *)(biases + e), HID, 4};
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
    uint8_t *scratch;
    size_t lane_bytes;
    bool again; /* swiglu and combine once more from what was kept */
};

static void moe_lane(const struct lane *lane, void *arg)
{
    struct moe_run *run = arg;
    void *scratch = run->scratch + (size_t)lane->id * run->lane_bytes;
    run->be->experts_in(lane, scratch, &run->moe);
    run->be->sync(lane);
    if (run->again) {
        run->be->swiglu(lane, &run->moe);
        run->be->sync(lane);
    }
    run->be->experts_out(lane, scratch, &run->moe);
    run->be->sync(lane);
    if (run->again)
        run->be->combine(lane, &run->moe);
}

struct moe_out {
    float gate[SLOTS * INNER], up[SLOTS * INNER], h[SLOTS * INNER], out[SLOTS * HID], delta[MOE_ROWS * HID];
};

static const float *row_dot_values(const struct view *v, int64_t o, float *values)
{
    const struct dtype_info *info = dtype_info(v->dtype);
    for (int64_t b = 0; b < v->cols / info->block; b++)
        info->unpack(v->data + o * v->row_stride + b * info->block_bytes, v->scales ? v->scales[o * v->scale_stride + b] : 0,
                     values + b * info->block);
    return values;
}

static double naive_dot(const struct view *v, int64_t o, const double *x, const struct delta *delta)
{
    float values[HID + INNER];
    double sum = 0;
    row_dot_values(v, o, values);
    for (int64_t k = 0; k < v->cols; k++)
        sum += (double)values[k] * x[k];
    for (int j = 0; delta && j < delta->rank; j++) {
        double ax = 0;
        for (int64_t k = 0; k < v->cols; k++)
            ax += (double)delta->a[j * v->cols + k] * x[k];
        sum += (double)delta->scale * delta->b[o * delta->rank + j] * ax;
    }
    return sum;
}

/* delta of every row in double, straight from the formulas. */
static void naive_moe(const struct experts *x, const struct moe *moe, const struct delta *delta, double *result)
{
    memset(result, 0, sizeof(double) * MOE_ROWS * HID);
    for (int s = 0; s < SLOTS; s++) {
        const struct expert *e = &x->list[moe->routing->ids[s]];
        double in[HID], h[INNER];
        for (int k = 0; k < HID; k++)
            in[k] = moe->in->f[s / TOP * HID + k];
        for (int i = 0; i < INNER; i++) {
            double g = naive_dot(&e->gate, i, in, delta) + vec_at(&e->gate_bias, i);
            double u = naive_dot(&e->up, i, in, delta) + vec_at(&e->up_bias, i);
            g = fmin(g, 7);
            h[i] = g / (1 + exp(-1.702 * g)) * (fmax(fmin(u, 7), -7) + 1);
        }
        for (int o = 0; o < HID; o++)
            result[s / TOP * HID + o] += (double)moe->routing->weights[s] * (naive_dot(&e->down, o, h, NULL) + vec_at(&e->down_bias, o));
    }
}

static void moe_case(enum dtype t, bool i8, bool alternate, bool keep, const struct delta *delta, struct moe_out *want, bool have_want,
                     const struct backend *be, int n_lanes)
{
    static float biases[E * 2 * INNER + HID], weights[SLOTS];
    static struct moe_out got;
    int32_t ids[SLOTS], start[E + 1] = {0}, slots[SLOTS], at[E];
    struct rng r;
    struct experts x;
    rng_seed(&r, 41);
    fill(&r, biases, sizeof biases / sizeof *biases, 1);
    struct act in = act_make(HID, MOE_ROWS, FILL_NORMAL, &r), h = act_make(INNER, SLOTS, FILL_ZERO, &r);
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
    experts_make(&x, t, alternate, biases, delta);
    struct routing routing = {MOE_ROWS, TOP, E, ids, weights, start, slots};
    struct expert_source source = {get_expert, &x};
    struct moe_run run = {.be = be, .again = keep, .lane_bytes = be->lane_bytes(MOE_ROWS, HID, INNER, 4, 16)};
    run.scratch = mem_pages(run.lane_bytes * 5);
    memset(&got, 0, sizeof got);
    run.moe = (struct moe){.source = &source, .end_expert = E, .hidden = HID, .intermediate = INNER, .alpha = 1.702f, .limit = 7,
                           .routing = &routing, .in = &in, .h = &h, .gate = keep ? got.gate : NULL, .up = keep ? got.up : NULL,
                           .out = keep ? got.out : NULL, .delta = got.delta};
    on_lanes(n_lanes, moe_lane, &run);
    if (!have_want) {
        static double truth[MOE_ROWS * HID];
        double off = 0, all = 0;
        naive_moe(&x, &run.moe, delta, truth);
        for (int i = 0; i < MOE_ROWS * HID; i++) {
            off += (got.delta[i] - truth[i]) * (got.delta[i] - truth[i]);
            all += truth[i] * truth[i];
        }
        if (!(off / all < (i8 ? 2e-4 : 1e-11)))
            fail_msg("experts in %s%s: NMSE %g", dtype_info(t)->name, i8 ? " int8" : "", off / all);
        *want = got;
    }
    assert_same(want->delta, got.delta, MOE_ROWS * HID, "delta");
    assert_same(want->h, got.h, SLOTS * INNER, "h");
    if (keep && have_want && want->gate[0] != 0) {
        assert_same(want->gate, got.gate, SLOTS * INNER, "gate");
        assert_same(want->up, got.up, SLOTS * INNER, "up");
        assert_same(want->out, got.out, SLOTS * HID, "out");
    }
    mem_pages_free(run.scratch, run.lane_bytes * 5);
    experts_free(&x, alternate);
    in.q = in_q;
    h.q = h_q;
    h.f = h_own;
    act_free(&in);
    act_free(&h);
}

static void experts_way(const struct backend *be, int n_lanes, bool first)
{
    static const enum dtype types[] = {DT_MXFP4, DT_MXFP4_HF, DT_Q8_0, DT_BF16};
    static struct moe_out want[4][2][2];
    static float a[5 * HID], b[5 * INNER];
    struct rng r;
    rng_seed(&r, 51);
    fill(&r, a, 5 * HID, 0.3f);
    fill(&r, b, 5 * INNER, 0.3f);
    struct delta low_rank = {5, 0.5f, a, b};
    for (int t = 0; t < 4; t++)
        for (int i8 = 0; i8 < 2; i8++)
            for (int with_delta = 0; with_delta < 2; with_delta++) {
                const struct delta *delta = with_delta ? &low_rank : NULL;
                struct moe_out *w = &want[t][i8][with_delta];
                moe_case(types[t], i8, false, true, delta, w, !first, be, n_lanes); /* everything kept, ops repeated */
                moe_case(types[t], i8, false, false, delta, w, true, be, n_lanes);
                moe_case(types[t], i8, true, false, delta, w, true, be, n_lanes);   /* rows of gate and up alternate */
                moe_case(types[t], i8, true, true, delta, w, true, be, n_lanes);
            }
}

static void test_experts(void **state)
{
    (void)state;
    each_way(experts_way);
}

/* ---- the rest: embed, norm, linear with bias and delta, rope, add --------------------------------------------- */

enum { N = 5, IN = 128, OUT = 75, VOCAB = 9, ROPE_HEADS = 5, ROPE_DIM = 16 };

struct plain_run {
    const struct backend *be;
    struct view table, w;
    struct act a;
    float x[N * IN], y[N * (OUT + 3)], rope[N * ROPE_HEADS * ROPE_DIM];
    const float *gain, *bias, *angles;
    uint8_t *scratch;
    size_t lane_bytes;
};

static void plain_lane(const struct lane *lane, void *arg)
{
    struct plain_run *run = arg;
    static const int32_t ids[N] = {3, 0, 8, 8, 1}, rows_of[N] = {4, 0, 2, 1, 3};
    void *scratch = run->scratch + (size_t)lane->id * run->lane_bytes;
    run->be->embed(lane, &run->table, ids, N, run->x);
    run->be->sync(lane);
    run->be->norm(lane, run->x, rows_of, run->gain, 1e-5f, IN, N, &run->a);
    run->be->sync(lane);
    run->be->quantize(lane, &run->a, N);
    run->be->sync(lane);
    run->be->linear(lane, scratch, &run->w, run->bias, &run->a, N, 4, run->y, OUT + 3);
    run->be->rope(lane, run->rope, N, ROPE_HEADS, ROPE_DIM, run->angles);
    run->be->sync(lane);
    run->be->add(lane, run->x, run->a.f, IN, N, 32);
}

static void plain_way(const struct backend *be, int n_lanes, bool first)
{
    static const enum dtype types[] = {DT_Q8_0, DT_MXFP4, DT_MXFP4_HF, DT_F32, DT_F16, DT_BF16};
    static struct plain_run want[6][2], run;
    static float gain[IN], bias[OUT], angles[N * ROPE_DIM], a[3 * IN], b[3 * OUT];
    struct rng r;
    rng_seed(&r, 61);
    fill(&r, gain, IN, 1);
    fill(&r, bias, OUT, 1);
    fill(&r, angles, N * ROPE_DIM, 1);
    fill(&r, a, 3 * IN, 1);
    fill(&r, b, 3 * OUT, 1);
    struct delta delta = {3, 0.25f, a, b};
    for (int t = 0; t < 6; t++)
        for (int i8 = 0; i8 < 2; i8++) {
            struct matrix table = matrix_make(types[t], VOCAB, IN, 1, FILL_NORMAL, &(struct rng){{1, 2, 3, 4}});
            struct matrix w = matrix_make(types[t], OUT, IN, 2, FILL_NORMAL, &(struct rng){{5, 6, 7, 8}});
            memset(&run, 0, sizeof run);
            run.be = be;
            run.table = table.view;
            run.w = w.view;
            run.w.delta = &delta;
            run.a = act_make(IN, N, FILL_ZERO, &r);
            int8_t *q = run.a.q;
            run.a.q = i8 ? q : NULL;
            run.gain = gain;
            run.bias = bias;
            run.angles = angles;
            run.lane_bytes = be->lane_bytes(N, IN, IN, 2, 16);
            run.scratch = mem_pages(run.lane_bytes * 5);
            rng_seed(&r, 71);
            fill(&r, run.rope, N * ROPE_HEADS * ROPE_DIM, 1);
            float before[2] = {run.rope[0], run.rope[ROPE_DIM / 2]};
            on_lanes(n_lanes, plain_lane, &run);
            if (first) {
                want[t][i8] = run;
                assert_true(run.rope[0] == before[0] * angles[0] - before[1] * angles[ROPE_DIM / 2]);
                assert_true(run.rope[ROPE_DIM / 2] == before[1] * angles[0] + before[0] * angles[ROPE_DIM / 2]);
                for (int o = 0; o < OUT; o++) { /* row 1 of a is row 0 of x, token 3 */
                    double x[IN], sum = bias[o];
                    for (int k = 0; k < IN; k++)
                        x[k] = run.a.f[IN + k];
                    float values[HID + INNER];
                    row_dot_values(&run.w, o, values);
                    for (int k = 0; k < IN; k++)
                        sum += values[k] * x[k];
                    for (int j = 0; j < 3; j++) {
                        double ax = 0;
                        for (int k = 0; k < IN; k++)
                            ax += (double)a[j * IN + k] * x[k];
                        sum += 0.25 * b[o * 3 + j] * ax;
                    }
                    assert_true(fabs(run.y[OUT + 3 + o] - sum) < (i8 ? 0.2 : 1e-4));
                    if (o < IN) {
                        row_dot_values(&run.table, 3, values);
                        assert_true(run.x[o] == values[o] + run.a.f[o]); /* after add; token 3 is row 0 */
                    }
                }
            }
            assert_same(want[t][i8].x, run.x, N * IN, "embed and add");
            assert_same(want[t][i8].y, run.y, N * (OUT + 3), "linear");
            assert_same(want[t][i8].rope, run.rope, N * ROPE_HEADS * ROPE_DIM, "rope");
            run.a.q = q;
            act_free(&run.a);
            mem_pages_free(run.scratch, run.lane_bytes * 5);
            matrix_free(&table);
            matrix_free(&w);
        }
}

static void test_plain(void **state)
{
    (void)state;
    each_way(plain_way);
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(backend_cpu_isa(0), "scalar");
    assert_true(backend_cpu_available("scalar"));
    assert_null(backend_cpu("sse9"));
    assert_false(backend_cpu_available("sse9"));
    assert_false(backend_cpu_available(NULL));
    assert_non_null(backend_cpu(NULL));
    for (int i = 0; backend_cpu_isa(i); i++)
        if (backend_cpu_available(backend_cpu_isa(i)))
            assert_string_equal(backend_cpu(backend_cpu_isa(i))->name, backend_cpu_isa(i));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_attention), cmocka_unit_test(test_sink_and_keep), cmocka_unit_test(test_route),
        cmocka_unit_test(test_experts),   cmocka_unit_test(test_plain),         cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
