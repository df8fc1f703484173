/* test_expert_use.c: an expert that is switched off by forks side by side gives what whole runs give, one after the
 * other; the clean engine stays clean; what is not there is refused. */
#include "model_test.h"

#include "osso/experts.h"

static const char MODEL[] = "tests/golden/model/yarn-mxfp4";
enum { LENGTH = 150 };

struct run {
    int layer, expert; /* switched off; -1: none */
};

static int off(void *user, const struct osso_tap_value *v)
{
    const struct run *run = user;
    for (int64_t i = 0; i < v->n_rows * v->width; i++)
        if (v->layer == run->layer && v->experts[i] == run->expert)
            v->values[i] = 0;
    return 0;
}

/* log p of every id behind every token, whole and alone. */
static double *whole_run(struct rig *r, struct run *run, const int32_t *ids)
{
    struct osso_session *s;
    const uint64_t weights = (uint64_t)1 << OSSO_TAP_EXPERT_WEIGHTS;
    struct osso_tap_options tap = {.size = sizeof tap, .taps = weights, .replaces = weights, .fn = off, .user = run};
    double *out = malloc((size_t)(LENGTH * r->vocab) * sizeof *out);
    check_ok(osso_session_create(r->engine, 0, &s, &r->err), r->err);
    check_ok(osso_session_sync(s, ids, LENGTH, &r->err), r->err);
    if (run->layer >= 0)
        check_ok(osso_session_set_tap(s, &tap, &r->err), r->err);
    osso_session_want_logits(s, 0);
    check_ok(osso_step(r->engine, &s, 1, 0, &r->err), r->err);
    for (int p = 0; p < LENGTH; p++) {
        const float *logits = osso_session_logits(s, (size_t)p);
        double sum = 0, most = -INFINITY;
        for (int64_t i = 0; i < r->vocab; i++)
            most = logits[i] > most ? logits[i] : most;
        for (int64_t i = 0; i < r->vocab; i++)
            sum += exp((double)logits[i] - most);
        for (int64_t i = 0; i < r->vocab; i++)
            out[p * r->vocab + i] = (double)logits[i] - most - log(sum);
    }
    osso_session_free(s);
    return out;
}

static double divergence(const double *a, const double *b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += exp(a[i]) * (a[i] - b[i]);
    return sum;
}

static struct osso_experts_result experts(struct rig *r, const int32_t *ids, int sessions, const int64_t *positions,
                                          size_t n)
{
    size_t length = LENGTH;
    struct osso_experts_result result = {.size = sizeof result};
    struct osso_experts_options o = {.size = sizeof o,
                                     .texts = &ids,
                                     .lengths = &length,
                                     .n_texts = 1,
                                     .positions = positions,
                                     .n_positions = n,
                                     .effect = true,
                                     .sessions = sessions};
    check_ok(osso_experts(r->engine, &o, &result, &r->err), r->err);
    return result;
}

static struct rig open_rig(int threads, bool exact)
{
    char path[512];
    struct osso_engine_options o = engine_options(exact, LENGTH + 4);
    o.threads = threads;
    return rig_open(test_path(path, sizeof path, MODEL), &o);
}

static int32_t *text(void)
{
    char path[512];
    size_t n;
    int32_t *ids = ids_read(test_path(path, sizeof path, "tests/golden/model/yarn-mxfp4/ids.txt"), &n);
    assert_true(n >= LENGTH);
    return ids;
}

static void test_effects_are_those_of_whole_runs(void **state)
{
    (void)state;
    struct rig r = open_rig(2, false), one = open_rig(1, false);
    int32_t *ids = text();
    struct run none = {-1, -1};
    double *plain = whole_run(&r, &none, ids);
    struct osso_experts_result many = experts(&r, ids, 0, NULL, 0), few = experts(&one, ids, 3, NULL, 0);
    assert_true(many.n_effects > 4 && many.n_effects == few.n_effects && many.rows == LENGTH);
    assert_memory_equal(many.effects, few.effects, many.n_effects * sizeof *many.effects);
    for (size_t i = 0; i < many.n_effects; i += 3) {
        struct run run = {many.effects[i].layer, many.effects[i].expert};
        double *without = whole_run(&r, &run, ids), sum = 0, most = 0;
        for (int p = 0; p < LENGTH; p++) {
            double kl = divergence(plain + p * r.vocab, without + p * r.vocab, r.vocab);
            sum += kl / LENGTH;
            most = kl > most ? kl : most;
        }
        assert_true(fabs(many.effects[i].kl - sum) < 1e-5 && fabs(many.effects[i].most - most) < 1e-4);
        free(without);
    }
    double *again = whole_run(&r, &none, ids);
    assert_memory_equal(again, plain, (size_t)(LENGTH * r.vocab) * sizeof *plain);
    osso_experts_free(&many);
    osso_experts_free(&few);
    free(plain);
    free(again);
    free(ids);
    rig_close(&r);
    rig_close(&one);
}

/* An engine may choose more experts, or fewer, than the model does. */
static void test_another_number_of_experts(void **state)
{
    (void)state;
    static const int numbers[] = {1, 6};
    char path[512];
    int32_t *ids = text();
    for (int i = 0; i < 2; i++) {
        int64_t chosen = 0, last = -1;
        struct osso_engine_options o = engine_options(false, LENGTH + 4);
        o.experts_per_token = numbers[i];
        struct rig r = rig_open(test_path(path, sizeof path, MODEL), &o);
        struct osso_experts_result result = experts(&r, ids, 0, &last, 1);
        assert_int_equal(result.chosen, numbers[i]);
        for (int l = 0; l < result.n_layers; l++) {
            double weights = 0;
            for (int k = 0; k < result.chosen; k++)
                weights += (double)result.weights[l * result.chosen + k];
            assert_true(fabs(weights - 1) < 1e-5);
        }
        for (int e = 0; e < result.n_layers * result.n_experts; e++)
            chosen += (int64_t)result.load[e];
        assert_int_equal(chosen, result.n_layers * numbers[i]);
        osso_experts_free(&result);
        rig_close(&r);
    }
    free(ids);
}

static int end_at_once(void *user, const struct osso_experts_plan *plan)
{
    *(uint64_t *)user = plan->runs;
    return 1;
}

static void test_parts_and_refusals(void **state)
{
    (void)state;
    struct rig r = open_rig(1, true);
    int32_t *ids = text();
    const int32_t *texts[] = {ids, ids + 20};
    size_t lengths[] = {30, 9};
    int64_t some[] = {7, -1}, beyond = 9, expert = 99;
    uint64_t runs = 0;
    struct osso_experts_result result = experts(&r, ids, 0, some, 2);
    assert_int_equal(result.rows, 2);
    assert_true(result.position[0] == 7 && result.position[1] == LENGTH - 1 && result.id[1] == ids[LENGTH - 1]);
    for (size_t i = 0; i < result.n_effects; i++)
        assert_true(result.effects[i].kl <= result.effects[i].most && result.effects[i].row < 2);
    osso_experts_free(&result);
    struct osso_experts_options o = {
        .size = sizeof o, .texts = texts, .lengths = lengths, .n_texts = 2, .user = &runs, .positions = &beyond};
    check_ok(osso_experts(r.engine, &o, &result, &r.err), r.err);
    assert_true(result.rows == 39 && result.text[30] == 1 && result.position[30] == 0 && result.n_effects == 0);
    osso_experts_free(&result);
    o.n_positions = 1;
    assert_int_equal(osso_experts(r.engine, &o, &result, &r.err), OSSO_USAGE);
    assert_non_null(strstr(r.err.text, "position 9: text 2 has 9 tokens"));
    o.n_positions = 0, o.experts = &expert, o.n_experts = 1;
    assert_int_equal(osso_experts(r.engine, &o, &result, &r.err), OSSO_USAGE);
    assert_non_null(strstr(r.err.text, "expert 99"));
    o.n_experts = 0, o.effect = true, o.planned = end_at_once;
    assert_int_equal(osso_experts(r.engine, &o, &result, &r.err), OSSO_CANCELLED);
    assert_true(runs > 0);
    o.max_bytes = 1000;
    assert_int_equal(osso_experts(r.engine, &o, &result, &r.err), OSSO_LIMIT);
    lengths[1] = 0;
    assert_int_equal(osso_experts(r.engine, &o, &result, &r.err), OSSO_USAGE);
    assert_non_null(strstr(r.err.text, "text 2 is empty"));
    free(ids);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_effects_are_those_of_whole_runs),
        cmocka_unit_test(test_another_number_of_experts),
        cmocka_unit_test(test_parts_and_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
