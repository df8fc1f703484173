/* test_residual.c: the residual stream taken apart: with exact products all terms add up to the stream behind each
 * layer and, through the final norm, to the difference of two logits, in models of every kind; each term is the right
 * one. */
#include "model_test.h"

#include "backend/far.h"
#include "osso/residual.h"

enum { LENGTH = 60, MOST_HIDDEN = 512 };

static const char *const models[] = {
    "tests/golden/taps",          "tests/golden/model/yarn-mxfp4",        "tests/golden/model/tied-full-first",
    "tests/golden/model/q8-gguf", "tests/golden/model/window128-sharded", "tests/golden/plain/llama",
    "tests/golden/plain/mixtral"};
enum { N_MODELS = sizeof models / sizeof *models };

static struct rig open_rig(const char *model, bool exact)
{
    char path[512];
    struct osso_engine_options o = engine_options(exact, LENGTH);
    struct rig r = rig_open(test_path(path, sizeof path, model), &o);
    far_show_weights(true); /* terms are made of them */
    return r;
}

static void some_ids(const struct rig *r, int32_t *ids)
{
    struct rng rng;
    rng_seed(&rng, 23);
    for (int i = 0; i < LENGTH; i++)
        ids[i] = (int32_t)rng_below(&rng, (uint64_t)r->vocab);
}

static void check_sums(const struct osso_residual_result *r)
{
    for (size_t i = 0; i < r->n_positions * (size_t)r->n_layers; i++)
        assert_true(r->streams[i].largest > 0 && r->streams[i].error <= 1e-5 * fmax(1, r->streams[i].largest));
    for (size_t at = 0; at < r->n_positions; at++) {
        const struct osso_residual_target *t = &r->targets[at];
        double sum = 0, difference = t->answer_logit - t->wrong_logit;
        for (size_t i = 0; i < r->n_terms; i++)
            sum += r->terms[at * r->n_terms + i].attribution;
        assert_true(fabs(sum - t->sum) < 1e-9);
        if (!(fabs(sum - difference) <= 1e-4))
            fail_msg("position %lld: the terms add up to %.7f, the logits differ by %.7f", (long long)t->position, sum,
                     difference);
    }
}

static void test_sums(void **state)
{
    (void)state;
    static const int64_t positions[] = {0, 1, 9, 40, -1};
    int32_t ids[LENGTH], answer = 3, wrong = 11;
    for (int m = 0; m < N_MODELS; m++) {
        struct rig r = open_rig(models[m], true);
        struct osso_residual_result result = {.size = sizeof result};
        struct osso_residual_options o = {.size = sizeof o, .positions = positions, .n_positions = 5};
        some_ids(&r, ids);
        float *logits = all_logits(&r, ids, LENGTH, 0);
        for (int given = 0; given < 2; given++) {
            o.answer = given ? &answer : NULL;
            o.wrong = given ? &wrong : NULL;
            check_ok(osso_residual(r.engine, ids, LENGTH, &o, &result, &r.err), r.err);
            assert_int_equal(result.n_positions, 5);
            check_sums(&result);
            for (size_t at = 0; at < 5; at++) {
                const struct osso_residual_target *t = &result.targets[at];
                const float *row = logits + t->position * r.vocab;
                assert_true(t->answer_logit == (double)row[t->answer] && t->wrong_logit == (double)row[t->wrong]);
                for (int64_t v = 0; v < r.vocab && !given; v++)
                    assert_true(row[v] <= row[t->wrong] || v == t->answer);
                assert_true(!given || (t->answer == answer && t->wrong == wrong));
                assert_true(given || t->answer_logit >= t->wrong_logit);
            }
            osso_residual_free(&result);
        }
        free(logits);
        rig_close(&r);
    }
}

/* Terms whose values are known without a run: an embedding and biases are rows of the weights. */
static void test_terms(void **state)
{
    (void)state;
    for (int m = 0; m < N_MODELS; m++) {
        struct rig r = open_rig(models[m], false);
        struct osso_model_dims d = {.size = sizeof d};
        struct osso_residual_result result = {.size = sizeof result};
        int32_t ids[LENGTH];
        float row[MOST_HIDDEN];
        osso_model_dims(r.model, &d);
        assert_true(d.hidden <= MOST_HIDDEN);
        some_ids(&r, ids);
        check_ok(osso_residual(r.engine, ids, LENGTH, NULL, &result, &r.err), r.err);
        assert_int_equal(result.n_positions, 1);
        assert_int_equal(result.targets[0].position, LENGTH - 1);
        assert_int_equal(result.n_terms, 1 + d.n_layers * (d.n_heads + 1 + d.experts_per_token));
        for (size_t i = 0; i < result.n_terms; i++) {
            const struct osso_residual_term *t = &result.terms[i];
            int64_t part = ((int64_t)i - 1) % (d.n_heads + 1 + d.experts_per_token);
            char name[32] = "embed";
            double squares = 0;
            assert_int_equal(t->kind, i == 0             ? OSSO_TERM_EMBED
                                      : part < d.n_heads ? OSSO_TERM_HEAD
                                      : part > d.n_heads ? OSSO_TERM_EXPERT
                                                         : OSSO_TERM_BIAS);
            assert_true(t->cosine >= -1.0000001 && t->cosine <= 1.0000001);
            if (t->kind == OSSO_TERM_HEAD)
                assert_int_equal(t->index, part);
            if (t->kind == OSSO_TERM_EXPERT)
                assert_true(t->index >= 0 && t->index < d.n_experts && t->weight > 0 && t->weight <= 1);
            if (t->kind == OSSO_TERM_HEAD || t->kind == OSSO_TERM_EXPERT)
                continue;
            if (t->kind == OSSO_TERM_BIAS)
                snprintf(name, sizeof name, "layers.%d.o_bias", t->layer);
            memset(row, 0, sizeof row);
            enum osso_status status = osso_model_tensor_rows(r.model, name, i == 0 ? ids[LENGTH - 1] : 0, 1, row,
                                                             &r.err);
            assert_true(status == OSSO_OK || (status == OSSO_NOTFOUND && m >= N_MODELS - 2 && i > 0));
            for (int64_t k = 0; k < d.hidden; k++)
                squares += (double)row[k] * (double)row[k];
            assert_true(fabs(t->norm - sqrt(squares)) <= 1e-6 * t->norm);
        }
        assert_true(fabs(result.streams[d.n_layers - 1].cosine - 1) < 1e-9);
        osso_residual_free(&result);
        rig_close(&r);
    }
}

static void test_refusals(void **state)
{
    (void)state;
    struct rig r = open_rig(models[0], false);
    struct osso_residual_result result = {.size = sizeof result};
    int32_t ids[LENGTH], answer = 3, beyond = (int32_t)r.vocab;
    int64_t position = -LENGTH - 1;
    struct osso_residual_options o = {.size = sizeof o, .answer = &answer, .wrong = &answer};
    some_ids(&r, ids);
    assert_int_equal(osso_residual(r.engine, ids, LENGTH, &o, &result, &r.err), OSSO_USAGE);
    assert_non_null(strstr(r.err.text, "the same token"));
    o.wrong = &beyond;
    assert_int_equal(osso_residual(r.engine, ids, LENGTH, &o, &result, &r.err), OSSO_USAGE);
    o.wrong = NULL, o.positions = &position, o.n_positions = 1;
    assert_int_equal(osso_residual(r.engine, ids, LENGTH, &o, &result, &r.err), OSSO_USAGE);
    assert_non_null(strstr(r.err.text, "position -61"));
    o.n_positions = 0, o.max_bytes = 3000;
    assert_int_equal(osso_residual(r.engine, ids, LENGTH, &o, &result, &r.err), OSSO_LIMIT);
    assert_null(result.terms);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_terms),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
