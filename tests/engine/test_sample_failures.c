/* test_sample_failures.c: choices that are made together where some of them cannot be made: every other one stands, and
 * the first failure of the list is the one that is told, whoever met it first. */
#define _DEFAULT_SOURCE
#include "sample_all_test.h"

static void fill_draws(struct osso_draw *draws, struct one *ones, struct osso_error *why)
{
    for (int i = 0; i < FEW; i++)
        draws[i] = (struct osso_draw){
            .size = sizeof *draws, .sampler = ones[i].sampler, .session = ones[i].session, .err = &why[i]};
}

static void test_failures(void **state)
{
    (void)state;
    static struct one ones[FEW];
    struct osso_draw draws[FEW];
    struct osso_error err, why[FEW];
    struct osso_choice first[FEW], c;
    struct osso_engine *e = open_few(ones, true, 3);
    for (int i = 0; i < FEW; i++)
        if (i != 2 && i != 5)
            check_ok(osso_sample(ones[i].sampler, ones[i].session, &first[i], NULL, 0, &err), err);
    close_all(e, ones, FEW);
    e = open_few(ones, true, 3);
    check_ok(osso_session_append(ones[4].session, 4, &err), err); /* its last token has no logits yet */
    fill_draws(draws, ones, why);
    assert_int_equal(osso_sample_all(e, draws, FEW, &err), OSSO_NUMERIC); /* the first in the list that failed */
    assert_non_null(strstr(err.text, "not finite"));
    assert_string_equal(err.text, why[2].text);
    assert_int_equal(draws[2].status, OSSO_NUMERIC);
    assert_int_equal(draws[4].status, OSSO_USAGE);
    assert_non_null(strstr(why[4].text, "osso_step"));
    assert_int_equal(draws[5].status, OSSO_USAGE);
    assert_non_null(strstr(why[5].text, "no token"));
    for (int i = 0; i < FEW; i++)
        if (draws[i].status)
            assert_int_equal(draws[i].choice.id, -1);
        else
            assert_memory_equal(&draws[i].choice, &first[i], sizeof c);
    close_all(e, ones, FEW);
}

/* A member that waits for a mask leaves its share to the others, who come to it last and from its end: the failure that
 * is told is still the first of the list. */
static void test_first_failure(void **state)
{
    (void)state;
    static struct one ones[FEW];
    struct osso_draw draws[FEW];
    struct osso_error err, why[FEW];
    for (int late = 0; late < FEW; late++) {
        struct osso_engine *e = open_few(ones, true, 2);
        ones[late].rule.form = late == 5 ? SAYS_ALLOW : SAYS_NONE;
        ones[late].rule.wait_us = 20000;
        osso_sampler_set_mask(ones[late].sampler, ask, &ones[late].rule);
        fill_draws(draws, ones, why);
        assert_int_equal(osso_sample_all(e, draws, FEW, &err), OSSO_NUMERIC);
        assert_string_equal(err.text, why[2].text);
        assert_int_equal(draws[5].status, OSSO_USAGE);
        close_all(e, ones, FEW);
    }
}

/* Calls that make no sense choose nothing: no sampler has used a number. */
static void test_refusals(void **state)
{
    (void)state;
    static struct one ones[FEW];
    struct osso_draw draws[FEW];
    struct osso_error err, why[FEW];
    struct osso_choice first, c;
    struct osso_session *stranger;
    struct osso_engine *e = open_few(ones, true, 3);
    check_ok(osso_sample(ones[0].sampler, ones[0].session, &first, NULL, 0, &err), err);
    close_all(e, ones, FEW);
    e = open_few(ones, true, 3);
    struct osso_engine *other = open_engine(NULL, 1, 1);
    check_ok(osso_session_create(other, 0, &stranger, &err), err);
    for (int wrong = 0; wrong < 5; wrong++) {
        fill_draws(draws, ones, why);
        switch (wrong) {
        case 0: draws[3].sampler = ones[1].sampler; break;
        case 1: draws[3].session = stranger; break;
        case 2: draws[3].size = 0; break;
        case 3: draws[3].size = sizeof *draws - 8; break;
        case 4: draws[3].sampler = NULL; break;
        }
        err.text[0] = 0;
        assert_int_equal(osso_sample_all(e, draws, FEW, &err), OSSO_USAGE);
        assert_true(err.text[0] != 0);
    }
    check_ok(osso_sample_all(e, draws, 0, &err), err);
    fill_draws(draws, ones, why);
    draws[1].size = draws[0].size;
    check_ok(osso_sample_all(e, draws, 2, &err), err); /* nobody is still taken for one that draws */
    assert_memory_equal(&draws[0].choice, &first, sizeof c);
    osso_session_free(stranger);
    osso_engine_free(other);
    close_all(e, ones, FEW);
}

static enum osso_mask_kind wrong_mask(void *user, const struct osso_session *session, struct osso_mask *mask)
{
    int wrong = *(const int *)user;
    (void)session;
    mask->n_ids = 1;
    mask->bits = NULL;
    return wrong == 0   ? OSSO_MASK_FORBID
           : wrong == 1 ? OSSO_MASK_ALLOW
           : wrong == 2 ? OSSO_MASK_BITS
                        : (enum osso_mask_kind)(OSSO_MASK_BITS + 1);
}

static void test_wrong_masks(void **state)
{
    (void)state;
    static struct one ones[FEW];
    struct osso_error err;
    struct osso_choice c;
    struct osso_engine *e = open_few(ones, true, 3);
    for (int wrong = 0; wrong < 4; wrong++) {
        osso_sampler_set_mask(ones[0].sampler, wrong_mask, &wrong);
        assert_int_equal(osso_sample(ones[0].sampler, ones[0].session, &c, NULL, 0, &err), OSSO_USAGE);
        assert_non_null(strstr(err.text, "mask"));
        assert_int_equal(c.id, -1);
    }
    close_all(e, ones, FEW);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_failures), cmocka_unit_test(test_first_failure),
                                       cmocka_unit_test(test_refusals), cmocka_unit_test(test_wrong_masks)};
    return cmocka_run_group_tests_name("sample_failures", tests, NULL, NULL);
}
