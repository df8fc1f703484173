/* test_about.c: what is told of the model waits until there is one; and what /tokenize takes. */
#include "test.h"

#include "serve/about.h"
#include "serve/desk.h"
#include "serve/exchange_parts.h"
#include "serve/service.h"

#include "base/mem.h"

#include <sys/eventfd.h>
#include <unistd.h>

static struct ready ready = {.lock = PTHREAD_MUTEX_INITIALIZER};
static struct bodies bodies = {.limit = 100000};
static struct desk desk = {.name = "mine", .large = PTHREAD_MUTEX_INITIALIZER};
static struct service service = {.user = &desk};

/* What a handler answers to a body: its status; the text is cut to its room. */
static int ask(void (*handler)(struct exchange *x), const char *body, char *text, size_t size)
{
    struct exchange *x = exchange_create(&ready, &bodies, &service);
    size_t n;
    assert_non_null(x);
    x->id = mem_strdup("mine");
    if (body)
        assert_int_equal(exchange_add_body(x, body, strlen(body), strlen(body), 1000), 0);
    exchange_keep(x);
    handler(x);
    int status = x->status;
    exchange_take(x, text, size - 1, &n);
    text[n] = 0;
    exchange_release(x);
    for (struct exchange *r; (r = ready_take(&ready));)
        exchange_unref(r);
    exchange_unref(x);
    return status;
}

/* The context and the places are the loader's until it is done. */
static void test_loading(void **state)
{
    (void)state;
    static void (*const handlers[])(struct exchange * x) = {about_models, about_model, about_props, about_slots};
    char text[1024];
    desk.context = desk.slots = 0;
    atomic_store(&desk.ready, false);
    for (size_t i = 0; i < sizeof handlers / sizeof *handlers; i++) {
        assert_int_equal(ask(handlers[i], NULL, text, sizeof text), 503);
        assert_non_null(strstr(text, "\"code\":\"loading\""));
    }
    desk.context = 77;
    atomic_store(&desk.ready, true);
    for (size_t i = 0; i < 3; i++) { /* the places are the scheduler's */
        assert_int_equal(ask(handlers[i], NULL, text, sizeof text), 200);
        assert_non_null(strstr(text, "\"n_ctx\":77"));
    }
}

static void test_tokenize(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {{"{}", "content"},
                                           {"{\"content\":5}", "content"},
                                           {"{\"content\":\"a\",\"parse_special\":1}", "parse_special"},
                                           {"{\"content\":\"a\",\"with_pieces\":\"true\"}", "with_pieces"},
                                           {"{\"content\":\"a\",\"add_special\":[]}", "add_special"}};
    struct osso_error err = {""};
    struct osso_tokenizer *tokenizer;
    char text[1024], param[64];
    check_ok(osso_tokenizer_builtin(&tokenizer, &err), err);
    desk.tokenizer = tokenizer;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(ask(about_tokenize, wrong[i][0], text, sizeof text), 400);
        snprintf(param, sizeof param, "\"param\":\"%s\"", wrong[i][1]);
        assert_non_null(strstr(text, param));
    }
    assert_int_equal(ask(about_tokenize, "{\"content\":\"a<|end|>\",\"parse_special\":true,\"add_special\":null}", text,
                         sizeof text),
                     200);
    assert_string_equal(text, "{\"tokens\":[64,200007]}");
    assert_int_equal(ask(about_tokenize, "{\"content\":\"a\",\"with_pieces\":true}", text, sizeof text), 200);
    assert_string_equal(text, "{\"tokens\":[{\"id\":64,\"piece\":\"a\"}]}");
    osso_tokenizer_free(tokenizer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_loading), cmocka_unit_test(test_tokenize)};
    ready.wake = eventfd(0, EFD_NONBLOCK);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    close(ready.wake);
    return failed;
}
