/* test_tap_attention.c: taps of attention's scores and weights, which are those of a naive softmax. Only the heads,
 * rows and layers that are wanted are kept; both can be replaced, and z follows. */
#include "tap_test.h"

#include "checkpoint/model_open.h"

static const char MODEL[] = "tests/golden/model/window128-sharded", SLIDING[] = "tests/golden/model/f16-sliding";
enum { LENGTH = 300, CONTEXT = LENGTH + 10, SHORT = 40 };

/* ---- the engine's tap ------------------------------------------------------------------------------------------- */

struct pattern {
    const struct osso_model *model;
    float *k[8]; /* per layer [LENGTH][kv_heads * head_dim] */
    const float *q, *lse;
    int compared, max_rows;
};

static void check_pattern(const struct pattern *p, const struct osso_tap_value *v)
{
    const struct config *c = &p->model->config;
    int64_t d = c->head_dim, keys = v->width / c->n_heads, q_width = c->n_heads * d, kv_width = c->n_kv_heads * d;
    const float *sinks = p->model->weights.layers[v->layer].sinks;
    assert_int_equal(v->width % c->n_heads, 0);
    assert_int_equal(keys, v->positions[v->n_rows - 1] + 1);
    for (int r = 0; r < v->n_rows; r++)
        for (int h = 0; h < c->n_heads; h++) {
            const float *have = v->values + r * v->width + h * keys, *q = p->q + r * q_width + h * d;
            int64_t pos = v->positions[r], lo = c->sliding[v->layer] && pos >= c->window ? pos - c->window + 1 : 0;
            double score[LENGTH], sum = exp((double)sinks[h]);
            for (int64_t j = lo; j <= pos; j++) {
                const float *k = p->k[v->layer] + j * kv_width + h / (c->n_heads / c->n_kv_heads) * d;
                score[j] = 0;
                for (int64_t i = 0; i < d; i++)
                    score[j] += (double)q[i] * k[i];
                score[j] = exp(score[j] / sqrt((double)d));
                sum += score[j];
            }
            assert_true(fabs(log(sum) - p->lse[r * c->n_heads + h]) < 1e-4);
            for (int64_t j = 0; j < keys; j++)
                if (!(fabs(have[j] - (j >= lo && j <= pos ? score[j] / sum : 0)) < 1e-5))
                    fail_msg("layer %d position %d head %d key %d: %g", v->layer, (int)pos, h, (int)j, (double)have[j]);
        }
}

static int collect_pattern(void *user, const struct osso_tap_value *v)
{
    struct pattern *p = user;
    if (v->tap == OSSO_TAP_Q_ROT)
        p->q = v->values; /* good until the step ends */
    if (v->tap == OSSO_TAP_ATTN_LSE)
        p->lse = v->values;
    if (v->tap == OSSO_TAP_K_ROT)
        memcpy(p->k[v->layer] + (int64_t)v->positions[0] * v->width, v->values,
               (size_t)(v->n_rows * v->width) * sizeof *v->values);
    if (v->tap == OSSO_TAP_ATTN_PATTERN) {
        check_pattern(p, v);
        p->compared += v->n_rows;
    }
    return 0;
}

static void test_pattern(void **state)
{
    (void)state;
    static const char *const models[] = {MODEL, SLIDING, "tests/golden/model/yarn-mxfp4"};
    const uint64_t taps = 1ull << OSSO_TAP_Q_ROT | 1ull << OSSO_TAP_K_ROT | 1ull << OSSO_TAP_ATTN_LSE |
                          1ull << OSSO_TAP_ATTN_PATTERN;
    for (int m = 0; m < 3; m++) {
        int32_t ids[LENGTH];
        struct rig r = open_rig(models[m], true, m + 1, CONTEXT);
        const struct config *c = &r.model->config;
        struct pattern p = {.model = r.model};
        random_ids(&r, 17, ids, LENGTH);
        float *want = all_logits(&r, ids, LENGTH, 0);
        assert_true(c->n_layers <= 8);
        for (int l = 0; l < c->n_layers; l++)
            p.k[l] = calloc((size_t)(LENGTH * c->n_kv_heads * c->head_dim), sizeof *p.k[l]);
        check_ok(osso_engine_set_tap(r.engine, taps, NULL, collect_pattern, &p, &r.err), r.err);
        float *have = all_logits(&r, ids, LENGTH, 67);
        assert_memory_equal(have, want, LENGTH * (size_t)r.vocab * sizeof *want);
        assert_int_equal(p.compared, c->n_layers * LENGTH);
        for (int l = 0; l < c->n_layers; l++)
            free(p.k[l]);
        free(want);
        free(have);
        rig_close(&r);
    }
}

/* ---- attention ----------------------------------------------------------------------------------------------------
 */

/* Writing back what was read changes nothing: not a bit, but for weights, whose z is normalized in another order. */
static void test_write_back(void **state)
{
    (void)state;
    int32_t ids[LENGTH];
    for (int threads = 1; threads <= 5; threads += threads == 1 ? 1 : 3)
        for (int exact = 0; exact < 2; exact++) {
            struct rig r = open_rig(exact ? MODEL : SLIDING, exact, threads, CONTEXT);
            random_ids(&r, 4, ids, LENGTH);
            float *all = all_logits(&r, ids, LENGTH, 0), *want = all + (size_t)(LENGTH - 1) * (size_t)r.vocab;
            for (int tap = 0; tap < OSSO_TAP_COUNT; tap++) {
                int calls = 0;
                uint64_t bit = 1ull << tap;
                if (tap == OSSO_TAP_EXPERT_IDS || tap == OSSO_TAP_ATTN_LSE)
                    continue;
                struct osso_session *s = session(&r, 2, ids, LENGTH);
                set_tap(&r, s,
                        (struct osso_tap_options){
                            .taps = bit, .replaces = bit, .first = 100, .fn = leave_be, .user = &calls});
                run(&r, s, 90);
                assert_true(calls > 0);
                float *have = last_logits(&r, s);
                for (int64_t i = 0; i < r.vocab && exact; i++)
                    assert_true(fabs(have[i] - want[i]) <= 1e-4 * fmax(1, fabs(want[i])));
                if (tap != OSSO_TAP_ATTN_PATTERN)
                    assert_memory_equal(have, want, (size_t)r.vocab * sizeof *have);
                free(have);
                osso_session_free(s);
            }
            free(all);
            rig_close(&r);
        }
}

struct attention {
    float *scores, *pattern, *lse; /* [SHORT][shown heads][SHORT], of layer 1 */
    float *z;                      /* [SHORT][heads * head_dim] */
    int n_heads, knock;            /* the key whose score becomes -inf, -1: none */
    bool weights;                  /* its weight 0, the others as without it */
    const float *want;             /* weights that are written */
};

static int attend(void *user, const struct osso_tap_value *v)
{
    struct attention *a = user;
    float *to = v->tap == OSSO_TAP_ATTN_SCORES ? a->scores : v->tap == OSSO_TAP_ATTN_PATTERN ? a->pattern : NULL;
    for (int r = 0; r < v->n_rows; r++) {
        int pos = v->positions[r];
        for (int h = 0; h < v->n_heads; h++) {
            float *row = v->values + r * v->width + h * v->n_keys;
            int64_t at = ((int64_t)pos * v->n_heads + h) * SHORT;
            if (v->tap == OSSO_TAP_ATTN_SCORES && a->knock >= 0 && a->knock < pos)
                row[a->knock] = -INFINITY;
            if (v->tap == OSSO_TAP_ATTN_PATTERN && a->want)
                memcpy(row, a->want + at, (size_t)v->n_keys * sizeof *row);
            memcpy(to + at, row, (size_t)v->n_keys * sizeof *row);
        }
        if (v->tap == OSSO_TAP_ATTN_LSE)
            memcpy(a->lse + pos * v->width, v->values + r * v->width, (size_t)v->width * sizeof *a->lse);
        if (v->tap == OSSO_TAP_ATTN_Z)
            memcpy(a->z + pos * v->width, v->values + r * v->width, (size_t)v->width * sizeof *a->z);
    }
    a->n_heads = v->n_heads ? v->n_heads : a->n_heads;
    return 0;
}

static void attention_alloc(struct attention *a, const struct config *c)
{
    size_t values = (size_t)(SHORT * c->n_heads);
    a->scores = calloc(values * SHORT, sizeof *a->scores);
    a->pattern = calloc(values * SHORT, sizeof *a->pattern);
    a->lse = calloc(values, sizeof *a->lse);
    a->z = calloc(values * (size_t)c->head_dim, sizeof *a->z);
}

static struct attention look_at(struct rig *r, const int32_t *ids, struct osso_tap_options o, struct attention a)
{
    static const uint64_t taps = 1ull << OSSO_TAP_ATTN_SCORES | 1ull << OSSO_TAP_ATTN_PATTERN |
                                 1ull << OSSO_TAP_ATTN_LSE | 1ull << OSSO_TAP_ATTN_Z;
    struct osso_layers one = {{2}};
    attention_alloc(&a, &r->model->config);
    o.taps = taps;
    o.layers = &one;
    o.fn = attend;
    o.user = &a;
    struct osso_session *s = session(r, 3, ids, SHORT);
    set_tap(r, s, o);
    run(r, s, 17);
    osso_session_free(s);
    return a;
}

static void attention_free(struct attention *a)
{
    free(a->scores);
    free(a->pattern);
    free(a->lse);
    free(a->z);
}

/* weight = exp(score - lse), zero where a score is masked; each row and the sink make 1. */
static void check_weights(const struct attention *a, const struct config *c, const float *sinks)
{
    for (int pos = 0; pos < SHORT; pos++)
        for (int h = 0; h < c->n_heads; h++) {
            const float *score = a->scores + (pos * c->n_heads + h) * SHORT, *p = a->pattern + (score - a->scores);
            double lse = a->lse[pos * c->n_heads + h], sum = exp((double)sinks[h] - lse);
            for (int j = 0; j <= pos; j++) {
                bool visible = j > pos - c->window || !c->sliding[1];
                bool cut = j == a->knock && j < pos, masked = isinf(score[j]) != 0;
                assert_true(masked == (cut || !visible));
                assert_true(fabs(p[j] - exp((double)score[j] - lse)) < 1e-6);
                sum += (double)p[j];
            }
            assert_true(fabs(sum - 1) < 1e-6);
        }
}

static void test_attention(void **state)
{
    (void)state;
    int32_t ids[SHORT];
    struct rig r = open_rig(MODEL, true, 3, CONTEXT);
    const struct config *c = &r.model->config;
    size_t z_bytes = (size_t)(SHORT * c->n_heads * c->head_dim) * sizeof(float);
    const float *sinks = r.model->weights.layers[1].sinks;
    random_ids(&r, 6, ids, SHORT);
    struct attention plain = look_at(&r, ids, (struct osso_tap_options){0}, (struct attention){.knock = -1});
    check_weights(&plain, c, sinks);

    /* One edge fewer: weights and z are those of a softmax without it. */
    struct osso_tap_options scores = {.replaces = 1ull << OSSO_TAP_ATTN_SCORES};
    struct attention cut = look_at(&r, ids, scores, (struct attention){.knock = 5});
    check_weights(&cut, c, sinks);
    assert_memory_not_equal(cut.z, plain.z, z_bytes);
    for (int pos = 6; pos < SHORT; pos++)
        for (int h = 0; h < c->n_heads; h++) {
            const float *p = plain.pattern + (pos * c->n_heads + h) * SHORT, *q = cut.pattern + (p - plain.pattern);
            for (int j = 0; j < pos; j++)
                assert_true(fabs(q[j] - (j == 5 ? 0 : p[j] / (1 - p[5]))) < 1e-5);
        }

    /* The same weights, written: the same z. */
    struct osso_tap_options weights = {.replaces = 1ull << OSSO_TAP_ATTN_PATTERN};
    struct attention set = look_at(&r, ids, weights, (struct attention){.knock = -1, .want = cut.pattern});
    for (size_t i = 0; i < z_bytes / sizeof *set.z; i++)
        assert_true(fabs(set.z[i] - cut.z[i]) < 1e-6 * fmax(1, fabs(cut.z[i])));

    /* Few heads and rows: the same values, and room for them alone. */
    uint64_t all_bytes, few_bytes;
    struct osso_session *s = session(&r, 3, ids, SHORT);
    const int32_t heads[] = {1, c->n_heads - 1};
    struct osso_tap_options o = {.size = sizeof o,
                                 .taps = 1ull << OSSO_TAP_ATTN_SCORES,
                                 .fn = attend,
                                 .heads = heads,
                                 .n_heads = 2,
                                 .first = 30};
    check_ok(osso_session_tap_bytes(s, &o, &few_bytes, &r.err), r.err);
    o.heads = NULL;
    check_ok(osso_session_tap_bytes(s, &o, &all_bytes, &r.err), r.err);
    assert_true(few_bytes > 0 && few_bytes < all_bytes);
    osso_session_free(s);
    struct attention few = look_at(&r, ids,
                                   (struct osso_tap_options){.heads = heads, .n_heads = 2, .first = 30, .end = 38},
                                   (struct attention){.knock = -1});
    for (int pos = 0; pos < SHORT; pos++)
        for (int i = 0; i < 2; i++) {
            float none[SHORT] = {0};
            const float *want = plain.scores + (pos * c->n_heads + heads[i]) * SHORT;
            bool shown = pos >= 30 && pos < 38;
            assert_memory_equal(few.scores + (pos * 2 + i) * SHORT, shown ? want : none,
                                (size_t)(shown ? pos + 1 : SHORT) * sizeof *want);
        }
    attention_free(&plain);
    attention_free(&cut);
    attention_free(&set);
    attention_free(&few);
    rig_close(&r);
}

/* One session's scores beside another's weights, in the same steps: each sees what it sees alone. */
static void test_scores_beside_weights(void **state)
{
    (void)state;
    int32_t ids[SHORT];
    struct rig r = open_rig(MODEL, true, 2, CONTEXT);
    const struct config *c = &r.model->config;
    struct osso_layers one = {{2}};
    random_ids(&r, 6, ids, SHORT);
    struct attention alone = look_at(&r, ids, (struct osso_tap_options){0}, (struct attention){.knock = -1});
    for (int order = 0; order < 2; order++) {
        struct attention both[2] = {{.knock = -1}, {.knock = -1}};
        struct osso_session *s[2];
        for (int i = 0; i < 2; i++) {
            uint64_t tap = 1ull << (i == order ? OSSO_TAP_ATTN_SCORES : OSSO_TAP_ATTN_PATTERN);
            attention_alloc(&both[i], c);
            s[i] = session(&r, 3, ids, SHORT);
            set_tap(&r, s[i],
                    (struct osso_tap_options){
                        .taps = tap, .layers = &one, .end = i ? 10 : SHORT, .fn = attend, .user = &both[i]});
        }
        while (!osso_session_ready(s[0]) || !osso_session_ready(s[1]))
            check_ok(osso_step(r.engine, s, 2, 0, &r.err), r.err);
        for (int i = 0; i < 2; i++) {
            for (int at = 0; at < (i ? 10 : SHORT) * c->n_heads; at++)
                assert_memory_equal((i == order ? both[i].scores : both[i].pattern) + at * SHORT,
                                    (i == order ? alone.scores : alone.pattern) + at * SHORT,
                                    (size_t)(at / c->n_heads + 1) * sizeof(float));
            osso_session_free(s[i]);
            attention_free(&both[i]);
        }
    }
    attention_free(&alone);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pattern), cmocka_unit_test(test_write_back),
                                       cmocka_unit_test(test_attention), cmocka_unit_test(test_scores_beside_weights)};
    return cmocka_run_group_tests_name("taps of attention", tests, NULL, NULL);
}
