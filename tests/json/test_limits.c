/* test_limits.c: JSON of strangers: depth, number of values and memory are bounded, errors name the byte, and numbers
 * are what was written. */
#include "fault_test.h"

#include "base/buf.h"
#include "harmony/conversation.h"
#include "json/jget.h"
#include "json/jwrite.h"

static const struct jdoc_limits body = {.depth = 64, .values = 400000};

static enum osso_status read_limited(const char *text, size_t n, const struct jdoc_limits *limits,
                                     struct osso_error *err)
{
    struct jdoc *doc;
    err->text[0] = 0;
    enum osso_status status = jdoc_read_limited(text, n, "the body", limits, &doc, err);
    assert_int_equal(status == OSSO_OK, doc != NULL);
    assert_int_equal(status == OSSO_OK, err->text[0] == 0);
    jdoc_release(doc);
    return status;
}

static void test_depth(void **state)
{
    (void)state;
    struct osso_error err;
    static const char *const pairs[] = {"[]", "{}"};
    for (int kind = 0; kind < 2; kind++)
        for (size_t depth = 63; depth <= 66; depth++) {
            struct buf b = {0};
            for (size_t i = 0; i < depth; i++)
                buf_puts(&b, kind ? i + 1 < depth ? "{\"a\":" : "{" : "[");
            for (size_t i = 0; i < depth; i++)
                buf_putc(&b, pairs[kind][1]);
            assert_int_equal(read_limited(b.data, b.len, &body, &err), depth <= 64 ? OSSO_OK : OSSO_FORMAT);
            if (depth > 64 && !kind)
                assert_string_equal(err.text, "the body: byte 65: nested too deeply: at most 64 levels");
            buf_free(&b);
        }
    char *deep = malloc(1 << 20);
    memset(deep, '[', 1 << 20);
    assert_int_equal(read_limited(deep, 1 << 20, &body, &err), OSSO_FORMAT);
    free(deep);
}

/* Every value counts, lists and objects too, keys do not. */
static void test_values(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t values;
    } cases[] = {{"1", 1},        {"[]", 1},
                 {"[1,2]", 3},    {"{\"a\":{\"b\":[true,null,\"x\"]}}", 6},
                 {"[[[[]]]]", 4}, {" [ 1 , { } , \"[,,]\" ] ", 4}};
    struct osso_error err;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t most = 1; most <= 7; most++) {
            struct jdoc_limits limits = {.depth = 64, .values = most};
            enum osso_status status = read_limited(cases[i].text, strlen(cases[i].text), &limits, &err);
            assert_int_equal(status, cases[i].values <= most ? OSSO_OK : OSSO_FORMAT);
            if (status)
                assert_non_null(strstr(err.text, "too many values: at most"));
        }
    struct jdoc_limits two = {.depth = 64, .values = 2};
    read_limited("[1, 2]", 6, &two, &err);
    assert_string_equal(err.text, "the body: byte 5: too many values: at most 2");
}

/* What 8 MiB of any kind may take while it is read, whether it is refused or not. */
static void test_memory(void **state)
{
    (void)state;
    enum { SIZE = 8 << 20 };
    static const struct {
        const char *text;
        size_t values;
    } units[] = {{"1,", 1},
                 {"[],", 1},
                 {"\"\",", 1},
                 {"{\"a\":1},", 2},
                 {"-0.5e-3,", 1},
                 {"[[[[1]]]],", 5},
                 {"\"a longer string than most\",", 1}};
    struct osso_error err;
    char *text = malloc(SIZE + 64);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        size_t unit = strlen(units[i].text), n = 1, times = 0;
        text[0] = '[';
        for (; n + unit < SIZE; n += unit, times++)
            memcpy(text + n, units[i].text, unit);
        text[n - 1] = ']';
        uint64_t before = mem_bytes();
        enum osso_status status = read_limited(text, n, &body, &err);
        uint64_t took = mem_bytes() - before;
        printf("8 MiB of %s take %.1f MB (%s)\n", units[i].text, (double)took / 1e6, status ? "refused" : "read");
        assert_int_equal(status, times * units[i].values + 1 > body.values ? OSSO_FORMAT : OSSO_OK);
        assert_true(took < 400000ull * 112 + 4 * (uint64_t)SIZE);
    }
    /* One string of all of it. */
    memset(text, 'x', SIZE);
    text[0] = text[SIZE - 1] = '"';
    uint64_t before = mem_bytes();
    assert_int_equal(read_limited(text, SIZE, &body, &err), OSSO_OK);
    assert_true(mem_bytes() - before < SIZE + (1 << 20));
    free(text);
}

static void test_places(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {{"", "the body: byte 1: not a JSON value"},
                 {"{\"a\":1,}", "the body: byte 8: a key in quotes is expected"},
                 {"{\n\"a\" 1}", "the body: byte 7: ':' is expected after a key"},
                 {"[1\n 2]", "the body: byte 5: ',' or the end of a list or object is expected"},
                 {"{} x", "the body: byte 4: text after the end"},
                 {"[\"ab\xff\"]", "the body: byte 5: a string that is not UTF-8"},
                 {"[\"a\nb\"]", "the body: byte 4: a control character in a string"},
                 {"\n\n\n[nul]", "the body: byte 5: not a JSON value"},
                 {"[1e400]", "the body: byte 2: a number out of range"}};
    struct osso_error err;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(read_limited(cases[i].text, strlen(cases[i].text), &body, &err), OSSO_FORMAT);
        assert_string_equal(err.text, cases[i].says);
    }
}

/* Numbers and order of a tool's schema on their way into the prompt. */
static void test_numbers(void **state)
{
    (void)state;
    static const char text[] =
        "{\"z\":18446744073709551615,\"a\":0.1,\"m\":-9223372036854775808,\"b\":1.0,\"c\":0.10000000000000001,"
        "\"d\":1e5,\"e\":0.30}";
    struct osso_error err;
    struct jdoc *doc;
    struct buf out = {0};
    check_ok(jdoc_read_limited(text, strlen(text), "the body", &body, &doc, &err), err);
    jwrite_value(&out, jdoc_root(doc), JWRITE_SPELT);
    assert_string_equal(out.data, text);
    buf_free(&out);
    int64_t n;
    assert_false(jget_integer(jval_get(jdoc_root(doc), "z"), &n));
    assert_true(jget_integer(jval_get(jdoc_root(doc), "m"), &n) && n == INT64_MIN);
    assert_true(jget_real(jval_get(jdoc_root(doc), "c")) == 0.1);
    jdoc_release(doc);
    /* The reference prints a number with the fewest digits that mean it: 0.1 stays 0.1, whatever its double's digits.
     */
    struct osso_conversation *c;
    struct osso_message m = {.size = sizeof m};
    check_ok(osso_conversation_create(&c, &err), err);
    check_ok(osso_conversation_add_developer(
                 c, NULL,
                 "[{\"name\":\"f\",\"description\":\"\",\"parameters\":{\"type\":\"object\",\"properties\":{"
                 "\"z\":{\"type\":\"integer\",\"default\":18446744073709551615},"
                 "\"a\":{\"type\":\"number\",\"default\":0.1},"
                 "\"c\":{\"type\":\"number\",\"default\":0.10000000000000001}}}}]",
                 &err),
             err);
    check_ok(osso_conversation_get(c, 0, &m, &err), err);
    const char *z = strstr(m.text, "z?: number, // default: 18446744073709551615\n"),
               *a = strstr(m.text, "a?: number, // default: 0.1\n");
    assert_true(z && a && z < a);
    assert_non_null(strstr(m.text, "c?: number, // default: 0.1\n"));
    osso_conversation_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_depth), cmocka_unit_test(test_values),
                                       cmocka_unit_test(test_memory), cmocka_unit_test(test_places),
                                       cmocka_unit_test(test_numbers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
