/* test_lens.c: the lens. Behind the last layer it says what the run says, by bits; elsewhere what rows kept by hand say
 * through osso_unembed, each component the right ones; parts are parts of the whole, threads and steps change nothing.
 */
#include "model_test.h"

#include "backend/far.h"
#include "osso/inspect.h"
#include "osso/lens.h"

static const char MODEL[] = "tests/golden/model/yarn-mxfp4";
enum { LENGTH = 40, LAYERS = 4, TOP = 3 };

static struct rig open_rig(int threads, int max_rows, bool exact)
{
    char path[512];
    struct osso_engine_options o = engine_options(exact, LENGTH);
    o.threads = threads;
    o.max_rows = o.max_logit_rows = max_rows;
    struct rig r = rig_open(test_path(path, sizeof path, MODEL), &o);
    far_show_weights(true); /* heads' results are made of them */
    return r;
}

static int32_t *text(void)
{
    char path[512];
    size_t n;
    int32_t *ids = ids_read(test_path(path, sizeof path, "tests/golden/model/yarn-mxfp4/ids.txt"), &n);
    ids[30] = ids[7]; /* a token that is there twice */
    return ids;
}

static struct osso_lens_result look(struct rig *r, struct osso_lens_options o)
{
    struct osso_lens_result result = {.size = sizeof result};
    int32_t *ids = text();
    o.size = sizeof o;
    o.n_top = o.n_top ? o.n_top : TOP;
    check_ok(osso_lens(r->engine, ids, LENGTH, &o, &result, &r->err), r->err);
    free(ids);
    return result;
}

/* ---- by hand -------------------------------------------------------------------------------------------------------
 */

/* log-probabilities, plainly. */
static void log_probabilities(const float *logits, size_t n, double *to)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += exp((double)logits[i]);
    for (size_t i = 0; i < n; i++)
        to[i] = (double)logits[i] - log(sum);
}

static void check_record(const struct osso_lens_result *l, size_t i, const float *logits, const float *final,
                         size_t vocab)
{
    const struct osso_lens_record *rec = &l->records[i];
    size_t answer = (size_t)l->answers[rec->answer].id, ahead = 0;
    double *q = malloc(vocab * sizeof *q), *p = malloc(vocab * sizeof *p), kl = 0, above = INFINITY;
    log_probabilities(logits, vocab, q);
    log_probabilities(final, vocab, p);
    for (size_t v = 0; v < vocab; v++) {
        kl += exp(p[v]) * (p[v] - q[v]);
        ahead += logits[v] > logits[answer];
        assert_true(final[v] <= final[answer]);
    }
    assert_true(fabs(rec->kl - kl) <= 1e-6 * fmax(1, kl) && fabs(rec->probability - exp(q[answer])) < 1e-6);
    assert_int_equal(rec->rank, ahead + 1);
    for (int t = 0; t < l->n_top; t++) {
        const struct osso_lens_token *top = &l->top[i * (size_t)l->n_top + (size_t)t];
        size_t larger = 0;
        for (size_t v = 0; v < vocab; v++)
            larger += logits[v] > logits[top->id];
        assert_int_equal(larger, t);
        assert_true(fabs((double)top->probability - exp(q[top->id])) < 1e-6 && (double)logits[top->id] <= above);
        above = logits[top->id];
    }
    free(p);
    free(q);
}

struct kept {
    float *rows; /* [LAYERS][LENGTH][width] */
    int64_t width;
};

static int keep(void *user, const struct osso_hook_value *v)
{
    struct kept *k = user;
    if (!k->rows)
        k->rows = calloc((size_t)(LAYERS * LENGTH * v->width), sizeof *k->rows);
    k->width = v->width;
    for (int r = 0; r < v->n_rows; r++)
        memcpy(k->rows + (v->layer * LENGTH + v->positions[r]) * v->width, v->values + r * v->width,
               (size_t)v->width * sizeof *k->rows);
    return 0;
}

static struct kept keep_rows(struct rig *r, const char *name)
{
    struct kept k = {0};
    struct osso_session *s;
    struct osso_hooks *hooks;
    int32_t *ids = text();
    struct osso_hooks_options o = {.size = sizeof o, .names = &name, .n_names = 1};
    check_ok(osso_hooks_create(r->model, &o, &hooks, &r->err), r->err);
    check_ok(osso_session_create(r->engine, 0, &s, &r->err), r->err);
    check_ok(osso_session_hook(s, hooks, keep, &k, false, 0, 0, &r->err), r->err);
    check_ok(osso_session_sync(s, ids, LENGTH, &r->err), r->err);
    while (!osso_session_ready(s))
        check_ok(osso_step(r->engine, &s, 1, 0, &r->err), r->err);
    osso_session_free(s);
    osso_hooks_free(hooks);
    free(ids);
    return k;
}

/* Every record of a component is what its rows say. */
static void test_components(void **state)
{
    (void)state;
    static const char *const names[][2] = {
        {"resid_pre", "blocks.*.hook_resid_pre"}, {"resid_mid", "blocks.*.hook_resid_mid"},
        {NULL, "blocks.*.hook_resid_post"},       {"attn_out", "blocks.*.hook_attn_out"},
        {"mlp_out", "blocks.*.hook_mlp_out"},     {"head", "blocks.*.attn.hook_result"}};
    struct rig r = open_rig(2, 64, true);
    struct osso_model_dims dims = {.size = sizeof dims};
    osso_model_dims(r.model, &dims);
    int32_t *ids = text();
    float *final = all_logits(&r, ids, LENGTH, 0), *logits = malloc((size_t)r.vocab * sizeof *logits);
    for (size_t c = 0; c < sizeof names / sizeof *names; c++) {
        struct kept k = keep_rows(&r, names[c][1]);
        struct osso_lens_result l = look(&r, (struct osso_lens_options){.component = names[c][0]});
        int64_t units = k.width / dims.hidden;
        assert_int_equal(units, c == 5 ? dims.n_heads : 1);
        assert_int_equal(l.n, LAYERS * LENGTH * units);
        for (size_t i = 0; i < l.n; i += c == 5 ? 7 : 1) {
            const struct osso_lens_record *rec = &l.records[i];
            int64_t position = l.answers[rec->answer].position;
            assert_int_equal(i, (position * LAYERS + rec->layer) * units + (rec->head < 0 ? 0 : rec->head));
            const float *row = k.rows + (rec->layer * LENGTH + position) * k.width +
                               i % (size_t)units * (size_t)dims.hidden;
            check_ok(osso_unembed(r.engine, row, 1, NULL, logits, &r.err), r.err);
            check_record(&l, i, logits, final + position * r.vocab, (size_t)r.vocab);
            if (c == 2 && rec->layer == LAYERS - 1)
                assert_true(rec->kl == 0 && rec->rank == 1 && l.top[i * TOP].id == l.answers[rec->answer].id &&
                            rec->probability == l.answers[rec->answer].probability);
        }
        osso_lens_free(&l);
        free(k.rows);
    }
    free(ids);
    free(final);
    free(logits);
    rig_close(&r);
}

/* A chosen expert's rows: times their weights they are what the experts add, and the lens sees each of them. */
static void test_experts(void **state)
{
    (void)state;
    struct rig r = open_rig(2, 64, true);
    struct osso_model_dims dims = {.size = sizeof dims};
    osso_model_dims(r.model, &dims);
    int64_t k = dims.experts_per_token;
    struct kept out = keep_rows(&r, "blocks.*.mlp.experts.hook_out"), sum = keep_rows(&r, "blocks.*.hook_mlp_out"),
                weights = keep_rows(&r, "blocks.*.mlp.hook_router_scores");
    struct osso_lens_result l = look(&r, (struct osso_lens_options){.component = "expert"});
    float *logits = malloc((size_t)r.vocab * sizeof *logits), *row = malloc((size_t)dims.hidden * sizeof *row);
    assert_int_equal(l.n, LAYERS * LENGTH * k);
    for (size_t i = 0; i < l.n; i++) {
        const struct osso_lens_record *rec = &l.records[i];
        int64_t place = rec->layer * LENGTH + l.answers[rec->answer].position, slot = (int64_t)i % k;
        double squares = 0;
        assert_true(rec->expert >= 0 && rec->expert < dims.n_experts && rec->head == -1);
        assert_true(slot == 0 || rec->expert != rec[-1].expert);
        for (int64_t j = 0; j < dims.hidden; j++) {
            row[j] = out.rows[place * out.width + slot * dims.hidden + j] * weights.rows[place * k + slot];
            squares += (double)row[j] * (double)row[j];
            sum.rows[place * dims.hidden + j] -= row[j];
            assert_true(slot < k - 1 || fabsf(sum.rows[place * dims.hidden + j]) < 1e-5f);
        }
        assert_true(fabs(rec->norm - sqrt(squares)) <= 1e-9 * rec->norm);
        check_ok(osso_unembed(r.engine, row, 1, NULL, logits, &r.err), r.err);
        for (int64_t v = 0; v < r.vocab; v++)
            assert_true(logits[v] <= logits[l.top[i * TOP].id]);
    }
    free(logits);
    free(row);
    free(out.rows);
    free(sum.rows);
    free(weights.rows);
    osso_lens_free(&l);
    rig_close(&r);
}

/* ---- parts, threads, refusals --------------------------------------------------------------------------------------
 */

static void check_same(const struct osso_lens_result *a, size_t i, const struct osso_lens_result *b, size_t j)
{
    const struct osso_lens_record *x = &a->records[i], *y = &b->records[j];
    assert_true(x->layer == y->layer && x->head == y->head && x->rank == y->rank && x->kl == y->kl &&
                x->probability == y->probability && x->norm == y->norm);
    assert_int_equal(a->answers[x->answer].position, b->answers[y->answer].position);
    assert_memory_equal(a->top + i * (size_t)a->n_top, b->top + j * (size_t)b->n_top,
                        (size_t)b->n_top * sizeof *a->top);
}

static void test_parts_and_threads(void **state)
{
    (void)state;
    static const int64_t positions[] = {-1, 5, 20, 5};
    static const int32_t heads[] = {1, 6};
    struct osso_layers layers = {{1 << 1 | 1 << 3}};
    struct rig r = open_rig(1, 64, false);
    int32_t *ids = text();
    float *before = all_logits(&r, ids, LENGTH, 0);
    struct osso_lens_result whole = look(&r, (struct osso_lens_options){.component = "head"});
    float *after = all_logits(&r, ids, LENGTH, 0);
    assert_memory_equal(before, after, LENGTH * (size_t)r.vocab * sizeof *before);
    struct osso_lens_result part = look(&r, (struct osso_lens_options){.component = "head",
                                                                       .layers = &layers,
                                                                       .heads = heads,
                                                                       .n_heads = 2,
                                                                       .positions = positions,
                                                                       .n_positions = 4,
                                                                       .n_top = 2});
    assert_true(part.n == 3 * 2 * 2 && part.n_positions == 3 && part.answers[2].position == LENGTH - 1);
    for (size_t i = 0; i < part.n; i++) {
        size_t layer = i / 2 % 2 ? 3 : 1, head = (size_t)heads[i % 2], position = (size_t[]){5, 20, LENGTH - 1}[i / 4];
        check_same(&whole, (position * LAYERS + layer) * 8 + head, &part, i);
    }
    osso_lens_free(&part);
    for (int threads = 2; threads <= 5; threads += 3) {
        struct rig other = open_rig(threads, threads == 2 ? 7 : 16, false);
        struct osso_lens_result same = look(&other, (struct osso_lens_options){.component = "head"});
        for (size_t i = 0; i < whole.n; i++)
            check_same(&whole, i, &same, i);
        osso_lens_free(&same);
        rig_close(&other);
    }
    osso_lens_free(&whole);
    free(before);
    free(after);
    free(ids);
    rig_close(&r);
}

static int stop(void *user, uint64_t done, uint64_t total)
{
    return done >= total - (uint64_t)(*(int *)user);
}

static void test_refusals(void **state)
{
    (void)state;
    static const int64_t beyond = LENGTH;
    struct rig r = open_rig(1, 64, false);
    struct osso_lens_result l = {.size = sizeof l};
    struct osso_lens_options o = {.size = sizeof o, .component = "resid"};
    struct osso_layers layers = {{1 << 4}};
    int32_t *ids = text();
    int left = 10;
    assert_int_equal(osso_lens(r.engine, ids, LENGTH, &o, &l, &r.err), OSSO_USAGE);
    assert_non_null(strstr(r.err.text, "resid_mid"));
    o.component = NULL, o.positions = &beyond, o.n_positions = 1;
    assert_int_equal(osso_lens(r.engine, ids, LENGTH, &o, &l, &r.err), OSSO_USAGE);
    assert_non_null(strstr(r.err.text, "positions 0 to 39"));
    o.n_positions = 0, o.layers = &layers;
    assert_int_equal(osso_lens(r.engine, ids, LENGTH, &o, &l, &r.err), OSSO_USAGE);
    o.layers = NULL, o.max_bytes = 1000;
    assert_int_equal(osso_lens(r.engine, ids, LENGTH, &o, &l, &r.err), OSSO_LIMIT);
    o.max_bytes = 0;
    assert_int_equal(osso_lens(r.engine, ids, 0, &o, &l, &r.err), OSSO_USAGE);
    assert_int_equal(osso_lens(r.engine, ids, LENGTH + 1, &o, &l, &r.err), OSSO_LIMIT);
    o.progress = stop, o.user = &left;
    assert_int_equal(osso_lens(r.engine, ids, LENGTH, &o, &l, &r.err), OSSO_CANCELLED);
    left = LAYERS * LENGTH; /* while it runs */
    assert_int_equal(osso_lens(r.engine, ids, LENGTH, &o, &l, &r.err), OSSO_CANCELLED);
    assert_null(l.records);
    free(ids);
    rig_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_components),
        cmocka_unit_test(test_experts),
        cmocka_unit_test(test_parts_and_threads),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
