/* test_golden.c: exact mode against transformers' float32 logits, for every committed tiny model and both containers;
 * every intermediate of one model; forms that hold the same values give the same bits. */
#include "model_test.h"

#include <dirent.h>

enum { CONTEXT = 4608 };

/* Of n tokens, as many as are run. */
static size_t some(size_t n)
{
    return test_quick() > 1 && n > 140 ? 140 : n;
}

/* Of the first n positions. */
static double worst_difference(const struct array *want, const float *have, const int32_t *positions, size_t n,
                               size_t vocab)
{
    double worst = 0, largest = 1;
    for (size_t i = 0; i < want->rows * vocab; i++)
        largest = fmax(largest, fabs(want->data[i]));
    for (size_t row = 0; row < want->rows; row++) {
        size_t pos = positions ? (size_t)positions[row] : row;
        for (size_t v = 0; v < vocab && pos < n; v++) {
            double d = fabs((double)want->data[row * vocab + v] - have[pos * vocab + v]) / largest;
            worst = d > worst || isnan(d) ? d : worst;
        }
    }
    return worst;
}

/* scalar: by the CPU's scalar kernels, whatever is tested. */
static float *golden_logits(const char *dir, const char *file, bool exact, bool scalar, size_t *n_out)
{
    char path[512];
    size_t n;
    snprintf(path, sizeof path, "%s/ids.txt", dir);
    int32_t *ids = ids_read(path, &n);
    n = some(n);
    struct osso_engine_options o = engine_options(exact, (int64_t)n);
    if (scalar)
        o = scalar_options(o);
    snprintf(path, sizeof path, "%s%s", dir, file);
    struct rig r = rig_open(path, &o);
    float *out = all_logits(&r, ids, n, test_quick() > 1 ? 100 : 200);
    *n_out = n * (size_t)r.vocab * sizeof *out;
    rig_close(&r);
    free(ids);
    return out;
}

static void check_golden(const char *dir, const char *file)
{
    char path[512];
    size_t n_positions, bytes;
    snprintf(path, sizeof path, "%s/logits.npy", dir);
    struct array want = array_read(path);
    snprintf(path, sizeof path, "%s/positions.txt", dir);
    int32_t *positions = ids_read(path, &n_positions);
    float *have = golden_logits(dir, file, true, false, &bytes);
    double worst = worst_difference(&want, have, positions, bytes / sizeof *have / want.cols, want.cols);
    print_message("%-40s %-12s largest difference %.1e\n", dir, file, worst);
    if (!(worst <= 1e-4))
        fail_msg("%s%s: logits differ from the golden ones by %g of the largest", dir, file, worst);
    free(want.data);
    free(positions);
    free(have);
}

static void test_logits(void **state)
{
    (void)state;
    char root[512], dir[1024], gguf[1100];
    DIR *d = opendir(test_path(root, sizeof root, "tests/golden/model"));
    assert_non_null(d);
    int seen = 0;
    for (struct dirent *e; (e = readdir(d));) {
        if (e->d_name[0] == '.' || strchr(e->d_name, '.'))
            continue;
        seen++;
        if (test_quick() > 1 && strcmp(e->d_name, "long-yarn") == 0)
            continue; /* what is golden of it are late positions */
        snprintf(dir, sizeof dir, "%s/%s", root, e->d_name);
        check_golden(dir, "");
        snprintf(gguf, sizeof gguf, "%s/model.gguf", dir);
        if (file_exists(gguf))
            check_golden(dir, "/model.gguf");
    }
    closedir(d);
    assert_true(seen >= 10);
}

/* What is tested has the bits of the scalar definition, in fast and in exact mode. */
static void check_equal(const char *dir, const char *file)
{
    for (int exact = 0; exact < 2; exact++) {
        size_t bytes;
        float *a = golden_logits(dir, file, exact, true, &bytes), *b = golden_logits(dir, file, exact, false, &bytes);
        if (memcmp(a, b, bytes) != 0)
            fail_msg("%s%s, %s: other bits than the scalar kernels'", dir, file, exact ? "exact" : "fast");
        free(a);
        free(b);
    }
}

/* The plain block: a Mixtral whose experts lie apart, in two files, and a Llama. */
static void test_plain(void **state)
{
    (void)state;
    static const char *const names[] = {"tests/golden/plain/mixtral", "tests/golden/plain/llama"};
    char dir[512];
    for (int i = 0; i < 2; i++) {
        check_golden(test_path(dir, sizeof dir, names[i]), "");
        check_equal(dir, "");
    }
}

static void test_forms_are_equal(void **state)
{
    (void)state;
    static const char *const names[] = {"yarn-mxfp4", "f32-gguf"};
    char dir[512], relative[128];
    for (int i = 0; i < 2; i++)
        for (int exact = 0; exact < 2; exact++) {
            size_t a_bytes, b_bytes;
            snprintf(relative, sizeof relative, "tests/golden/model/%s", names[i]);
            test_path(dir, sizeof dir, relative);
            float *a = golden_logits(dir, "", exact, false, &a_bytes),
                  *b = golden_logits(dir, "/model.gguf", exact, false, &b_bytes);
            assert_int_equal(a_bytes, b_bytes);
            assert_memory_equal(a, b, a_bytes);
            free(a);
            free(b);
        }
}

/* Fast mode (int8 activations against quantized weights, f16 KV) stays within what docs/numerics.md states for random
 * models: the error's energy at most 1 % of the logits' own, over all rows; the top id agrees on nine rows of ten. */
static void test_fast_bounds(void **state)
{
    (void)state;
    static const char *const names[] = {"yarn-mxfp4", "wide-one-layer", "full-yarn8", "window128-sharded",
                                        "bf16-export"};
    char dir[512], relative[128];
    for (int i = 0; i < 5; i++) {
        size_t bytes, same = 0, vocab = 0;
        double error = 0, energy = 0;
        snprintf(relative, sizeof relative, "tests/golden/model/%s", names[i]);
        test_path(dir, sizeof dir, relative);
        float *exact = golden_logits(dir, "", true, false, &bytes),
              *fast = golden_logits(dir, "", false, false, &bytes);
        snprintf(relative, sizeof relative, "tests/golden/model/%s/logits.npy", names[i]);
        struct array want = array_read(test_path(dir, sizeof dir, relative));
        vocab = want.cols;
        size_t rows = bytes / sizeof *fast / vocab;
        for (size_t r = 0; r < rows; r++) {
            size_t a = 0, b = 0;
            for (size_t v = 0; v < vocab; v++) {
                const float *x = exact + r * vocab, *y = fast + r * vocab;
                error += ((double)y[v] - x[v]) * ((double)y[v] - x[v]);
                energy += (double)x[v] * x[v];
                a = x[v] > x[a] ? v : a;
                b = y[v] > y[b] ? v : b;
            }
            same += a == b;
        }
        print_message("%-20s fast: NMSE %.1e, same top id %.1f %%\n", names[i], error / energy,
                      100.0 * (double)same / (double)rows);
        assert_true(error / energy < 1e-2);
        assert_true(same * 10 >= rows * 9);
        free(want.data);
        free(exact);
        free(fast);
    }
}

static void test_bits_are_equal(void **state)
{
    (void)state;
    static const struct {
        const char *name, *file;
    } models[] = {{"yarn-mxfp4", ""},     {"yarn-mxfp4", "/model.gguf"}, {"yarn-mxfp4", "/original"},
                  {"q8-gguf", ""},        {"q8-gguf", "/model.gguf"},    {"f32-gguf", "/model.gguf"},
                  {"wide-one-layer", ""}, {"window128-sharded", ""},     {"bf16-export", ""},
                  {"full-yarn8", ""},     {"tied-full-first", ""},       {"f16-sliding", ""}};
    char dir[512], relative[128];
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        snprintf(relative, sizeof relative, "tests/golden/model/%s", models[i].name);
        check_equal(test_path(dir, sizeof dir, relative), models[i].file);
    }
}

/* The model that comes with osso, on the first tokens there are. */
static void test_bundled(void **state)
{
    enum { N = 24 };
    char path[512];
    int32_t ids[N];
    (void)state;
    for (int i = 0; i < N; i++)
        ids[i] = 11 * i + 7;
    test_path(path, sizeof path, "models/osso-small");
    for (int exact = 0; exact < 2; exact++) {
        struct osso_engine_options o = engine_options(exact, N), scalar = scalar_options(o);
        struct rig a = rig_open(path, &scalar), b = rig_open(path, &o);
        float *want = all_logits(&a, ids, N, 0), *have = all_logits(&b, ids, N, 7);
        assert_memory_equal(have, want, N * (size_t)a.vocab * sizeof *want);
        free(want);
        free(have);
        rig_close(&a);
        rig_close(&b);
    }
}

struct tap_check {
    char dir[512];
    int compared;
    double worst;
};

/* n rows of a golden intermediate; per-slot ones have their slots side by side in a row. A tap without a golden file
 * (attn_pattern: tests/engine/test_tap_attention.c) is left out here. */
static int compare_tap(void *user, const struct osso_tap_value *v)
{
    struct tap_check *c = user;
    char path[700];
    if (v->layer >= 0)
        snprintf(path, sizeof path, "%s/layer%d.%s.npy", c->dir, v->layer, osso_tap_name(v->tap));
    else
        snprintf(path, sizeof path, "%s/%s.npy", c->dir, osso_tap_name(v->tap));
    if (!file_exists(path))
        return 0;
    struct array want = array_read(path);
    size_t count = want.rows * want.cols;
    assert_int_equal(count, (size_t)v->n_rows * (size_t)v->width);
    double largest = 1;
    for (size_t i = 0; i < count; i++)
        largest = fmax(largest, fabs(want.data[i]));
    for (size_t i = 0; i < count; i++) {
        double have = v->values ? v->values[i] : (double)v->ids[i], d = fabs(have - want.data[i]) / largest;
        if (!(d <= 2e-5))
            fail_msg("%s: value %zu is %g, want %g", path, i, have, want.data[i]);
        c->worst = fmax(c->worst, d);
    }
    c->compared++;
    free(want.data);
    return 0;
}

static void test_taps(void **state)
{
    (void)state;
    struct tap_check c = {.dir = ""};
    char path[600];
    size_t n;
    test_path(c.dir, sizeof c.dir, "tests/golden/taps");
    snprintf(path, sizeof path, "%s/ids.txt", c.dir);
    int32_t *ids = ids_read(path, &n);
    struct osso_engine_options o = engine_options(true, (int64_t)n);
    struct rig r = rig_open(c.dir, &o);
    check_ok(osso_engine_set_tap(r.engine, OSSO_TAPS_ALL, NULL, compare_tap, &c, &r.err), r.err);
    free(all_logits(&r, ids, n, 0));
    print_message("%d intermediates, largest difference %.1e\n", c.compared, c.worst);
    assert_int_equal(c.compared, 3 * 21 + 3); /* each golden file: 21 of three layers, and embed, final_norm, logits */
    rig_close(&r);
    free(ids);
}

int main(void)
{
    const struct CMUnitTest bits[] = {cmocka_unit_test(test_plain), cmocka_unit_test(test_bits_are_equal),
                                      cmocka_unit_test(test_bundled), cmocka_unit_test(test_taps)},
                            values[] = {cmocka_unit_test(test_logits), cmocka_unit_test(test_forms_are_equal),
                                        cmocka_unit_test(test_fast_bounds)};
    int failed = cmocka_run_group_tests_name("golden", bits, NULL, NULL);
    if (!getenv("OSSO_TEST_BACKEND") || test_quick() < 2) /* who has the scalar kernels' bits has their values, too */
        failed += cmocka_run_group_tests_name("golden values", values, NULL, NULL);
    return failed;
}
