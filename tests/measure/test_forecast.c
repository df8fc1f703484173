/* test_forecast.c: what could not be measured is not forecast. */
#include "test.h"

#include "osso/forecast.h"
#include "osso/osso.h"

#include <string.h>

/* A limit can leave room for one row's kernels and none for a prompt's: an ISA that has integer dots works with them
 * then, and says nothing of prompts. */
static void a_prompt_that_was_not_measured(void **state)
{
    (void)state;
    for (int i = 0; osso_isa_name(i); i++) {
        struct osso_rates rates = {
            .size = sizeof rates, .threads = 1, .isa = osso_isa_name(i), .read_gbps = 30, .kernel_gbps = 40};
        struct osso_forecast f = {.size = sizeof f};
        struct osso_error err;
        bool one_row = strcmp(rates.isa, "scalar") == 0 || strcmp(rates.isa, "neon") == 0;
        assert_int_equal(osso_forecast_preset("20b", &rates, NULL, &f, &err), OSSO_OK);
        assert_true(f.decode_ts > 0 && (f.prefill_ts > 0) == one_row);
        assert_non_null(strstr(f.prefill_why, one_row ? "one row in the cache" : "could not be measured"));
        rates.int8_tops = 1;
        rates.prompt_tops = 0.5;
        assert_int_equal(osso_forecast_preset("20b", &rates, NULL, &f, &err), OSSO_OK);
        assert_non_null(strstr(f.prefill_why, "x 50 %"));
    }
}

/* Decode: what two layers reached of both ceilings together; by the table where nobody could measure it. */
static void tokens_as_measured(void **state)
{
    (void)state;
    struct osso_rates rates = {
        .size = sizeof rates, .threads = 1, .isa = osso_isa_name(0), .read_gbps = 30, .kernel_gbps = 40};
    struct osso_forecast table = {.size = sizeof table}, measured = {.size = sizeof measured};
    struct osso_error err;
    assert_int_equal(osso_forecast_preset("20b", &rates, NULL, &table, &err), OSSO_OK);
    rates.token_gbps = 12; /* both together: 24 */
    assert_int_equal(osso_forecast_preset("20b", &rates, NULL, &measured, &err), OSSO_OK);
    assert_non_null(strstr(table.decode_why, ", as elsewhere"));
    assert_non_null(strstr(measured.decode_why, "x 40 % of the lower one, as two layers reached"));
    assert_true(measured.decode_ts > 0 && measured.decode_ts < table.decode_ts * 0.6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_prompt_that_was_not_measured),
                                       cmocka_unit_test(tokens_as_measured)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
