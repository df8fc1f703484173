/* test_gatekeeping.c: what is read of a request before anything else: heads, hosts and origins, the file of keys. */
#include "test.h"

#include "serve/head.h"
#include "serve/hosts.h"
#include "serve/keys.h"
#include "serve/routes.h"

#include "base/buf.h"

/* ---- heads ---------------------------------------------------------------------------------------------- */

static int read_head(const char *const *fields, struct head_facts *facts)
{
    struct head head = {.http_1_1 = true};
    const char *why;
    for (size_t i = 0; fields[i]; i += 2)
        head.field[head.n++] = (struct head_field){fields[i], fields[i + 1], strlen(fields[i]), strlen(fields[i + 1])};
    int status = head_read(&head, facts, &why);
    assert_true((status == 0) == (why == NULL));
    return status;
}
#define HEAD(facts, ...) read_head((const char *const[]){__VA_ARGS__, NULL}, facts)

static void test_heads(void **state)
{
    (void)state;
    struct head_facts f;
    assert_int_equal(HEAD(&f, "Host", "a", "content-LENGTH", "0017", "X-Api-Key", "k", "Expect", "100-Continue"), 0);
    assert_true(f.has_length && f.length == 17 && f.expects && !f.chunked);
    assert_int_equal(f.api_key.value_len, 1);
    assert_int_equal(HEAD(&f, "Host", "a", "Transfer-Encoding", "CHUNKED"), 0);
    assert_true(f.chunked && !f.has_length);
    assert_int_equal(HEAD(&f, "Accept", "a"), 400);
    assert_int_equal(HEAD(&f, "Host", "a", "Content-Length", "999999999999999999"), 0);
    assert_int_equal(HEAD(&f, "Host", "a", "Content-Length", "1000000000000000000"), 400);
    assert_int_equal(HEAD(&f, "Host", "a", "Content-Length", "0x1"), 400);
    assert_int_equal(HEAD(&f, "Host", "a", "Content-Length", "1", "Transfer-Encoding", "chunked"), 400);
    assert_int_equal(HEAD(&f, "Host", "a", "Transfer-Encoding", "chunked", "Content-Length", "1"), 400);
    assert_int_equal(HEAD(&f, "Host", "a", "HOST", "a"), 400);
    assert_int_equal(HEAD(&f, "Host", "a", "Expect", "x"), 417);
    assert_int_equal(HEAD(&f, "Host", "a", "Content-Encoding", "br"), 415);
    assert_int_equal(HEAD(&f, "Host", "a", "X ", "br"), 400);
    assert_int_equal(HEAD(&f, "Host", "a", "", "br"), 400);
    struct head many = {.n = HEAD_FIELDS};
    const char *why;
    assert_int_equal(head_read(&many, &f, &why), 431);
}

static void test_bearer_and_type(void **state)
{
    (void)state;
    const struct {
        const char *value, *key;
    } cases[] = {{"Bearer k", "k"}, {"BEARER   k l", "k l"}, {"Bearer", NULL},
                 {"Bearer ", ""},   {"Bearerk", NULL},       {"Basic k", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct head_field f = {.value = cases[i].value, .value_len = strlen(cases[i].value)};
        size_t n;
        const char *key = head_bearer(&f, &n);
        assert_true((key == NULL) == (cases[i].key == NULL));
        assert_true(!key || (n == strlen(cases[i].key) && memcmp(key, cases[i].key, n) == 0));
    }
    const char *const types[] = {
        "application/json",  "APPLICATION/JSON;charset=x", "application/json ; x", "!text/json", "!",
        "!application/json5"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        bool wrong = types[i][0] == '!';
        struct head_field f = {.value = types[i] + wrong, .value_len = strlen(types[i] + wrong)};
        assert_true(head_is_json(&f) == !wrong);
    }
    assert_false(head_is_json(&(struct head_field){0}));
}

/* ---- hosts and origins ---------------------------------------------------------------------------------- */

static void test_hosts(void **state)
{
    (void)state;
    static const char *const mine[] = {"box.example", "192.168.1.5"};
    const struct host_list allowed = {mine, 2};
    const struct {
        const char *host;
        enum hosts_verdict verdict;
    } cases[] = {{"localhost", HOSTS_FINE},        {"127.0.0.1:1", HOSTS_FINE},    {"127.9.99.255", HOSTS_FINE},
                 {"[::1]:80", HOSTS_FINE},         {"Box.Example:99", HOSTS_FINE}, {"192.168.1.5", HOSTS_FINE},
                 {"192.168.1.50", HOSTS_FOREIGN},  {"127.0.0.1.", HOSTS_FOREIGN},  {"127.0.0", HOSTS_FOREIGN},
                 {"127.0.0.1.1", HOSTS_FOREIGN},   {"127.00.0.1", HOSTS_FOREIGN},  {"127.0.0.1000", HOSTS_FOREIGN},
                 {"1270.0.0.1", HOSTS_FOREIGN},    {"[::2]", HOSTS_FOREIGN},       {"[0:0:0:0:0:0:0:1]", HOSTS_FOREIGN},
                 {"x.box.example", HOSTS_FOREIGN}, {"", HOSTS_MALFORMED},          {":80", HOSTS_MALFORMED},
                 {"a:", HOSTS_MALFORMED},          {"a:b", HOSTS_MALFORMED},       {"a:1:2", HOSTS_MALFORMED},
                 {"[::1", HOSTS_MALFORMED},        {"[]", HOSTS_MALFORMED},        {"[::1]x", HOSTS_MALFORMED},
                 {"a b", HOSTS_MALFORMED},         {"http://a", HOSTS_MALFORMED},  {"a:65536", HOSTS_MALFORMED},
                 {"a:000080", HOSTS_MALFORMED}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (hosts_check(cases[i].host, strlen(cases[i].host), &allowed) != cases[i].verdict)
            fail_msg("%s", cases[i].host);
}

static void test_origins(void **state)
{
    (void)state;
    assert_true(hosts_same_origin("http://a:80", 11, "A:80", 4));
    assert_false(hosts_same_origin("https://a:80", 12, "a:80", 4));
    assert_false(hosts_same_origin("http://a:8", 10, "a:80", 4));
    assert_false(hosts_same_origin("", 0, "", 0));
    static const char *const mine[] = {"https://a.example", "http://b:1"};
    const struct host_list list = {mine, 2};
    assert_true(hosts_lists_origin("http://b:1", 10, &list));
    assert_false(hosts_lists_origin("http://b:1", 9, &list));
    assert_false(hosts_lists_origin("null", 4, &list));
    assert_false(hosts_lists_origin("", 0, &list));
    const char *const good[] = {"http://a", "https://a.b:8", "vscode-webview://x", "http://[::1]:3"};
    const char *const bad[] = {"*",         "null",       "",     "a",          "http://",
                               "http://a/", "http://a b", "://a", "http://a:0", "http://*.a"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(hosts_is_origin(good[i]));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(hosts_is_origin(bad[i]));
}

/* ---- keys ----------------------------------------------------------------------------------------------- */

static const char *name_of(const struct keys *keys, const char *key)
{
    const struct tenant *t = keys_find(keys, key, strlen(key));
    return t ? t->name : NULL;
}

static void test_keys(void **state)
{
    (void)state;
    struct keys keys;
    struct osso_error err = {0};
    const char text[] = "\xef\xbb\xbf# c\r\n  ann\tk-1  rpm=5 concurrent=2\r\n\nk-2\n#k-3\nbob k-4 concurrent=1";
    check_ok(keys_parse(text, sizeof text - 1, "f", &keys, &err), err);
    assert_int_equal(keys.n, 3);
    assert_string_equal(name_of(&keys, "k-1"), "ann");
    assert_string_equal(name_of(&keys, "k-2"), "key-4");
    assert_true(keys.tenant[0]->rpm == 5 && keys.tenant[0]->concurrent == 2 && keys.tenant[2]->concurrent == 1);
    const char *const none[] = {"", "k", "k-", "k-11", "k-3", "ann", "K-1", "k-1\n"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_null(name_of(&keys, none[i]));
    assert_null(keys_find(&keys, "k-1\0", 4));
    assert_null(keys_find(&keys, NULL, 0));
    keys_free(&keys);
}

static void test_bad_keys(void **state)
{
    (void)state;
    char longest[300];
    memset(longest, 'k', sizeof longest);
    longest[257] = 0;
    const char *const bad[] = {"",
                               "#\n",
                               "a k x=1",
                               "a k rpm=0",
                               "a k rpm=",
                               "a k rpm=1 rpm=2",
                               "a k rpm=10000000",
                               "a k rpm=-1",
                               "a k rpm=1x",
                               "a/b k",
                               "a k\nb k",
                               "a k\na l",
                               "k\nk",
                               "a k concurrent=1 rpm=1 more",
                               "\x7f",
                               "a \xc3\xa9",
                               longest};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct keys keys;
        struct osso_error err = {0};
        if (keys_parse(bad[i], strlen(bad[i]), "f", &keys, &err) != OSSO_FORMAT)
            fail_msg("%s", bad[i]);
        assert_true(keys.n == 0 && keys.tenant == NULL && strncmp(err.text, "f: ", 3) == 0);
    }
    struct keys keys;
    struct osso_error err = {0};
    assert_int_equal(keys_parse("a k\0l", 5, "f", &keys, &err), OSSO_FORMAT);
    longest[256] = 0;
    check_ok(keys_parse(longest, 256, "f", &keys, &err), err);
    assert_non_null(keys_find(&keys, longest, 256));
    assert_null(keys_find(&keys, longest, 255));
    keys_free(&keys);
}

static void replace(struct keys *keys, const char *text)
{
    struct keys fresh;
    struct osso_error err = {0};
    check_ok(keys_parse(text, strlen(text), "f", &fresh, &err), err);
    keys_replace(keys, &fresh);
    assert_true(fresh.n == 0 && fresh.tenant == NULL);
}

static uint64_t id_of(const struct keys *keys, const char *key)
{
    const struct tenant *t = keys_find(keys, key, strlen(key));
    return t ? t->id : 0;
}

static void test_keys_again(void **state)
{
    (void)state;
    struct keys keys = {0};
    replace(&keys, "ann k-1 concurrent=1\nbob k-2\nk-3\n");
    uint64_t ann = id_of(&keys, "k-1"), bob = id_of(&keys, "k-2"), bare = id_of(&keys, "k-3");
    assert_true(ann && bob && bare && ann != bob && bob != bare && ann != bare);
    struct tenant *held = keys_find(&keys, "k-2", 3);
    tenant_keep(held); /* a request of bob's goes on */
    keys_find(&keys, "k-1", 3)->running = 1;
    replace(&keys, "k-3\n\ncid k-2\nann k-9 concurrent=7\n");
    assert_int_equal(id_of(&keys, "k-9"), ann);
    assert_int_equal(keys_find(&keys, "k-9", 3)->running, 1);
    assert_int_equal(keys_find(&keys, "k-9", 3)->concurrent, 7);
    assert_int_equal(id_of(&keys, "k-1"), 0);
    assert_int_equal(id_of(&keys, "k-3"), bare);
    assert_true(id_of(&keys, "k-2") != bob); /* the same key under another name is somebody else */
    replace(&keys, "bob k-2\n");
    assert_true(id_of(&keys, "k-2") > bare && id_of(&keys, "k-2") != bob);
    assert_string_equal(held->name, "bob");
    tenant_release(held);
    keys_free(&keys);
}

static void test_rates(void **state)
{
    (void)state;
    struct tenant t = {.rpm = 60, .allowance = 60};
    int64_t now = 1000;
    for (int i = 0; i < 60; i++)
        assert_int_equal(tenant_wait(&t, now), 0);
    assert_int_equal(tenant_wait(&t, now), 1); /* a second and not a moment more: 60 a minute */
    assert_int_equal(tenant_wait(&t, now + 500), 1);
    assert_int_equal(tenant_wait(&t, now + 1100), 0);
    assert_true(tenant_wait(&t, now + 1200) > 0);
    int passed = 0;
    for (now = 10000; now < 10000 + 600000; now += 100)
        passed += tenant_wait(&t, now) == 0;
    assert_in_range(passed, 600, 660); /* ten minutes, and what had gathered before */
    t = (struct tenant){0};
    assert_int_equal(tenant_wait(&t, now), 0);
}

/* ---- routes --------------------------------------------------------------------------------------------- */

static void test_routes(void **state)
{
    (void)state;
    const struct route row[] = {{"GET", "/a", 0, 0, NULL},
                                {"GET", "/a/{id}", 0, 0, NULL},
                                {"DELETE", "/a/{id}", 0, 0, NULL},
                                {"POST", "/a/{id}/b", 0, 0, NULL}};
    const struct routes all = {row, 4};
    const struct {
        const char *method, *path;
        int row;
        bool known;
        const char *id;
    } cases[] = {{"GET", "/a", 0, true, ""},
                 {"HEAD", "/a", 0, true, ""},
                 {"POST", "/a", -1, true, ""},
                 {"GET", "/a/", -1, false, ""},
                 {"GET", "/a/x", 1, true, "x"},
                 {"DELETE", "/a/x", 2, true, "x"},
                 {"PUT", "/a/x", -1, true, "x"},
                 {"GET", "/a/x/", -1, false, ""},
                 {"POST", "/a/x/b", 3, true, "x"},
                 {"POST", "/a//b", -1, false, ""},
                 {"GET", "/a/x/c", -1, false, ""},
                 {"GET", "", -1, false, ""},
                 {"POST", "/a/{id}/b", 3, true, "{id}"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bool known;
        const char *id;
        size_t n;
        const struct route *r = routes_find(&all, cases[i].method, cases[i].path, &known, &id, &n);
        if (r != (cases[i].row < 0 ? NULL : &row[cases[i].row]) || known != cases[i].known)
            fail_msg("%s %s", cases[i].method, cases[i].path);
        if (r)
            assert_true(n == strlen(cases[i].id) && memcmp(id, cases[i].id, n) == 0);
    }
    struct buf allow = {0};
    routes_allow(&all, "/a/x", &allow);
    assert_string_equal(allow.data, "GET, HEAD, DELETE");
    buf_free(&allow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heads),      cmocka_unit_test(test_bearer_and_type),
        cmocka_unit_test(test_hosts),      cmocka_unit_test(test_origins),
        cmocka_unit_test(test_keys),       cmocka_unit_test(test_bad_keys),
        cmocka_unit_test(test_keys_again), cmocka_unit_test(test_rates),
        cmocka_unit_test(test_routes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
