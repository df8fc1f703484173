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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_prompt_that_was_not_measured)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
