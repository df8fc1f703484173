/* Routing, embedding, norm, linear with bias and low-rank addition, rotation: their meaning, and the same bits for 1,
 * 2, 3 and 5 members on every backend. Attention and experts have files of their own. */
#define _DEFAULT_SOURCE /* anonymous mappings */
#include "ops_data.h"

#include "backend/cpu/share.h"

struct route_run {
    const struct backend *be;
    const float *logits;
    struct routing routing;
};

static void route_member(const struct member *member, void *arg)
{
    struct route_run *run = arg;
    struct hand hand = {run->be, member, NULL};
    run->be->route(&hand, run->logits, &run->routing);
}

static void route_way(const struct backend *be, int n_members, bool first)
{
    (void)first;
    enum { N = 6, E = 9, K = 3 };
    static const float logits[N * E] = {
        1,   1,   1,   1,   1,   1,   1,   1,   1,   /* all tied: 0 1 2 */
        0,   5,   5,   5,   5,   0,   0,   0,   0,   /* tie at the edge: 1 2 3 */
        9,   8,   7,   6,   5,   4,   3,   2,   1,   /* 0 1 2 */
        1,   2,   3,   4,   5,   6,   7,   8,   9,   /* 6 7 8 */
        NAN, 1,   NAN, 2,   NAN, 3,   NAN, -1,  -2,  /* NaN is below everything: 1 3 5 */
        NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, NAN, /* any ids, but in range and different */
    };
    static const int32_t want[5 * K] = {0, 1, 2, 1, 2, 3, 0, 1, 2, 6, 7, 8, 1, 3, 5};
    for (int n = 1; n <= N; n++) {
        int32_t ids[N * K], start[E + 1], slots[N * K];
        float weights[N * K];
        struct route_run run = {be, logits, {n, K, E, ids, weights, start, slots}};
        on_team(n_members, route_member, &run);
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

enum { N = 5, IN = 256, OUT = 75, VOCAB = 9, ROPE_HEADS = 5, ROPE_DIM = 16 };

struct plain_run {
    const struct backend *be;
    struct view table, w;
    struct act a;
    float x[N * IN], y[N * (OUT + 3)], rope[N * ROPE_HEADS * ROPE_DIM];
    const float *gain, *bias, *angles;
    uint8_t *workspace;
    size_t workspace_bytes;
};

static void plain_member(const struct member *member, void *arg)
{
    struct plain_run *run = arg;
    static const int32_t ids[N] = {3, 0, 8, 8, 1}, rows_of[N] = {4, 0, 2, 1, 3};
    struct hand hand = {run->be, member, run->workspace + (size_t)member->id * run->workspace_bytes};
    run->be->embed(&hand, &run->table, ids, N, run->x);
    run->be->sync(&hand);
    run->be->norm(&hand, run->x, rows_of, run->gain, 1e-5f, IN, N, &run->a);
    run->be->sync(&hand);
    run->be->quantize(&hand, &run->a, N);
    run->be->sync(&hand);
    run->be->linear(&hand, &run->w, run->bias, &run->a, N, NULL, run->y, OUT + 3);
    run->be->rope(&hand, run->rope, N, ROPE_HEADS, ROPE_DIM, run->angles);
    run->be->sync(&hand);
    run->be->add(&hand, run->x, run->a.f, IN, N, run->x);
}

static void plain_way(const struct backend *be, int n_members, bool first)
{
    static struct plain_run want[DT_U8][2], run;
    static float gain[IN], bias[OUT], angles[N * ROPE_DIM], a[3 * IN], b[3 * OUT];
    static const float factor = 1.7f;
    struct rng r;
    rng_seed(&r, 61);
    fill(&r, gain, IN, 1);
    fill(&r, bias, OUT, 1);
    fill(&r, angles, N * ROPE_DIM, 1);
    fill(&r, a, 3 * IN, 1);
    fill(&r, b, 3 * OUT, 1);
    struct lowrank lowrank = {3, 0.25f, a, b};
    for (enum dtype t = 0; t < DT_U8; t++)
        for (int i8 = 0; i8 < 2; i8++) {
            struct matrix table = matrix_make(t, VOCAB, IN, 1, FILL_NORMAL, &(struct rng){{1, 2, 3, 4}});
            struct matrix w = matrix_make(t, OUT, IN, 2, FILL_NORMAL, &(struct rng){{5, 6, 7, 8}});
            memset(&run, 0, sizeof run);
            run.be = be;
            run.table = table.view;
            run.w = w.view;
            run.w.lowrank = &lowrank;
            run.w.factor = t == DT_NVFP4 ? &factor : NULL;
            run.a = act_make(IN, N, FILL_ZERO, &r);
            int8_t *q = run.a.q;
            run.a.q = i8 ? q : NULL;
            run.gain = gain;
            run.bias = bias;
            run.angles = angles;
            run.workspace_bytes = be->workspace_bytes(N, IN, IN, 2, 16);
            run.workspace = mem_pages(run.workspace_bytes * 5);
            rng_seed(&r, 71);
            fill(&r, run.rope, N * ROPE_HEADS * ROPE_DIM, 1);
            float before[2] = {run.rope[0], run.rope[ROPE_DIM / 2]};
            on_team(n_members, plain_member, &run);
            if (first) {
                want[t][i8] = run;
                assert_true(run.rope[0] == before[0] * angles[0] - before[1] * angles[ROPE_DIM / 2]);
                assert_true(run.rope[ROPE_DIM / 2] == before[1] * angles[0] + before[0] * angles[ROPE_DIM / 2]);
                for (int o = 0; o < OUT; o++) { /* row 1 of a is row 0 of x, token 3 */
                    double x[IN], sum = bias[o];
                    for (int k = 0; k < IN; k++)
                        x[k] = run.a.f[IN + k];
                    float values[IN];
                    double length = 0, most = 0;
                    row_values(&run.w, o, values);
                    for (int k = 0; k < IN; k++) {
                        sum += values[k] * x[k];
                        length += (double)values[k] * values[k];
                        most = fmax(most, fabs(x[k]));
                    }
                    /* int8 rounds x by up to most / 254, evenly: six deviations of what the weights make of that */
                    double off = i8 ? 6 * most / 127 / sqrt(12) * sqrt(length) + 1e-4 : 1e-4;
                    for (int j = 0; j < 3; j++) {
                        double ax = 0;
                        for (int k = 0; k < IN; k++)
                            ax += (double)a[j * IN + k] * x[k];
                        sum += 0.25 * b[o * 3 + j] * ax;
                    }
                    assert_true(fabs(run.y[OUT + 3 + o] - sum) < off);
                    if (o < IN) {
                        row_values(&run.table, 3, values);
                        assert_true(run.x[o] == values[o] + run.a.f[o]); /* after add; token 3 is row 0 */
                    }
                }
            }
            assert_same(want[t][i8].x, run.x, N * IN, "embed and add");
            assert_same(want[t][i8].y, run.y, N * (OUT + 3), "linear");
            assert_same(want[t][i8].rope, run.rope, N * ROPE_HEADS * ROPE_DIM, "rope");
            run.a.q = q;
            act_free(&run.a);
            mem_pages_free(run.workspace, run.workspace_bytes * 5);
            matrix_free(&table);
            matrix_free(&w);
        }
}

static void test_plain(void **state)
{
    (void)state;
    each_way(plain_way);
}

/* ---- many rows: the share rule gives rows, not heads, where heads do not go up in the members ---------------- */

enum { MANY = 330, MANY_IN = 64, MANY_HEADS = 3, MANY_DIM = 32, MANY_OUT = MANY_HEADS * MANY_DIM, MANY_PAGES = 3 };

struct many_run {
    const struct backend *be;
    struct view wk, wv;
    struct act a;
    const float *bias, *angles;
    struct kv_rows kv;
    float *k, *v, *sum;
    uint8_t *workspace;
    size_t workspace_bytes;
};

/* linear, then rope -> kv_append as the forward pass has them: no sync between these. */
static void many_member(const struct member *member, void *arg)
{
    struct many_run *run = arg;
    struct hand hand = {run->be, member, run->workspace + (size_t)member->id * run->workspace_bytes};
    run->be->linear(&hand, &run->wk, run->bias, &run->a, MANY, &run->wv, run->k, MANY_OUT);
    run->be->linear(&hand, &run->wv, NULL, &run->a, MANY, NULL, run->v, MANY_OUT);
    run->be->sync(&hand);
    run->be->rope(&hand, run->k, MANY, MANY_HEADS, MANY_DIM, run->angles);
    run->be->kv_append(&hand, &run->kv, run->k, run->v);
    run->be->sync(&hand);
    run->be->add(&hand, run->k, run->v, MANY_OUT, MANY, run->sum);
}

static void many_way(const struct backend *be, int n_members, bool first)
{
    static float want[2][3][MANY * MANY_OUT], got[3][MANY * MANY_OUT], bias[MANY_OUT], angles[MANY * MANY_DIM];
    static uint8_t pages_want[2][MANY_PAGES][MANY_OUT * KV_PAGE * 2 * 4], pages[MANY_PAGES][MANY_OUT * KV_PAGE * 2 * 4];
    static int32_t pos[MANY], seq[MANY];
    const int32_t numbers[MANY_PAGES] = {1, 2, 0}, *const tables[1] = {numbers};
    struct rng r;
    rng_seed(&r, 81);
    fill(&r, bias, MANY_OUT, 1);
    fill(&r, angles, MANY * MANY_DIM, 1);
    for (int i = 0; i < MANY; i++)
        pos[i] = i;
    struct matrix k = matrix_make(DT_Q8_0, MANY_OUT, MANY_IN, 2, FILL_NORMAL, &r);
    struct matrix v = matrix_make(DT_Q8_0, MANY_OUT, MANY_IN, 2, FILL_NORMAL, &r);
    for (int i8 = 0; i8 < 2; i8++) {
        struct many_run run = {.be = be,
                               .wk = k.view,
                               .wv = v.view,
                               .a = act_make(MANY_IN, MANY, FILL_NORMAL, &(struct rng){{1, 2, 3, 4}}),
                               .bias = bias,
                               .angles = angles,
                               .k = got[0],
                               .v = got[1],
                               .sum = got[2]};
        int8_t *q = run.a.q;
        run.a.q = i8 ? q : NULL;
        run.kv = (struct kv_rows){.layout = {KV_F32, MANY_HEADS, MANY_DIM},
                                  .n = MANY,
                                  .pos = pos,
                                  .seq = seq,
                                  .tables = tables,
                                  .pages = pages[0],
                                  .page_bytes = sizeof pages[0]};
        run.workspace_bytes = be->workspace_bytes(MANY, MANY_IN, MANY_IN, MANY_HEADS, MANY_DIM);
        run.workspace = mem_pages(run.workspace_bytes * 5);
        memset(got, 0x55, sizeof got);
        memset(pages, 0x55, sizeof pages);
        on_team(n_members, many_member, &run);
        if (first) {
            memcpy(want[i8], got, sizeof got);
            memcpy(pages_want[i8], pages, sizeof pages);
            for (int i = 0; i < MANY * MANY_OUT; i++)
                assert_true(got[2][i] == got[0][i] + got[1][i]);
        }
        for (int i = 0; i < 3; i++)
            assert_same(want[i8][i], got[i], MANY * MANY_OUT, "many rows");
        assert_memory_equal(pages_want[i8], pages, sizeof pages);
        run.a.q = q;
        act_free(&run.a);
        mem_pages_free(run.workspace, run.workspace_bytes * 5);
    }
    matrix_free(&k);
    matrix_free(&v);
}

static void test_many_rows(void **state)
{
    (void)state;
    each_way(many_way);
}

/* Every output of every row is somebody's, and one member's only. */
static void test_share(void **state)
{
    (void)state;
    static const int64_t rows[] = {1, 64, 127, 128, 500}, widths[] = {1, 31, 32, 96, 330};
    int by_rows = 0;
    for (int i = 0; i < 5 * 5 * 5; i++) {
        int64_t n = rows[i % 5], width = widths[i / 5 % 5];
        static uint8_t taken[500 * 330];
        memset(taken, 0, sizeof taken);
        for (int id = 0; id <= i / 25; id++) {
            struct work_share s = share_of(&(struct member){id, i / 25 + 1, NULL}, n, width, 32);
            by_rows += s.end_row - s.row < n;
            for (int64_t r = s.row; r < s.end_row; r++)
                for (int64_t o = s.lo; o < s.hi; o++)
                    taken[r * width + o]++;
        }
        for (int64_t at = 0; at < n * width; at++)
            assert_int_equal(taken[at], 1);
    }
    assert_true(by_rows > 0);
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
        cmocka_unit_test(test_route), cmocka_unit_test(test_plain), cmocka_unit_test(test_many_rows),
        cmocka_unit_test(test_share), cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
