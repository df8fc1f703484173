/* test_passes.c: what is measured of layers is done whole each time (a `must` in passes.c counts the rows, which the
 * tree of prefixes would have given), and a model whose first layers are measured stays as it was. */
#include "test.h"

#include "checkpoint/model_open.h"
#include "measure/passes.h"

static const struct osso_rates one = {.size = sizeof one, .threads = 1, .int8_tops = 1, .prompt_tops = 1};

static struct osso_model *four_layers(int64_t context)
{
    struct config config;
    struct osso_error err;
    struct osso_model *model;
    assert_int_equal(config_preset("20b", &config, &err), OSSO_OK);
    config.n_layers = 4;
    config.n_experts = 4;
    config.hidden = config.intermediate = 256;
    config.vocab = 600;
    config.context = context;
    assert_int_equal(model_synthesize("layers", &config, 1, false, &model, &err), OSSO_OK);
    return model;
}

static void whole_prompts_and_tokens(void **state)
{
    (void)state;
    struct osso_model *model = four_layers(4096);
    struct osso_error err;
    struct passes p;
    assert_int_equal(passes_measure(model, &one, 300, NULL, &p, &err), OSSO_OK); /* no whole number of pages */
    assert_true(p.n_layers == 4 && p.prompt_layers == 4 && p.rows == 300 && p.prompt_seconds > 0 &&
                p.layers_seconds > 0);
    assert_true(p.prompt_seconds > 4 * p.layers_seconds); /* 300 rows, and not the one that waits for the logits */
    osso_model_free(model);
}

/* As many layers as what prompts reached of late passes in a moment. */
static void the_first_layers(void **state)
{
    (void)state;
    struct osso_model *model = four_layers(4096);
    struct passes all, first;
    struct osso_error err;
    struct osso_rates slow = one;
    slow.prompt_tops = 0;
    assert_int_equal(passes_measure_first(model, &one, 256, &all, &err), OSSO_OK);
    assert_int_equal(all.prompt_layers, 4);
    assert_int_equal(passes_measure_first(model, &slow, 256, &first, &err), OSSO_OK);
    assert_true(first.prompt_layers == 2 && first.n_layers == 4);
    assert_int_equal(model->config.n_layers, 4);
    assert_true(first.prompt_seconds > 0 && first.layers_seconds + first.head_seconds > 0);
    assert_true(first.prompt_seconds < all.prompt_seconds); /* half; twice as much is left to the machine's moods */
    slow.int8_tops = 0;
    assert_int_equal(passes_measure_first(model, &slow, 256, &first, &err), OSSO_OK);
    assert_true(first.prompt_seconds <= 0 && first.layers_seconds + first.head_seconds > 0);
    osso_model_free(model);
}

/* Fewer positions than are asked for: what there are. */
static void a_short_context(void **state)
{
    (void)state;
    struct osso_model *model = four_layers(16);
    struct osso_error err;
    struct passes p;
    assert_int_equal(passes_measure(model, &one, 512, NULL, &p, &err), OSSO_OK);
    assert_true(p.rows == 15 && p.prompt_seconds > 0 && p.layers_seconds + p.head_seconds > 0);
    osso_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(whole_prompts_and_tokens), cmocka_unit_test(the_first_layers),
                                       cmocka_unit_test(a_short_context)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
