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

/* ---- what may come -------------------------------------------------------------------------------------- */

/* An automaton that has to be told of each token once: after texts whose ids add up to 4 modulo 5 nothing may come,
 * else no id that is as the sum modulo 3. */
struct automaton {
    size_t seen;
    unsigned sum;
    int64_t vocab;
};

static bool allows(unsigned sum, int32_t id)
{
    return sum % 5 != 4 && (unsigned)id % 3 != sum % 3;
}

static enum osso_mask_kind automaton_mask(void *user, const struct osso_session *session, struct osso_mask *mask)
{
    struct automaton *a = user;
    size_t n;
    const int32_t *tokens = osso_session_tokens(session, &n);
    assert_true(n == a->seen || n == a->seen + 1); /* a copy of its own, neither behind nor ahead */
    for (; a->seen < n; a->seen++)
        a->sum += (unsigned)tokens[a->seen];
    memset(mask->space, 0, (size_t)(a->vocab + 31) / 32 * 4);
    for (int32_t id = 0; id < a->vocab; id++)
        if (allows(a->sum, id))
            mask->space[id / 32] |= (uint32_t)1 << id % 32;
    return OSSO_MASK_BITS;
}

static enum osso_mask_kind nothing_mask(void *user, const struct osso_session *session, struct osso_mask *mask)
{
    (void)user;
    (void)session;
    mask->n_ids = 0;
    return OSSO_MASK_ALLOW;
}

/* A search written down without any thought of speed: every beam is computed anew for every token, and all that may
 * come after it is a candidate. */
enum { NAIVE_TOKENS = 8, NAIVE_BEAMS = 6 };
struct naive {
    int32_t ids[64 + NAIVE_TOKENS];
    size_t n;
    double sum, own;
    int beam, rank;
};

static int by_sum(const void *a, const void *b)
{
    const struct naive *p = a, *q = b;
    if (p->sum != q->sum)
        return p->sum > q->sum ? -1 : 1;
    return p->beam != q->beam ? p->beam - q->beam : p->rank - q->rank;
}

static double bias_of(const struct osso_beam_options *o, int32_t id)
{
    double sum = 0;
    for (size_t i = 0; i < o->n_bias; i++)
        sum += o->bias[i].id == id ? (double)o->bias[i].bias : 0;
    return sum;
}

/* All that may follow the beam; returns how many. */
static int naive_next(struct rig *r, const struct osso_beam_options *o, const struct naive *b, int beam,
                      struct osso_choice *all, struct naive *out)
{
    struct osso_sampling so;
    struct osso_sampler *sampler;
    struct osso_choice choice;
    struct osso_session *s = session_of(r, b->ids, b->n);
    unsigned sum = 0;
    int n = 0;
    osso_sampling_defaults(&so);
    check_ok(osso_sampler_create(&so, r->vocab, &sampler, &r->err), r->err);
    while (!osso_session_ready(s))
        check_ok(osso_step(r->engine, &s, 1, 0, &r->err), r->err);
    check_ok(osso_sample(sampler, s, &choice, all, (size_t)r->vocab, &r->err), r->err);
    for (size_t i = 0; i < b->n; i++)
        sum += (unsigned)b->ids[i];
    for (int64_t i = 0; i < r->vocab; i++) {
        double bias = bias_of(o, all[i].id);
        if ((o->mask && !allows(sum, all[i].id)) || bias == -INFINITY)
            continue;
        out[n] = *b;
        out[n].ids[out[n].n++] = all[i].id;
        out[n].own += (double)all[i].logprob;
        out[n].sum += (double)all[i].logprob + bias;
        out[n].beam = beam;
        out[n].rank = n;
        n++;
    }
    osso_sampler_free(sampler);
    osso_session_free(s);
    return n;
}

static void naive_keep(struct naive *ended, double *scores, int *n, int most, const struct naive *c, double score)
{
    int at = *n;
    while (at > 0 && scores[at - 1] < score)
        at--;
    for (int i = *n; i > at; i--) {
        ended[i] = ended[i - 1];
        scores[i] = scores[i - 1];
    }
    ended[at] = *c;
    scores[at] = score;
    *n += *n < most;
}

static int naive_search(struct rig *r, const struct osso_beam_options *o, const int32_t *prompt, size_t n,
                        struct naive *ended)
{
    struct osso_choice *all = malloc((size_t)r->vocab * sizeof *all);
    struct naive *next = malloc((size_t)r->vocab * NAIVE_BEAMS * sizeof *next),
                 run[NAIVE_BEAMS] = {{{0}, n, 0, 0, 0, 0}};
    double scores[NAIVE_BEAMS + 1];
    int n_run = 1, n_ended = 0;
    memcpy(run[0].ids, prompt, n * sizeof *prompt);
    for (size_t length = 1; n_run > 0; length++) {
        int found = 0, chosen = 0;
        double power = pow((double)length, o->length_penalty);
        for (int i = 0; i < n_run; i++)
            found += naive_next(r, o, &run[i], i, all, next + found);
        qsort(next, (size_t)found, sizeof *next, by_sum);
        for (int i = 0; i < found && i < 2 * o->beams && chosen < o->beams; i++) {
            int32_t id = next[i].ids[next[i].n - 1];
            if (id != o->stop_ids[0] && length < (size_t)o->max_tokens)
                run[chosen++] = next[i];
            else if (i < o->beams)
                naive_keep(ended, scores, &n_ended, o->beams, &next[i], next[i].sum / power);
        }
        bool over = n_ended == o->beams && chosen > 0 && run[0].sum / power <= scores[o->beams - 1];
        n_run = over ? 0 : chosen;
    }
    free(all);
    free(next);
    return n_ended;
}

/* Returns how many texts there are. */
static int compare_naive(struct rig *r, struct osso_beam_options *o, const int32_t *prompt, size_t n)
{
    struct naive want[NAIVE_BEAMS + 1];
    struct automaton start = {.vocab = r->vocab};
    struct osso_session *s = session_of(r, prompt, n);
    struct osso_beams *found;
    for (; start.seen < n; start.seen++)
        start.sum += (unsigned)prompt[start.seen];
    o->mask_user = &start;
    o->mask_bytes = sizeof start;
    int n_want = naive_search(r, o, prompt, n, want);
    enum osso_status status = osso_beam_search(r->engine, s, o, &found, &r->err);
    if (n_want == 0) {
        assert_int_equal(status, OSSO_USAGE);
        osso_session_free(s);
        return 0;
    }
    check_ok(status, r->err);
    assert_int_equal(found->n, n_want);
    for (int i = 0; i < n_want; i++) {
        const struct osso_beam *b = &found->list[i];
        assert_int_equal(b->n, want[i].n - n);
        assert_memory_equal(b->ids, want[i].ids + n, b->n * sizeof *b->ids);
        assert_true(fabs(b->logprob - want[i].own) < 1e-9);
        assert_true(fabs(b->score * pow((double)b->n, o->length_penalty) - want[i].sum) < 1e-9);
    }
    assert_int_equal(start.seen, n); /* the search works on copies */
    osso_beams_free(found);
    osso_session_free(s);
    return n_want;
}

/* Masks and biases, and engines whose steps have no room for all beams: as the search that forgets nothing. */
static void test_what_may_come(void **state)
{
    (void)state;
    const struct osso_logit_bias bias[] = {{7, -INFINITY}, {11, 3}, {11, 1.5f}, {12, -2}};
    const int rows[][2] = {{0, 0}, {1, 1}, {3, 2}};
    const int32_t stop[] = {11};
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        struct osso_engine_options e = engine_options(true, 256);
        e.max_rows = rows[k][0];
        e.max_logit_rows = rows[k][1];
        e.max_sessions = NAIVE_BEAMS + 2;
        struct rig r = rig_open("tests/golden/model/f32-gguf", &e);
        char path[512];
        size_t n;
        test_path(path, sizeof path, "tests/golden/model/f32-gguf/ids.txt");
        int32_t *ids = ids_read(path, &n);
        assert_true(n >= 40);
        int masked = 0;
        for (int i = 0; i < 8; i++) {
            struct osso_beam_options o = {
                .size = sizeof o, .length_penalty = i & 4 ? 0 : 1, .max_tokens = NAIVE_TOKENS};
            o.beams = o.best = i == 0 ? 2 : NAIVE_BEAMS;
            o.stop_ids = stop;
            o.n_stop_ids = 1;
            o.mask = i & 1 ? automaton_mask : NULL;
            o.bias = bias;
            o.n_bias = i & 2 ? 4 : 0;
            int found = compare_naive(&r, &o, ids + 3 * i, 9);
            masked += i & 1 ? found : 0;
        }
        assert_true(masked > NAIVE_BEAMS);
        free(ids);
        rig_close(&r);
    }
}

static void test_nothing_may_come(void **state)
{
    (void)state;
    struct osso_engine_options e = engine_options(true, 64);
    struct rig r = rig_open("tests/golden/model/f32-gguf", &e);
    const struct osso_logit_bias always = {3, INFINITY};
    const int32_t prompt[] = {1, 2, 3};
    struct osso_session *s = session_of(&r, prompt, 3);
    struct osso_beam_options o = {.size = sizeof o, .beams = 3, .max_tokens = 4, .mask = nothing_mask};
    struct osso_beams *found;
    assert_int_equal(osso_beam_search(r.engine, s, &o, &found, &r.err), OSSO_USAGE);
    assert_non_null(strstr(r.err.text, "leave no text a way"));
    assert_null(found);
    o.mask = NULL;
    o.bias = &always;
    o.n_bias = 1;
    assert_int_equal(osso_beam_search(r.engine, s, &o, &found, &r.err), OSSO_USAGE);
    assert_non_null(strstr(r.err.text, "finite"));
    osso_session_free(s);
    rig_close(&r);
}

/* Where a text ends is found in what its last token made of it: a stop text over several tokens, and none too many. */
static void test_stop_texts(void **state)
{
    (void)state;
    struct osso_engine_options e = engine_options(false, 256);
    struct rig r = rig_open("models/osso-small", &e);
    const struct osso_tokenizer *words;
    struct osso_ids ids = {0};
    struct osso_beams *free_ones, *cut;
    check_ok(osso_model_tokenizer(r.model, &words, &r.err), r.err);
    check_ok(osso_tokenizer_encode(words, "Once upon a time there was a", 28, 0, &ids, &r.err), r.err);
    struct osso_session *s = session_of(&r, ids.data, ids.len);
    struct osso_beam_options o = {
        .size = sizeof o, .beams = 4, .best = 4, .max_tokens = 60, .length_penalty = 1, .tokenizer = words};
    check_ok(osso_beam_search(r.engine, s, &o, &free_ones, &r.err), r.err);
    const struct osso_beam *b = &free_ones->list[0];
    assert_true(b->text_len > 90);
    char stop[32] = {0};
    memcpy(stop, b->text + 60, 25);
    o.stop = (const char *const[]){"never said", stop, stop + 20};
    o.n_stop = 2;
    o.length_penalty = 0; /* what ends early is good */
    check_ok(osso_beam_search(r.engine, s, &o, &cut, &r.err), r.err);
    int stopped = 0;
    for (size_t i = 0; i < cut->n; i++) {
        char *text = strndup(cut->list[i].text, cut->list[i].text_len);
        assert_null(strstr(text, stop));
        stopped += cut->list[i].stop == OSSO_STOP_STRING;
        free(text);
    }
    assert_true(stopped > 0);
    osso_beams_free(cut);
    osso_beams_free(free_ones);
    osso_session_free(s);
    osso_ids_free(&ids);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_transformers), cmocka_unit_test(test_greedy),
                                       cmocka_unit_test(test_what_may_come), cmocka_unit_test(test_nothing_may_come),
                                       cmocka_unit_test(test_stop_texts)};
    return cmocka_run_group_tests_name("beams", tests, NULL, NULL);
}
