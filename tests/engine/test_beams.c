/* test_beams.c: beam search finds what transformers finds (tests/golden/beams), whatever computes it. */
#include "model_test.h"

#include "osso/beams.h"

static size_t read_ids(FILE *f, int32_t *ids, size_t most)
{
    size_t n;
    assert_int_equal(fscanf(f, "%zu", &n), 1);
    assert_true(n <= most);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(fscanf(f, "%d", &ids[i]), 1);
    return n;
}

static struct osso_session *session_of(struct rig *r, const int32_t *ids, size_t n)
{
    struct osso_session *s;
    check_ok(osso_session_create(r->engine, 0, &s, &r->err), r->err);
    check_ok(osso_session_sync(s, ids, n, &r->err), r->err);
    return s;
}

/* Returns the cases. */
static int compare(struct rig *r, const char *path)
{
    FILE *f = fopen(path, "r");
    struct osso_beam_options o = {.size = sizeof o};
    int cases = 0, ended = 0;
    double penalty;
    long long most;
    assert_non_null(f);
    for (; fscanf(f, "%d %lf %lld", &o.beams, &penalty, &most) == 3; cases++) {
        int32_t ends[8], prompt[64], want[64];
        struct osso_beams *found;
        o.n_stop_ids = read_ids(f, ends, 8);
        o.stop_ids = ends;
        o.length_penalty = penalty;
        o.max_tokens = most;
        o.best = o.beams;
        size_t n = read_ids(f, prompt, 64), still;
        struct osso_session *s = session_of(r, prompt, n);
        check_ok(osso_beam_search(r->engine, s, &o, &found, &r->err), r->err);
        assert_int_equal(found->n, o.beams);
        for (int i = 0; i < o.beams; i++) {
            const struct osso_beam *b = &found->list[i];
            double score;
            assert_int_equal(fscanf(f, "%lf", &score), 1);
            assert_int_equal(b->n, read_ids(f, want, 64));
            assert_memory_equal(b->ids, want, b->n * sizeof *want);
            assert_true(b->stop == OSSO_STOP_ID || (b->stop == OSSO_STOP_LENGTH && b->n == (size_t)most));
            ended += b->stop == OSSO_STOP_ID;
            if (o.beams > 1)
                assert_true(fabs(b->score - score) < 2e-4 * fmax(1, fabs(score)));
            assert_true(fabs(b->score * pow((double)b->n, penalty) - b->logprob) < 1e-9 * fabs(b->logprob) + 1e-12);
        }
        osso_session_tokens(s, &still);
        assert_int_equal(still, n);
        osso_beams_free(found);
        osso_session_free(s);
    }
    fclose(f);
    assert_true(ended > 0);
    return cases;
}

static void test_transformers(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 3; threads++) {
        struct osso_engine_options o = engine_options(true, 256);
        char path[512];
        o.threads = threads;
        test_path(path, sizeof path, "tests/golden/beams/f32-gguf.txt");
        struct rig r = rig_open("tests/golden/model/f32-gguf", &o);
        assert_int_equal(compare(&r, path), 9);
        struct osso_engine_stats stats = {.size = sizeof stats};
        osso_engine_stats(r.engine, &stats);
        assert_int_equal(stats.pages_used, 0); /* every fork is gone */
        rig_close(&r);
    }
}

/* One beam is greedy; and words that stop, stop. */
static void test_greedy(void **state)
{
    (void)state;
    struct osso_engine_options o = engine_options(false, 512);
    struct rig r = rig_open("models/osso-small", &o);
    const struct osso_tokenizer *words;
    struct osso_ids ids = {0};
    struct osso_sampling so;
    struct osso_sampler *sampler;
    struct osso_beams *found;
    check_ok(osso_model_tokenizer(r.model, &words, &r.err), r.err);
    check_ok(osso_tokenizer_encode(words, "Tom has a red ball. He", 22, 0, &ids, &r.err), r.err);
    osso_sampling_defaults(&so);
    so.temperature = 0;
    check_ok(osso_sampler_create(&so, r.vocab, &sampler, &r.err), r.err);
    struct osso_session *s = session_of(&r, ids.data, ids.len), *t = session_of(&r, ids.data, ids.len);
    struct osso_generate_options g = {.size = sizeof g, .max_tokens = 40};
    struct osso_generate_result result = {.size = sizeof result};
    struct osso_beam_options b = {
        .size = sizeof b, .beams = 1, .length_penalty = 1, .max_tokens = 40, .tokenizer = words};
    check_ok(osso_generate(r.engine, s, sampler, NULL, &g, &result, &r.err), r.err);
    check_ok(osso_beam_search(r.engine, t, &b, &found, &r.err), r.err);
    size_t n;
    const int32_t *greedy = osso_session_tokens(s, &n);
    assert_int_equal(found->list[0].n, n - ids.len);
    assert_memory_equal(found->list[0].ids, greedy + ids.len, (n - ids.len) * sizeof *greedy);
    assert_true(found->list[0].text_len > 12);
    char stop[8] = {0};
    memcpy(stop, found->list[0].text + 6, 4);
    const char *at = strstr(found->list[0].text, stop);
    size_t before = (size_t)(at - found->list[0].text);
    b.stop = (const char *const[]){stop};
    b.n_stop = 1;
    struct osso_beams *cut;
    check_ok(osso_beam_search(r.engine, t, &b, &cut, &r.err), r.err);
    assert_int_equal(cut->list[0].stop, OSSO_STOP_STRING);
    assert_int_equal(cut->list[0].text_len, before);
    assert_memory_equal(cut->list[0].text, found->list[0].text, before);
    osso_beams_free(cut);
    osso_beams_free(found);
    b.beams = 0;
    assert_int_equal(osso_beam_search(r.engine, t, &b, &found, &r.err), OSSO_USAGE);
    assert_null(found);
    b.beams = 2;
    b.best = 3;
    assert_int_equal(osso_beam_search(r.engine, t, &b, &found, &r.err), OSSO_USAGE);
    osso_session_free(s);
    osso_session_free(t);
    osso_sampler_free(sampler);
    osso_ids_free(&ids);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_transformers), cmocka_unit_test(test_greedy)};
    return cmocka_run_group_tests_name("beams", tests, NULL, NULL);
}
