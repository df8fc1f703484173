/* The parts of an evaluation that need no model: texts, pairs, windows, grading, intervals. */
#include "eval_test.h"

#include "base/mem.h"
#include "base/rng.h"
#include "eval/clean.h"
#include "eval/eval_parts.h"
#include "eval/space.h"
#include "eval/stats.h"

#include <math.h>

static void cleaned(void (*clean)(struct buf *), const char *text, const char *expected)
{
    struct buf b = {0};
    buf_puts(&b, text);
    clean(&b);
    assert_string_equal(b.data ? b.data : "", expected);
    buf_free(&b);
}

static void texts_are_cleaned_as_the_tasks_do(void **state)
{
    (void)state;
    cleaned(clean_hellaswag, "  A [title] b [step] c.\n", "A. b c.");
    cleaned(clean_hellaswag, "a [x\ny] b", "a [x\ny] b");
    cleaned(clean_hellaswag, "a    b", "a  b"); /* once */
    cleaned(clean_hellaswag, "[only]", "");
    cleaned(clean_wikitext, " = A = \n", " = A =\n");
    cleaned(clean_wikitext, "1 @,@ 200 well @-@ known 3 @.@ 5", "1,200 well-known 3.5");
    cleaned(clean_wikitext, "a , b ; c : d . e ! f ? g", "a, b; c: d. e! f? g");
    cleaned(clean_wikitext, "( a ) [ b ] { c } \" d \" ' e '", "(a) [b] {c} \"d\" 'e'");
    cleaned(clean_wikitext, "( open , (  ) )", "(open, () )");
    cleaned(clean_wikitext, " = = = B = = = ", " === B === ");
    cleaned(clean_wikitext, "20 \xc2\xb0 C, N of N",
            "20\xc2\xb0"
            "C, 1 of N");
    cleaned(clean_wikitext, "the N birds", "the 1 birds");
}

static void blanks_are_unicode_s(void **state)
{
    (void)state;
    assert_int_equal(space_trailing("ab \n\xc2\xa0\xe3\x80\x80", 9), 7);
    assert_int_equal(space_leading("\xe2\x80\x89 x", 5), 4);
    assert_int_equal(space_trailing("ab\xe2\x80\x8b", 5), 0); /* zero width: none */
    assert_int_equal(space_trailing("", 0), 0);
    assert_int_equal(count_characters("Zo\xc3\xab", 4), 3);
    assert_int_equal(count_words(" \n a  bc\xc2\xa0"
                                 "d ",
                                 11),
                     3);
}

static struct score_request pair(const struct pair_rules *rules, const char *context, const char *continuation,
                                 enum osso_status expected)
{
    struct score_request q = {0};
    struct osso_error err = {""};
    enum osso_status status = pair_encode(rules, context, strlen(context), continuation, strlen(continuation), &q,
                                          &err);
    if (status != expected)
        fail_msg("'%s' + '%s': %s", context, continuation, err.text);
    return q;
}

static void a_blank_at_the_end_belongs_to_what_follows(void **state)
{
    (void)state;
    struct osso_tokenizer *t = words();
    struct pair_rules rules = {t, 7, 100};
    struct score_request a = pair(&rules, "Once upon a", " time", OSSO_OK),
                         b = pair(&rules, "Once upon a ", "time", OSSO_OK);
    assert_int_equal(a.from, b.from);
    assert_int_equal(a.ids.len, b.ids.len);
    assert_memory_equal(a.ids.data, b.ids.data, a.ids.len * sizeof *a.ids.data);
    struct score_request c = pair(&rules, "", "time", OSSO_OK); /* the first token comes after the prefix */
    assert_int_equal(c.ids.data[0], 7);
    assert_int_equal(c.from, 1);
    struct score_request d = pair(&rules, "Once", "", OSSO_FORMAT);
    rules.prefix = -1;
    struct score_request e = pair(&rules, "", "time", OSSO_UNSUPPORTED);
    rules.max_length = 3; /* the end stays */
    struct score_request f = pair(&rules, "Once upon a time there was a", " dog", OSSO_OK);
    assert_int_equal(f.ids.len, 4);
    assert_int_equal(f.ids.len - f.from, 1);
    struct score_request g = pair(&rules, "Once", " upon a time there was a dog", OSSO_LIMIT);
    struct score_request *all[] = {&a, &b, &c, &d, &e, &f, &g};
    for (int i = 0; i < 7; i++)
        osso_ids_free(&all[i]->ids);
    osso_tokenizer_free(t);
}

/* Every token but the prefix is scored in one window, with as much before it as there is room for. */
static void windows_score_each_token_once(void **state)
{
    (void)state;
    for (size_t most = 1; most <= 9; most++)
        for (size_t n = 1; n <= 40; n++) {
            struct pair_rules rules = {.max_length = most};
            struct osso_ids ids = {.len = n + 1};
            size_t first, from, end, next = 1;
            int number = 0;
            for (; pair_window(&rules, &ids, number, &first, &from, &end); number++) {
                assert_int_equal(from, next);
                assert_true(end > from && first < from && end - first - 1 <= most);
                if (number > 0)
                    assert_int_equal(end - first - 1, most); /* the last reaches back */
                next = end;
            }
            assert_int_equal(next, n + 1);
        }
}

static void answers_are_found(void **state)
{
    (void)state;
    static const struct {
        const char *text, *strict, *flexible;
    } cases[] = {
        {"3 + 4 = 7\n#### 7", "7", "7"},
        {"#### -1,200. and #### 5", "-1,200.", "5"},
        {"It is $12.50 in all", "[invalid]", "$12.50"},
        {"five", "[invalid]", "[invalid]"},
        {"so -7", "[invalid]", "-7"},
        {"a - b ... 3", "[invalid]", "3"},
        {"#### x, then 4.", "[invalid]", "4."},
        {"", "[invalid]", "[invalid]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_true(jtext_is(grade_answer(cases[i].text, GRADE_STRICT), cases[i].strict));
        assert_true(jtext_is(grade_answer(cases[i].text, GRADE_FLEXIBLE), cases[i].flexible));
    }
    assert_true(grade_equal((struct jtext){"2,400", 5}, "2 x 1,200 = 2400\n#### 2,400"));
    assert_true(grade_equal((struct jtext){"$12.", 4}, "#### 12"));
    assert_false(grade_equal((struct jtext){"1.2", 3}, "#### 12"));
    assert_false(grade_equal((struct jtext){"[invalid]", 9}, "#### 12"));
}

/* Two models of which one is right a little more often, on the same items: how often does the interval hold the truth?
 */
static void an_interval_holds_the_truth_95_times_in_100(void **state)
{
    (void)state;
    enum { TRIALS = 1000, ITEMS = 200 };
    struct rng rng;
    int held = 0, narrow = 0;
    rng_seed(&rng, 20);
    for (int trial = 0; trial < TRIALS; trial++) {
        struct stats s = {0}, a = {0};
        for (int i = 0; i < ITEMS; i++) { /* half of the items are easy for both; b gains 0.1 on the others */
            double easy = rng_below(&rng, 2) ? 0.9 : 0.3, gain = easy > 0.5 ? 0 : 0.1;
            double u = (double)rng_below(&rng, 1 << 20) / (1 << 20);
            stats_add(&s, (double)(u < easy + gain) - (double)(u < easy));
            stats_add(&a, u < easy);
        }
        double low = stats_mean(&s) - stats_half(&s), high = stats_mean(&s) + stats_half(&s);
        held += low <= 0.05 && 0.05 <= high;
        narrow += stats_half(&s) < stats_half(&a);
    }
    assert_in_range(held, 930, 970);
    assert_int_equal(narrow, TRIALS); /* by pairs: much surer than each by itself */
}

static void student_s_t_for_small_samples(void **state)
{
    (void)state;
    /* of tables: 97.5 % points for 1, 2, 4, 10, 30, 1000 degrees of freedom */
    static const struct {
        int n;
        double t;
    } table[] = {{2, 12.706}, {3, 4.303}, {5, 2.776}, {11, 2.228}, {31, 2.042}, {1001, 1.962}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct stats s = {0};
        for (int k = 0; k < table[i].n; k++)
            stats_add(&s, k % 2);
        assert_true(fabs(stats_half(&s) / stats_error(&s) - table[i].t) < 0.01);
    }
    struct stats far = {0}; /* near another number than 0 */
    for (int k = 0; k < 10; k++)
        stats_add(&far, 1e9 + k % 2);
    assert_true(fabs(stats_error(&far) - sqrt(10.0 / 4 / 9 / 10)) < 1e-12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_cleaned_as_the_tasks_do),
        cmocka_unit_test(blanks_are_unicode_s),
        cmocka_unit_test(a_blank_at_the_end_belongs_to_what_follows),
        cmocka_unit_test(windows_score_each_token_once),
        cmocka_unit_test(answers_are_found),
        cmocka_unit_test(an_interval_holds_the_truth_95_times_in_100),
        cmocka_unit_test(student_s_t_for_small_samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
