/* test_passes.c: what is measured of layers is done whole each time (a `must` in passes.c counts the rows, which the
 * tree of prefixes would have given), and a model whose first layers are measured stays as it was. */
#include "test.h"

#include "checkpoint/model_open.h"
#include "measure/passes.h"

static const struct osso_rates one = {.size = sizeof one, .threads = 1, .int8_tops = 1};

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
    double tops, layers, head;
    assert_int_equal(prompt_rate(model, &one, 300, &tops, &err), OSSO_OK); /* no whole number of pages */
    assert_true(tops > 0);
    assert_int_equal(token_seconds(model, &one, &layers, &head, &err), OSSO_OK);
    assert_true(layers > 0 && head >= 0);
    osso_model_free(model);
}

static void the_first_layers(void **state)
{
    (void)state;
    struct osso_model *model = four_layers(4096);
    struct first_layers first;
    struct osso_error err;
    double layers, head;
    assert_int_equal(token_seconds(model, &one, &layers, &head, &err), OSSO_OK);
    assert_int_equal(first_layers_measure(model, &one, 256, &first, &err), OSSO_OK);
    assert_int_equal(first.n, 2);
    assert_int_equal(model->config.n_layers, 4);
    assert_true(first.prompt_tops > 0 && first.layers_seconds > 0);
    assert_true(first.layers_seconds < layers); /* half of them; twice as much is left to the machine's moods */
    struct osso_rates no_dots = one;
    no_dots.int8_tops = 0;
    assert_int_equal(first_layers_measure(model, &no_dots, 256, &first, &err), OSSO_OK);
    assert_true(first.prompt_tops == 0 && first.layers_seconds > 0);
    osso_model_free(model);
}

/* Fewer positions than are asked for: what there are. */
static void a_short_context(void **state)
{
    (void)state;
    struct osso_model *model = four_layers(16);
    struct osso_error err;
    double tops, layers, head;
    assert_int_equal(prompt_rate(model, &one, 512, &tops, &err), OSSO_OK);
    assert_int_equal(token_seconds(model, &one, &layers, &head, &err), OSSO_OK);
    assert_true(tops > 0 && layers > 0);
    osso_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(whole_prompts_and_tokens), cmocka_unit_test(the_first_layers),
                                       cmocka_unit_test(a_short_context)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
