/* test_json.c: the tree reader by its two sets of rules, the pull reader, numbers, the writer. */
#include "fault_test.h"

#include "json/jget.h"
#include "json/jnum.h"
#include "json/jwrite.h"
#include "json/pull.h"

#include <math.h>

/* ---- the writer ----------------------------------------------------------------------------------------- */

static void check_json_string(const char *bytes, size_t n, const char *want)
{
    struct buf b = {0};
    jwrite_string(&b, bytes, n);
    assert_string_equal(b.data, want);
    buf_free(&b);
}

static void test_writer(void **state)
{
    (void)state;
    check_json_string("", 0, "\"\"");
    check_json_string("a\"b\\c/", 6, "\"a\\\"b\\\\c/\"");
    check_json_string("\b\f\n\r\t\0\x01\x1f\x7f", 9, "\"\\b\\f\\n\\r\\t\\u0000\\u0001\\u001f\x7f\"");
    check_json_string("\xc3\xa9\xf0\x9f\xa6\x8a", 6, "\"\xc3\xa9\xf0\x9f\xa6\x8a\"");
    check_json_string("x\xff\xc3", 3, "\"x\xef\xbf\xbd\xef\xbf\xbd\"");
    check_json_string("\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
    static const struct {
        double v;
        const char *want;
    } numbers[] = {{0, "0.0"},
                   {-0.0, "-0.0"},
                   {1, "1.0"},
                   {0.1, "0.1"},
                   {1e300, "1e+300"},
                   {5e-324, "5e-324"},
                   {0.1 + 0.2, "0.30000000000000004"},
                   {INFINITY, "null"},
                   {NAN, "null"},
                   {123456789, "123456789.0"}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct buf b = {0};
        jwrite_number(&b, numbers[i].v);
        assert_string_equal(b.data, numbers[i].want);
        buf_free(&b);
    }
}

/* ---- osso's own rules ----------------------------------------------------------------------------------- */

static enum osso_status read_text(const char *text, size_t n)
{
    struct osso_error err = {""};
    struct jdoc *doc;
    enum osso_status status = jdoc_read(text, n, "test", &doc, &err);
    assert_int_equal(status == OSSO_OK, doc != NULL);
    assert_int_equal(status == OSSO_OK, err.text[0] == 0);
    jdoc_release(doc);
    return status;
}

static enum osso_status nested(int depth, char open, char close)
{
    char text[300];
    memset(text, open, (size_t)depth);
    memset(text + depth, close, (size_t)depth);
    return read_text(text, 2 * (size_t)depth);
}

static void test_rules(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t n;
        bool good;
    } cases[] = {{"{}", 2, true},
                 {"3", 1, true},
                 {" [1,2] \n", 8, true},
                 {"{\"a\":\"\\u0000\"}", 14, true},
                 {"\"\xf0\x9f\xa6\x8a\"", 6, true},
                 {"", 0, false},
                 {"{} x", 4, false},
                 {"{}{}", 4, false},
                 {"{\"a\":1,\"a\":2}", 13, false},
                 {"{}\0", 3, false},
                 {"{\"a\0\":1}", 8, false},
                 {"{\"\\u0000\":1}", 12, false},
                 {"\xef\xbb\xbf{}", 5, false},
                 {"\"\xff\"", 3, false},
                 {"\"\xed\xa0\x80\"", 5, false},
                 {"[1,]", 4, false},
                 {"{\"a\"}", 5, false},
                 {"NaN", 3, false},
                 {"1e999", 5, false},
                 {"99999999999999999999", 20, false},
                 {"\"a", 2, false},
                 {"\"\\\"", 3, false},
                 {"]]]][", 5, false},
                 {"01", 2, false},
                 {"'a'", 3, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if ((read_text(cases[i].text, cases[i].n) == OSSO_OK) != cases[i].good)
            fail_msg("case %zu: %s", i, cases[i].text);
    assert_int_equal(nested(128, '[', ']'), OSSO_OK);
    assert_int_equal(nested(129, '[', ']'), OSSO_FORMAT);
    char *deep = malloc(1 << 20); /* would take megabytes of stack */
    memset(deep, '[', 1 << 20);
    assert_int_equal(read_text(deep, 1 << 20), OSSO_FORMAT);
    deep[0] = '"'; /* brackets inside a string nest nothing */
    deep[1] = '\\';
    deep[2] = '"';
    deep[(1 << 20) - 1] = '"';
    assert_int_equal(read_text(deep, 1 << 20), OSSO_OK);
    free(deep);
}

static void test_members(void **state)
{
    (void)state;
    static const char text[] =
        "{\"i\":5,\"r\":4096.0,\"h\":1.5,\"s\":\"x\",\"b\":true,\"n\":null,\"big\":9223372036854775807}";
    struct osso_error err = {""};
    struct jdoc *doc;
    int64_t i = -1;
    double f = -1;
    bool b = false, found;
    const char *s = NULL;
    check_ok(jdoc_read(text, strlen(text), "t", &doc, &err), err);
    const struct jval *obj = jdoc_root(doc);
    check_ok(jget_i64(obj, "i", 5, 5, &i, &found, "t", &err), err);
    assert_true(found && i == 5);
    assert_int_equal(jget_i64(obj, "i", 6, 9, &i, NULL, "t", &err), OSSO_FORMAT);
    assert_int_equal(jget_i64(obj, "i", 0, 4, &i, NULL, "t", &err), OSSO_FORMAT);
    assert_int_equal(i, 5);
    check_ok(jget_i64(obj, "r", 0, 5000, &i, NULL, "t", &err), err);
    assert_int_equal(i, 4096);
    check_ok(jget_i64(obj, "big", 0, INT64_MAX, &i, NULL, "t", &err), err);
    assert_true(i == INT64_MAX);
    assert_int_equal(jget_i64(obj, "h", 0, 9, &i, NULL, "t", &err), OSSO_FORMAT);
    assert_int_equal(jget_i64(obj, "s", 0, 9, &i, NULL, "t", &err), OSSO_FORMAT);
    check_ok(jget_i64(obj, "n", 0, 9, &i, &found, "t", &err), err);
    assert_false(found);
    check_ok(jget_i64(obj, "none", 0, 9, &i, &found, "t", &err), err);
    assert_false(found);
    check_ok(jget_f64(obj, "h", &f, NULL, "t", &err), err);
    assert_true(f == 1.5);
    assert_int_equal(jget_f64(obj, "b", &f, NULL, "t", &err), OSSO_FORMAT);
    check_ok(jget_bool(obj, "b", &b, NULL, "t", &err), err);
    assert_true(b);
    assert_int_equal(jget_bool(obj, "i", &b, NULL, "t", &err), OSSO_FORMAT);
    check_ok(jget_str(obj, "s", &s, NULL, "t", &err), err);
    assert_string_equal(s, "x");
    assert_int_equal(jget_str(obj, "i", &s, NULL, "t", &err), OSSO_FORMAT);
    assert_non_null(strstr(err.text, "\"i\""));
    jdoc_release(doc);
}

/* Where and what, in the words that config.json's readers know. */
static void test_sentences(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "t: line 1, column 0: unexpected token near end of file"},
        {"{\"a\":1,}", "t: line 1, column 8: string or '}' expected near '}'"},
        {"{\n \"\xc3\xa9\" 5}", "t: line 2, column 6: ':' expected near '5'"},
        {"{\"a\":[1 2]}", "t: line 1, column 9: ']' expected near '2'"},
        {"{\"a\":tru}", "t: line 1, column 8: invalid token near 'tru'"},
        {"[01]", "t: line 1, column 2: invalid token near '0'"},
        {"[1.]", "t: line 1, column 3: invalid token near '1.'"},
        {"{} {}", "t: line 1, column 4: end of file expected near '{'"},
        {"\"abc", "t: line 1, column 4: premature end of input near '\"abc'"},
        {"\"a\nb\"", "t: line 1, column 2: unexpected newline near '\"a'"},
        {"\"a\tb\"", "t: line 1, column 2: control character 0x9 near '\"a'"},
        {"\"a\xff\"", "t: line 1, column 2: unable to decode byte 0xff near '\"a'"},
        {"\"a\\x\"", "t: line 1, column 4: invalid escape near '\"a\\x'"},
        {"[9223372036854775808]", "t: line 1, column 20: too big integer near '9223372036854775808'"},
        {"[-9223372036854775809]", "t: line 1, column 21: too big negative integer near '-9223372036854775809'"},
        {"[1e999]", "t: line 1, column 6: real number overflow near '1e999'"},
        {"[\"a string of more than twenty bytes\" 1", "t: line 1, column 39: ']' expected near '1'"},
        {"{\"a string of more than twenty bytes\" 1", "t: line 1, column 39: ':' expected near '1'"},
        {"[ 1 \"a string of more than twenty bytes\"]", "t: line 1, column 40: ']' expected"},
        {"{\"b\":1,\"a\":2,\"b\":3}", "t: line 1, column 16: duplicate object key near '\"b\"'"},
        {"{\"b\":[{\"x\":\",}\"},1],\n\"a\":2, \"a\":{},\n\"b\":3\n}\n",
         "t: line 2, column 10: duplicate object key near '\"a\"'"},
        {"[{}\xff", "t: line 1, column 3: unable to decode byte 0xff"},
        {"\xc3", "t: line 1, column 0: unable to decode byte 0xc3"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct osso_error err;
        struct jdoc *doc;
        assert_int_equal(jdoc_read(cases[i].text, strlen(cases[i].text), "t", &doc, &err), OSSO_FORMAT);
        assert_string_equal(err.text, cases[i].says);
    }
}

/* ---- harmony's rules ------------------------------------------------------------------------------------ */

static void expect_harmony(const char *text, size_t n, enum jwrite_numbers numbers, const char *want)
{
    struct osso_error err = {""};
    struct jdoc *doc;
    struct buf b = {0};
    enum osso_status status = jdoc_read_harmony(text, n, "t", &doc, &err);
    if (!status)
        jwrite_value(&b, jdoc_root(doc), numbers);
    if (strcmp(status ? err.text : b.data, want) != 0)
        fail_msg("%s gives %s, want %s", text, status ? err.text : b.data, want);
    buf_free(&b);
    jdoc_release(doc);
}

#define HALF "half of a surrogate pair (text cut inside a character such as an emoji); write whole characters"

static void test_harmony(void **state)
{
    (void)state;
    static const struct {
        const char *text, *printed, *spelt;
    } good[] = {
        {" { \"b\" : [ 1 , 2.50 ] , \"a\":null } ", "{\"b\":[1,2.5],\"a\":null}", "{\"b\":[1,2.50],\"a\":null}"},
        {"[18446744073709551615,-9223372036854775808,18446744073709551616]",
         "[18446744073709551615,-9223372036854775808,1.8446744073709552e19]",
         "[18446744073709551615,-9223372036854775808,18446744073709551616]"},
        {"[-0,1e2,1E-7,0.1]", "[-0.0,100.0,1e-7,0.1]", "[-0,1e2,1E-7,0.1]"},
        /* the last value, the first place */
        {"{\"a\":1,\"b\":2,\"a\":3,\"a\":4}", "{\"a\":4,\"b\":2}", "{\"a\":4,\"b\":2}"},
        {"{\"\\u0000\":\"\\u0000\"}", "{\"\\u0000\":\"\\u0000\"}", "{\"\\u0000\":\"\\u0000\"}"},
        {"\"\\ud83e\\udd8a\\u00e9\\/\"", "\"\xf0\x9f\xa6\x8a\xc3\xa9/\"", "\"\xf0\x9f\xa6\x8a\xc3\xa9/\""}};
    static const struct {
        const char *text, *says;
    } bad[] = {{"", "t: line 1, byte 1: not a JSON value"},
               {"\xef\xbb\xbf{}", "t: line 1, byte 1: not a JSON value"},
               {"[1,\n 01]", "t: line 2, byte 2: not a JSON value"},
               {"[1e999]", "t: line 1, byte 2: a number out of range"},
               {"{\"a\" 1}", "t: line 1, byte 6: ':' is expected after a key"},
               {"{1}", "t: line 1, byte 2: a key in quotes is expected"},
               {"[1 2]", "t: line 1, byte 4: ',' or the end of a list or object is expected"},
               {"[] x", "t: line 1, byte 4: text after the end"},
               {"[\"a", "t: line 1, byte 3: a string without its closing quote"},
               {"[\"a\tb\"]", "t: line 1, byte 4: a control character in a string"},
               {"[\"a\xc3\"]", "t: line 1, byte 4: a string that is not UTF-8"},
               {"[\"\\q\"]", "t: line 1, byte 5: a wrong escape in a string"},
               {"[\"\\ud83e\"]", "t: line 1, byte 9: " HALF},
               {"[\"\\udd8a\\ud83e\"]", "t: line 1, byte 9: " HALF},
               {"[\"\\ud83e\\u0041\"]", "t: line 1, byte 15: " HALF},
               {"[\"\\ud83e\\n\"]", "t: line 1, byte 9: " HALF},
               {"{\"\\ude00\":1}", "t: line 1, byte 9: " HALF},
               {"[\"a\xed\xa0\xbd\"]", "t: line 1, byte 4: " HALF}};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        expect_harmony(good[i].text, strlen(good[i].text), JWRITE_PRINTED, good[i].printed);
        expect_harmony(good[i].text, strlen(good[i].text), JWRITE_SPELT, good[i].spelt);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        expect_harmony(bad[i].text, strlen(bad[i].text), JWRITE_SPELT, bad[i].says);
    char deep[2 * HARMONY_DEPTH + 3] = "";
    memset(deep, '[', HARMONY_DEPTH);
    memset(deep + HARMONY_DEPTH, ']', HARMONY_DEPTH);
    expect_harmony(deep, strlen(deep), JWRITE_SPELT, deep);
    memset(deep, '[', HARMONY_DEPTH + 1);
    memset(deep + HARMONY_DEPTH + 1, ']', HARMONY_DEPTH + 1);
    expect_harmony(deep, strlen(deep), JWRITE_SPELT, "t: line 1, byte 129: nested too deeply");
}

/* ---- numbers -------------------------------------------------------------------------------------------- */

static void test_numbers(void **state)
{
    (void)state;
    static const char *const doubles[] = {"0",
                                          "-0.0",
                                          "0.1",
                                          "1e-5",
                                          "123456789012345678901234567890",
                                          "4.9e-324",
                                          "2e-324",
                                          "1.7976931348623157e308",
                                          "2.2250738585072011e-308",
                                          "1E+2",
                                          "-12.50e-1",
                                          "0.000000000000000000000000000000000000000000000001e48"};
    double d;
    int64_t i;
    for (size_t k = 0; k < sizeof doubles / sizeof *doubles; k++) {
        assert_true(jnum_f64(doubles[k], strlen(doubles[k]), &d));
        double want = strtod(doubles[k], NULL);
        assert_memory_equal(&d, &want, sizeof d);
    }
    assert_false(jnum_f64("1e309", 5, &d));
    assert_false(jnum_f64("-1e99999999999999999999", 23, &d));
    assert_true(jnum_f64("1e-99999999999999999999", 23, &d) && d == 0);
    assert_true(jnum_f64("0e99999999999999999999", 22, &d) && d == 0);
    assert_true(jnum_i64("-9223372036854775808", 20, &i) && i == INT64_MIN);
    assert_false(jnum_i64("9223372036854775808", 19, &i));
    /* 2^53 + 1 lies half way: only a digit far behind says which way to round. */
    char text[2000];
    memset(text, '0', sizeof text);
    memcpy(text, "9007199254740993.", 17);
    assert_true(jnum_f64(text, sizeof text, &d) && d == 9007199254740992.0);
    text[sizeof text - 1] = '1';
    assert_true(jnum_f64(text, sizeof text, &d) && d == 9007199254740994.0);
    memset(text, '9', sizeof text);
    text[0] = '0';
    text[1] = '.';
    assert_true(jnum_f64(text, sizeof text, &d) && d == 1);
    text[1] = '9';
    assert_false(jnum_f64(text + 1, sizeof text - 1, &d));
}

/* ---- the pull reader ------------------------------------------------------------------------------------ */

static void test_pull(void **state)
{
    (void)state;
    static const char text[] = " {\"a\\n\" : [1, 4294967295,\t{\"x\":[[],{}]} ], \"b\":\"\\ud83e\\udd8a\" } ";
    struct pull p = pull_over(text, sizeof text - 1);
    char key[8];
    size_t len;
    uint32_t n;
    const char *skipped;
    assert_true(pull_enter(&p, '{') && pull_member(&p, key, sizeof key, &len));
    assert_true(len == 2 && memcmp(key, "a\n", 2) == 0);
    assert_true(pull_enter(&p, '[') && pull_element(&p) && pull_u32(&p, &n) && n == 1);
    assert_true(pull_element(&p) && pull_u32(&p, &n) && n == UINT32_MAX);
    assert_true(pull_element(&p) && pull_skip(&p, &skipped, &len));
    assert_true(len == 13 && memcmp(skipped, "{\"x\":[[],{}]}", 13) == 0);
    assert_false(pull_element(&p));
    assert_true(pull_member(&p, key, sizeof key, &len) && pull_string(&p, key, sizeof key, &len) && len == 4);
    assert_false(pull_member(&p, key, sizeof key, &len));
    assert_true(pull_at_end(&p) && p.problem == PULL_FINE);
}

/* A reader that takes whatever comes, strings plain. */
static enum pull_problem pull_all(const char *text, size_t *at)
{
    struct pull p = pull_over(text, strlen(text));
    struct buf s = {0};
    int64_t n;
    pull_enter(&p, '[');
    while (pull_element(&p)) {
        if (pull_peek(&p) == '"')
            pull_plain(&p, &s);
        else if (pull_peek(&p) == '{')
            pull_skip(&p, NULL, NULL);
        else
            pull_count(&p, &n);
    }
    buf_free(&s);
    *at = p.in.pos;
    return p.problem;
}

static void test_pull_problems(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum pull_problem problem;
        size_t at;
    } cases[] = {{"[]", PULL_FINE, 2},
                 {"[0,9223372036854775807]", PULL_FINE, 23},
                 {"{}", PULL_NO_LIST, 0},
                 {"[1", PULL_NO_COMMA, 2},
                 {"[1 2]", PULL_NO_COMMA, 3},
                 {"[1,]", PULL_NO_NUMBER, 3},
                 {"[01]", PULL_NO_NUMBER, 3},
                 {"[-1]", PULL_NO_NUMBER, 1},
                 {"[1.0]", PULL_FRACTION, 2},
                 {"[1e1]", PULL_FRACTION, 2},
                 {"[9223372036854775808]", PULL_LARGE, 19},
                 {"[\"a", PULL_NO_END, 3},
                 {"[\"\x01\"]", PULL_CONTROL, 2},
                 {"[\"ab\xff\"]", PULL_UTF8, 4},
                 {"[\"\\u0000\"]", PULL_NUL, 8},
                 {"[\"\\x\"]", PULL_ESCAPE, 4},
                 {"[\"\\u00", PULL_HEX_END, 4},
                 {"[\"\\u00zz\"]", PULL_HEX, 7},
                 {"[\"\\ud800x\"]", PULL_SURROGATE, 8},
                 {"[\"\\ud83e\\u0041\"]", PULL_SURROGATE, 14},
                 {"[{\"a\" 1}]", PULL_NO_KEY, 6},
                 {"[{\"a\":}]", PULL_NO_VALUE, 6}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t at;
        enum pull_problem problem = pull_all(cases[i].text, &at);
        if (problem != cases[i].problem || at != cases[i].at)
            fail_msg("%s: problem %d at %zu, want %d at %zu", cases[i].text, (int)problem, at, (int)cases[i].problem,
                     cases[i].at);
    }
    char deep[400];
    size_t at;
    for (int levels = 128; levels <= 129; levels++) {
        size_t n = (size_t)snprintf(deep, sizeof deep, "[{\"k\":");
        memset(deep + n, '[', (size_t)levels - 1);
        deep[n + (size_t)levels - 1] = 0;
        assert_int_equal(pull_all(deep, &at), levels == 128 ? PULL_NO_VALUE : PULL_DEEP);
    }
    struct pull p = pull_over("\"abc\"", 5);
    char small[2];
    size_t len;
    assert_false(pull_string(&p, small, sizeof small, &len));
    assert_int_equal(p.problem, PULL_LONG);
    assert_false(pull_skip(&p, NULL, NULL)); /* the first problem sticks */
    assert_string_equal(pull_says(&p), "a string is too long");
}

/* ---- sizes ---------------------------------------------------------------------------------------------- */

/* Many members in one object, many of one key, a string of a megabyte: time and memory stay in proportion. */
static void test_huge(void **state)
{
    (void)state;
    const int n = test_quick() ? 20000 : 200000;
    struct osso_error err = {""};
    struct jdoc *doc;
    struct buf b = {0};
    for (int same = 0; same < 2; same++) {
        buf_clear(&b);
        for (int i = 0; i < n; i++)
            buf_printf(&b, "%c\"k%d\":%d", i ? ',' : '{', same ? 0 : i * 7919 % n, i);
        buf_putc(&b, '}');
        check_ok(jdoc_read_harmony(b.data, b.len, "huge", &doc, &err), err);
        assert_int_equal(jdoc_root(doc)->n_children, same ? 1 : n);
        jdoc_release(doc);
        assert_int_equal(jdoc_read(b.data, b.len, "huge", &doc, &err), same ? OSSO_FORMAT : OSSO_OK);
        jdoc_release(doc);
    }
    buf_clear(&b);
    buf_putc(&b, '"');
    for (int i = 0; i < n; i++)
        buf_puts(&b, "\\u00e9x");
    buf_putc(&b, '"');
    check_ok(jdoc_read(b.data, b.len, "huge", &doc, &err), err);
    assert_int_equal(jdoc_root(doc)->text.len, 3 * (size_t)n);
    jdoc_release(doc);
    buf_free(&b);
}

static enum osso_status read_both(void *text, struct osso_error *err)
{
    struct jdoc *doc;
    enum osso_status status = jdoc_read_harmony(text, strlen(text), "t", &doc, err);
    jdoc_release(doc);
    if (!status)
        status = jdoc_read(strchr(text, '['), strlen(strchr(text, '[')) - 1, "t", &doc, err);
    jdoc_release(doc);
    return status;
}

static void test_no_memory(void **state)
{
    (void)state;
    char *text = malloc(5000);
    snprintf(text, 5000, "{\"a\":1,\"a\":2,\"b\":[{\"c\":\"%03000d\",\"d\":1.5},\"%01500d\"]}", 0, 0);
    /* more than one block of the arena */
    assert_true(fault_each(read_both, text, false) > 5);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_writer),  cmocka_unit_test(test_rules),
                                       cmocka_unit_test(test_members), cmocka_unit_test(test_sentences),
                                       cmocka_unit_test(test_harmony), cmocka_unit_test(test_numbers),
                                       cmocka_unit_test(test_pull),    cmocka_unit_test(test_pull_problems),
                                       cmocka_unit_test(test_huge),    cmocka_unit_test(test_no_memory)};
    return cmocka_run_group_tests_name("json", tests, NULL, NULL);
}
