/* test_drafter.c: a smaller model that guesses: when it is asked, that it follows whatever becomes of the session, and
 * that no answer depends on it. */
#include "model_test.h"

#include "engine/drafts.h"
#include "engine/engine_parts.h"

/* ---- when it pays --------------------------------------------------------------------------------------- */

/* A run over a clock of its own: a step takes 10 ms and so much more with each guess, a guess `step` ms, a token that
 * must be read `row` ms; of the guesses `share` come. */
struct world {
    double step, row, each, share;
};
struct outcome {
    double speed; /* beside steps without guesses */
    size_t asked, made, came;
};

static struct outcome run(struct drafts *d, const struct world *w, size_t behind, size_t tokens, struct rng *rng)
{
    struct outcome o = {0, 0, d->model.g.n_made, d->model.g.n_came};
    double ms = 0;
    for (size_t n = 0; n < tokens;) {
        int32_t nothing[2] = {1, 2};
        double step = 10;
        assert_int_equal(drafts_make(d, nothing, 2, 8), 0);
        if (drafts_ask(d, behind, 8)) {
            bool reads = behind > (size_t)drafts_piece(d);
            size_t piece = reads ? (size_t)drafts_piece(d) : behind;
            double read = behind > 1 ? w->row * (double)piece : 0;
            ms += read;
            behind -= piece;
            o.asked++;
            if (reads)
                drafts_reads(d, piece, read);
            else {
                bool more = true;
                int said = 0;
                for (; more; said++)
                    more = drafts_said(d, 7, w->share, 8);
                ms += w->step * said;
                step += w->each * drafts_asked(d, piece, read + w->step, w->step * (said - 1));
            }
        }
        drafts_took(d, step);
        ms += step;
        int right = 0; /* the token that was run anyway, and the guesses before the first wrong one */
        while (right < d->made && rng_unit(rng) < w->share)
            right++;
        for (int i = 0; i <= right; i++, n++, behind++)
            drafts_came(d, i < right || (d->made == 0 && rng_unit(rng) < w->share) ? 7 : 8);
        behind -= d->made > 0 ? (size_t)right : 0;
    }
    o.made = d->model.g.n_made - o.made;
    o.came = d->model.g.n_came - o.came;
    o.speed = (double)tokens * 10 / ms;
    return o;
}

static struct outcome from_nothing(const struct world *w, size_t prompt, size_t tokens)
{
    struct drafts d = {.most = 8};
    struct rng rng;
    rng_seed(&rng, 3);
    struct outcome o = run(&d, w, prompt, tokens, &rng);
    print_message("a guess %.1f ms, a row %.2f, a step %.1f more, %2.0f %% come: %.2f times as fast, asked %zu times, "
                  "%zu of %zu came\n",
                  w->step, w->row, w->each, w->share * 100, o.speed, o.asked, o.came, o.made);
    return o;
}

static void test_pays(void **state)
{
    (void)state;
    assert_true(from_nothing(&(struct world){0.5, 0.1, 1, 0.95}, 100, 2000).speed > 2.5);
    assert_true(from_nothing(&(struct world){1, 0.2, 2, 0.8}, 100, 2000).speed > 1.4);
    /* As dear as the other, never right, or a step that costs what it saves: no more than a small share is lost, the
     * prompt that it read to begin with aside. */
    const struct world vain[] = {{10, 2, 1, 0.99}, {1, 0.2, 1, 0.02}, {1, 0.1, 11, 0.9}, {3, 1, 4, 0.3}};
    for (size_t i = 0; i < sizeof vain / sizeof *vain; i++) {
        struct outcome o = from_nothing(&vain[i], 10, 4000);
        assert_true(o.speed > 0.97);
        assert_true(o.asked < 400);
    }
    struct drafts none = {0};
    assert_false(drafts_ask(&none, 1, 8));
}

/* A text that it does not know, then one that it does: it is tried again where reading costs next to nothing. */
static void test_comes_back(void **state)
{
    (void)state;
    struct drafts d = {.most = 8};
    struct rng rng;
    struct world w = {0.3, 0.02, 1, 0.02};
    rng_seed(&rng, 4);
    struct outcome bad = run(&d, &w, 50, 4000, &rng);
    assert_true(bad.speed > 0.97 && d.model.resting);
    w.share = 0.95;
    struct outcome good = run(&d, &w, 50, 8000, &rng);
    print_message("then %.2f times as fast\n", good.speed);
    assert_true(good.speed > 1.3);
}

/* ---- answers -------------------------------------------------------------------------------------------- */

enum { TOKENS = 60 };

struct told {
    int32_t ids[512];
    size_t n;
    struct osso_generate_result result;
};

static struct osso_sampler *sampler_of(struct rig *r, int how)
{
    struct osso_sampling so;
    struct osso_sampler *sampler;
    osso_sampling_defaults(&so);
    so.temperature = how % 2 ? 1 : 0;
    so.repetition_penalty = how < 2 ? 1 : 1.1f;
    so.seed = (uint64_t)how;
    check_ok(osso_sampler_create(&so, r->vocab, &sampler, &r->err), r->err);
    return sampler;
}

static void go_on(struct rig *r, struct osso_session *s, int how, int64_t n, struct osso_drafter *drafter,
                  struct told *told)
{
    struct osso_generate_options g = {.size = sizeof g, .max_tokens = n, .drafter = drafter};
    struct osso_sampler *sampler = sampler_of(r, how);
    told->result.size = sizeof told->result;
    check_ok(osso_generate(r->engine, s, sampler, NULL, &g, &told->result, &r->err), r->err);
    const int32_t *ids = osso_session_tokens(s, &told->n);
    memcpy(told->ids, ids, told->n * sizeof *ids);
    assert_int_equal(s->guessed, 0);
    osso_sampler_free(sampler);
}

/* An answer, part of it taken back and another in its place, one of a fork, and one to another text. */
static void story(struct rig *r, int how, struct osso_drafter *drafter, struct told told[4])
{
    int32_t prompt[40];
    struct osso_session *s, *fork;
    for (int i = 0; i < 40; i++)
        prompt[i] = 300 + i * 7 % 90;
    check_ok(osso_session_create(r->engine, 1000 + (uint64_t)how, &s, &r->err), r->err);
    check_ok(osso_session_sync(s, prompt, 40, &r->err), r->err);
    go_on(r, s, how, TOKENS, drafter, &told[0]);
    check_ok(osso_session_rewind(s, told[0].n * 3 / 4, &r->err), r->err);
    check_ok(osso_session_append(s, 17, &r->err), r->err);
    check_ok(osso_session_fork(s, &fork, &r->err), r->err);
    go_on(r, s, how + 1, TOKENS / 2, drafter, &told[1]);
    go_on(r, fork, how + 2, TOKENS / 2, drafter, &told[2]);
    osso_session_free(fork);
    osso_session_release(s);
    check_ok(osso_session_sync(s, prompt + 3, 30, &r->err), r->err);
    go_on(r, s, how, TOKENS / 2, drafter, &told[3]);
    osso_session_free(s);
}

static void same(const struct told *a, const struct told *b)
{
    for (int i = 0; i < 4; i++) {
        assert_int_equal(a[i].n, b[i].n);
        assert_memory_equal(a[i].ids, b[i].ids, a[i].n * sizeof *a[i].ids);
        assert_int_equal(a[i].result.n_generated, b[i].result.n_generated);
    }
}

/* The model that guesses is the model itself, on kernels that give the same bits sooner: nothing that it says is wrong.
 */
static void test_itself(void **state)
{
    (void)state;
    struct osso_engine_options own = scalar_options(engine_options(false, 512)), its = own;
    static struct told without[4], with[4];
    size_t n_came = 0;
    for (int threads = 1; threads <= (test_quick() ? 1 : 3); threads++) {
        struct osso_drafter_counts c = {.size = sizeof c};
        own.threads = threads;
        its.isa = NULL;
        its.threads = 4 - threads;
        struct rig r = rig_open("models/osso-small", &own), d = rig_open("models/osso-small", &its);
        struct osso_drafter *drafter;
        check_ok(osso_drafter_create(8, d.engine, &drafter, &r.err), r.err);
        story(&r, threads, NULL, without);
        story(&r, threads, drafter, with);
        same(without, with);
        osso_drafter_counts(drafter, &c);
        print_message("%zu guesses, %zu came; the model's: %zu, %zu; it computed %zu tokens\n", c.n_made, c.n_came,
                      c.n_model, c.n_model_came, c.n_model_read);
        assert_null(c.why_none);
        if (c.n_model_came < c.n_model) /* an answer that ends leaves the last guesses uncounted: 7 at most */
            assert_true(c.n_model - c.n_model_came <= 7 * 4);
        n_came += c.n_model_came;
        osso_drafter_free(drafter);
        rig_close(&d);
        rig_close(&r);
    }
    assert_true(n_came > 0); /* how many it is asked for is the clock's to say */
}

/* ---- models that are none ------------------------------------------------------------------------------- */

enum nonsense { RANDOM, NOT_NUMBERS, LATER_NOT_NUMBERS };
struct liar {
    enum nonsense what;
    int64_t vocab;
    size_t rows;
};

static void lie(void *user, const int32_t *tokens, size_t n, float *logits)
{
    struct liar *l = user;
    struct rng rng;
    rng_seed(&rng, (uint64_t)tokens[n - 1] + 1);
    l->rows++;
    bool nan = l->what == NOT_NUMBERS || (l->what == LATER_NOT_NUMBERS && l->rows > 3);
    for (int64_t i = 0; i < l->vocab; i++)
        logits[i] = nan ? NAN : 0;
    if (!nan)
        logits[rng_below(&rng, (uint64_t)l->vocab)] = 30;
}

static void test_liars(void **state)
{
    (void)state;
    static struct told without[4], with[4];
    struct osso_engine_options o = engine_options(false, 512);
    struct rig r = rig_open("models/osso-small", &o);
    for (int what = RANDOM; what <= LATER_NOT_NUMBERS; what++)
        for (int how = 0; how < 2; how++) {
            struct liar liar = {(enum nonsense)what, r.vocab, 0};
            struct osso_engine_options own = {.size = sizeof own, .threads = 1, .context = 512};
            struct osso_engine *engine;
            struct osso_drafter *drafter;
            struct osso_drafter_counts c = {.size = sizeof c};
            check_ok(osso_engine_create_scripted(r.vocab, lie, &liar, &own, &engine, &r.err), r.err);
            check_ok(osso_drafter_create(4, engine, &drafter, &r.err), r.err);
            story(&r, how, NULL, without);
            story(&r, how, drafter, with);
            same(without, with);
            osso_drafter_counts(drafter, &c);
            print_message("%zu rows of lies, %zu guesses, %zu came; %s\n", liar.rows, c.n_model, c.n_model_came,
                          c.why_none ? c.why_none : "still asked");
            assert_true(liar.rows > 0 && c.n_model_came <= c.n_model);
            if (what == RANDOM)
                assert_null(c.why_none);
            else
                assert_non_null(strstr(c.why_none, "finite"));
            osso_drafter_free(drafter);
            osso_engine_free(engine);
        }
    rig_close(&r);
}

/* Other ids, and a context that ends before the answer does. */
static void test_does_not_fit(void **state)
{
    (void)state;
    static struct told without[4], with[4];
    struct osso_engine_options o = engine_options(false, 512);
    struct rig r = rig_open("models/osso-small", &o);
    for (int short_of = 0; short_of < 2; short_of++) {
        struct liar liar = {RANDOM, short_of ? r.vocab : 77, 0};
        struct osso_engine_options own = {.size = sizeof own, .threads = 1, .context = short_of ? 41 : 512};
        struct osso_engine *engine;
        struct osso_drafter *drafter;
        struct osso_drafter_counts c = {.size = sizeof c};
        check_ok(osso_engine_create_scripted(liar.vocab, lie, &liar, &own, &engine, &r.err), r.err);
        check_ok(osso_drafter_create(4, engine, &drafter, &r.err), r.err);
        story(&r, 0, NULL, without);
        story(&r, 0, drafter, with);
        same(without, with);
        osso_drafter_counts(drafter, &c);
        assert_true(short_of ? !c.why_none : c.why_none && c.n_model == 0);
        osso_drafter_free(drafter);
        osso_engine_free(engine);
    }
    struct osso_drafter *none;
    assert_int_equal(osso_drafter_create(0, NULL, &none, &r.err), OSSO_USAGE);
    assert_int_equal(osso_drafter_create(17, NULL, &none, &r.err), OSSO_USAGE);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pays), cmocka_unit_test(test_comes_back),
                                       cmocka_unit_test(test_itself), cmocka_unit_test(test_liars),
                                       cmocka_unit_test(test_does_not_fit)};
    return cmocka_run_group_tests_name("drafter", tests, NULL, NULL);
}
