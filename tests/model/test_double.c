/* test_double.c: the same forward.c and scalar ops, compiled as double, against the golden logits: much closer than
 * float, so the yardstick of gradient checks is the same function. */
#define OSSO_DOUBLE
#include "forward_test.h"

static void check_model(const char *name)
{
    char dir[512], path[700], relative[128];
    size_t n, n_positions;
    snprintf(relative, sizeof relative, "tests/golden/%s", name);
    test_path(dir, sizeof dir, relative);
    snprintf(path, sizeof path, "%s/ids.txt", dir);
    int32_t *ids = ids_read(path, &n);
    snprintf(path, sizeof path, "%s/positions.txt", dir);
    int32_t *positions = ids_read(path, &n_positions);
    snprintf(path, sizeof path, "%s/logits.npy", dir);
    struct array want = array_read(path);
    struct bare b = bare_open(dir, (int)n, KV_F64, 0);
    bare_run(&b, ids, (int)n);
    double worst = 0, largest = 1;
    for (size_t i = 0; i < want.rows * want.cols; i++)
        largest = fmax(largest, fabs(want.data[i]));
    for (size_t i = 0; i < want.rows * want.cols; i++) {
        size_t row = positions ? (size_t)positions[i / want.cols] : i / want.cols;
        worst = fmax(worst, fabs(b.forward.acts.logits[row * want.cols + i % want.cols] - want.data[i]) / largest);
    }
    print_message("%-30s double against float golden: %.1e\n", name, worst);
    assert_true(worst <= 1e-5);
    /* With memory for every layer: the same, and each layer's is there. */
    size_t bytes = n * (size_t)b.model->config.vocab * sizeof(real);
    int last = b.model->config.n_layers - 1;
    struct bare k = bare_open(dir, (int)n, KV_F64, last + 1);
    bare_run(&k, ids, (int)n);
    assert_memory_equal(k.forward.acts.logits, b.forward.acts.logits, bytes);
    assert_memory_equal(k.forward.acts.x[last + 1], b.forward.acts.x[0],
                        n * (size_t)k.model->config.hidden * sizeof(real));
    for (int l = 0; l <= last; l++)
        assert_true(k.forward.acts.kept[l].lse[0] != 0 && k.forward.acts.kept[l].gate[0] != 0);
    bare_close(&k);
    bare_close(&b);
    free(want.data);
    free(ids);
    free(positions);
}

static void test_double(void **state)
{
    (void)state;
    check_model("model/yarn-mxfp4");
    check_model("model/bf16-export");
    check_model("taps");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_double)};
    return cmocka_run_group_tests_name("double", tests, NULL, NULL);
}
