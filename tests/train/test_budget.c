/* test_budget.c: what a run takes is told by part, and where it is too much, what would make it fit: the cheapest that
 * does, with a figure that is true. */
#include "base/mem.h"
#include "file_test.h"
#include "train/budget.h"

#include <osso/train.h>

static struct shape shape_of(const char *const *settings)
{
    struct osso_error err = {""};
    struct osso_train_config *config;
    struct shape s;
    check_ok(osso_train_config_create(&config, &err), err);
    for (; *settings; settings += 2)
        check_ok(osso_train_config_set(config, settings[0], settings[1], "test", &err), err);
    check_ok(shape_make(config, NULL, 2, NULL, &s, &err), err);
    osso_train_config_free(config);
    return s;
}

static uint64_t total_of(const char *moments, const char *checkpointing, const char *batch)
{
    const char *settings[] = {"preset", "light",   "vocab_size", "50257",         "seq_len",
                              "1024",   "moments", moments,      "checkpointing", checkpointing,
                              "beta2",  "0.98",    "batch_size", batch,           NULL};
    struct osso_error err = {""};
    struct osso_train_budget b = {0};
    struct shape s = shape_of(settings);
    check_ok(budget_memory(&s, &b, &err), err);
    assert_int_equal(b.total, b.weights + b.gradients + b.moments + b.activations + b.pages);
    shape_free(&s);
    return b.total;
}

static void test_what_would_fit(void **state)
{
    (void)state;
    const struct {
        uint64_t total;
        const char *said;
    } steps[] = {
        {total_of("bf16", "false", "4"), "moments: bf16"},
        {total_of("bf16", "true", "4"), "checkpointing: true and moments: bf16"},
        {total_of("bf16", "true", "1"), "checkpointing: true, moments: bf16"},
    };
    const char *settings[] = {"preset", "light", "vocab_size", "50257", "seq_len", "1024", "batch_size", "4", NULL};
    struct osso_error err = {""};
    struct shape s = shape_of(settings);
    uint64_t all = total_of("f32", "false", "4");
    check_ok(budget_check(&s, all, &err), err);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        char figure[40];
        snprintf(figure, sizeof figure, "makes it %.1f GiB", (double)steps[i].total / (1 << 30));
        assert_true(steps[i].total < (i ? steps[i - 1].total : all));
        check_says(budget_check(&s, steps[i].total, &err), err, figure, steps[i].said);
        if (!strstr(err.text, steps[i].said))
            fail_msg("\"%s\" does not say \"%s\"", err.text, steps[i].said);
    }
    check_says(budget_check(&s, steps[2].total - 1, &err), err, "take a smaller model", "a byte less");
    shape_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_what_would_fit)};
    return cmocka_run_group_tests_name("budget", tests, NULL, NULL);
}
