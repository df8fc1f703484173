/* test_exchange.c: an exchange between threads: what is written arrives whole and in order, whoever lets go last; run
 * under TSan too. The I/O thread is played by the test. */
#include "test.h"

#include "serve/exchange_parts.h"

#include "base/clock.h"
#include "base/mem.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

static struct ready ready = {.lock = PTHREAD_MUTEX_INITIALIZER};
static struct bodies bodies = {.limit = 100000};

static struct exchange *make(void)
{
    struct exchange *x = exchange_create(&ready, &bodies, NULL);
    assert_non_null(x);
    return x;
}

/* Empties the list; how many were in it. */
static int take_all(void)
{
    int n = 0;
    for (struct exchange *x; (x = ready_take(&ready)); n++)
        exchange_unref(x);
    return n;
}

static enum exchange_take take(struct exchange *x, char *text, size_t size)
{
    size_t n;
    enum exchange_take taken = exchange_take(x, text, size - 1, &n);
    text[n] = 0;
    return taken;
}

static void test_reply(void **state)
{
    (void)state;
    char text[64];
    struct exchange *x = make();
    const char *const headers[] = {"X-A", "b", NULL};
    assert_false(exchange_begun(x));
    exchange_reply(x, 201, headers, "text/plain", "hello", 5);
    exchange_reply(x, 500, NULL, "text/plain", "never", 5);
    exchange_error(x, 500, NULL, NULL, "never");
    assert_int_equal(exchange_write(x, "never", 5), EXCHANGE_GONE);
    assert_int_equal(take_all(), 1);
    assert_int_equal(x->status, 201);
    assert_string_equal(x->headers.data, "X-A\nb\nContent-Type\ntext/plain\n");
    assert_int_equal(take(x, text, 4), TAKE_DATA);
    assert_string_equal(text, "hel");
    assert_int_equal(take(x, text, sizeof text), TAKE_DATA);
    assert_string_equal(text, "lo");
    assert_int_equal(take(x, text, sizeof text), TAKE_END);
    exchange_unref(x);
}

static void test_error_shape(void **state)
{
    (void)state;
    char text[512];
    struct exchange *x = make();
    exchange_error(x, 429, "a[0].b", "slow", "wait \"%s\"\n", "\xff");
    assert_int_equal(take(x, text, sizeof text), TAKE_DATA);
    assert_string_equal(text, "{\"error\":{\"message\":\"wait \\\"\xef\xbf\xbd\\\"\\n\",\"type\":\"rate_limit_error\","
                              "\"param\":\"a[0].b\",\"code\":\"slow\"}}");
    assert_non_null(strstr(x->headers.data, "Retry-After\n1\n"));
    take_all();
    exchange_unref(x);
}

static void test_stream(void **state)
{
    (void)state;
    char text[64];
    struct exchange *x = make();
    assert_int_equal(exchange_write(x, "early", 5), EXCHANGE_GONE);
    exchange_stream_begin(x, 200, NULL, "text/event-stream");
    assert_int_equal(take(x, text, sizeof text), TAKE_LATER);
    assert_int_equal(exchange_write(x, "abc", 3), 3);
    assert_int_equal(exchange_write(x, "def", 3), 6);
    assert_int_equal(take_all(), 1); /* once, however much was written */
    assert_int_equal(take(x, text, 3), TAKE_DATA);
    assert_int_equal(exchange_write(x, "ghi", 3), 7);
    assert_int_equal(take(x, text, sizeof text), TAKE_DATA);
    assert_string_equal(text, "cdefghi");
    assert_int_equal(take(x, text, sizeof text), TAKE_LATER);
    exchange_remind(x, clock_ms() - 1000, clock_ms()); /* it was not silent so long */
    assert_int_equal(take(x, text, sizeof text), TAKE_LATER);
    exchange_remind(x, clock_ms() + 1, clock_ms());
    assert_int_equal(take(x, text, sizeof text), TAKE_DATA);
    assert_string_equal(text, ": waiting\n\n");
    exchange_end(x);
    assert_int_equal(exchange_write(x, "late", 4), EXCHANGE_GONE);
    exchange_remind(x, clock_ms() + 1, clock_ms());
    assert_int_equal(take(x, text, sizeof text), TAKE_END);
    take_all();
    exchange_unref(x);
}

/* Whoever lets go of an exchange last without an answer leaves an error behind, not a client that waits. */
static void test_let_go(void **state)
{
    (void)state;
    char text[512];
    struct exchange *x = make();
    exchange_keep(x);
    exchange_keep(x);
    exchange_release(x);
    assert_false(exchange_begun(x));
    exchange_release(x);
    assert_int_equal(x->status, 500);
    assert_int_equal(take(x, text, sizeof text), TAKE_DATA);
    take_all();
    exchange_unref(x);
    x = make();
    exchange_keep(x);
    exchange_stream_begin(x, 200, NULL, "text/event-stream");
    exchange_write(x, "a", 1);
    exchange_release(x);
    assert_int_equal(take(x, text, sizeof text), TAKE_DATA);
    assert_int_equal(take(x, text, sizeof text), TAKE_CUT);
    take_all();
    exchange_unref(x);
}

static void count(void *user)
{
    ++*(int *)user;
}

static void test_gone(void **state)
{
    (void)state;
    int told = 0;
    char text[16];
    struct exchange *x = make();
    exchange_on_gone(x, count, &told);
    exchange_stream_begin(x, 200, NULL, "text/event-stream");
    exchange_write(x, "a", 1);
    exchange_leave(x);
    exchange_leave(x);
    assert_int_equal(told, 1);
    assert_true(exchange_gone(x));
    assert_int_equal(exchange_write(x, "b", 1), EXCHANGE_GONE);
    assert_int_equal(take(x, text, sizeof text), TAKE_CUT);
    exchange_on_gone(x, count, &told); /* too late: at once */
    assert_int_equal(told, 2);
    exchange_on_gone(x, NULL, NULL);
    take_all();
    exchange_unref(x);
    x = make(); /* one that has its whole answer does not leave */
    exchange_on_gone(x, count, &told);
    exchange_reply(x, 200, NULL, NULL, "a", 1);
    assert_int_equal(take(x, text, sizeof text), TAKE_DATA);
    exchange_leave(x);
    assert_int_equal(told, 2);
    assert_false(exchange_gone(x));
    take_all();
    exchange_unref(x);
}

/* Who reads a little now and then holds no more memory than the limit and what was written in one go. */
static void test_too_much_unread(void **state)
{
    (void)state;
    enum { PIECE = 3 << 20 };
    int told = 0;
    char text[64], *piece = calloc(1, PIECE);
    struct exchange *x = make();
    exchange_on_gone(x, count, &told);
    exchange_stream_begin(x, 200, NULL, "text/event-stream");
    for (size_t unread = PIECE;; unread += PIECE - 4) {
        assert_int_equal(exchange_write(x, piece, PIECE), unread);
        assert_true(take(x, text, 5) == TAKE_DATA && told == 0);
        if (unread - 4 > EXCHANGE_UNREAD)
            break;
    }
    take_all();
    assert_int_equal(exchange_write(x, "x", 1), EXCHANGE_GONE);
    assert_true(told == 1 && exchange_gone(x) && x->out.cap == 0);
    assert_int_equal(take_all(), 1); /* the I/O thread hears of it */
    assert_int_equal(take(x, text, sizeof text), TAKE_CUT);
    assert_int_equal(exchange_write(x, "x", 1), EXCHANGE_GONE);
    exchange_leave(x);
    assert_int_equal(told, 1);
    exchange_unref(x);
    free(piece);
}

static void test_body(void **state)
{
    (void)state;
    char piece[1000];
    size_t n;
    memset(piece, 'x', sizeof piece);
    struct exchange *x = make(), *y = make();
    for (int i = 0; i < 50; i++)
        assert_int_equal(exchange_add_body(x, piece, sizeof piece, 50000, 60000), 0);
    assert_int_equal(exchange_body(x, &n)[49999], 'x');
    assert_int_equal(n, 50000);
    assert_int_equal(exchange_body(x, &n)[50000], 0);
    assert_true(atomic_load(&bodies.held) <= 50001); /* not twice what was announced */
    assert_int_equal(exchange_add_body(x, piece, 1000, UINT64_MAX, 50999), 413);
    int status = 0;
    for (int i = 0; i < 100 && !status; i++)
        status = exchange_add_body(y, piece, sizeof piece, UINT64_MAX, 1 << 20);
    assert_int_equal(status, 503);
    assert_true(atomic_load(&bodies.held) <= bodies.limit);
    exchange_drop_body(x);
    exchange_unref(x);
    exchange_unref(y);
    assert_int_equal(atomic_load(&bodies.held), 0);
}

static void test_parameters(void **state)
{
    (void)state;
    struct exchange *x = make();
    char text[8];
    x->query = mem_strdup("a=1&bb=x%2Fy+z&empty=&long=123456789&nul=%00&half=%4&odd=%zz&a=2&flag");
    assert_true(exchange_parameter(x, "a", text, sizeof text));
    assert_string_equal(text, "1");
    assert_true(exchange_parameter(x, "bb", text, sizeof text));
    assert_string_equal(text, "x/y z");
    assert_true(exchange_parameter(x, "empty", text, sizeof text));
    assert_string_equal(text, "");
    const char *const none[] = {"b", "long", "nul", "half", "odd", "flag", "", "x"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        assert_false(exchange_parameter(x, none[i], text, sizeof text));
    exchange_unref(x);
}

/* ---- between threads ------------------------------------------------------------------------------------- */

enum { EXCHANGES = 16 };

struct pair {
    struct exchange *x;
    bool leaves;
    int events;
};

static void *write_events(void *arg)
{
    struct pair *p = arg;
    char event[32];
    exchange_stream_begin(p->x, 200, NULL, "text/event-stream");
    for (int i = 0; i < p->events; i++) {
        int n = snprintf(event, sizeof event, "%d\n", i);
        if (exchange_write(p->x, event, (size_t)n) == EXCHANGE_GONE)
            break;
    }
    exchange_end(p->x);
    exchange_release(p->x);
    return NULL;
}

/* What one exchange has said so far: numbers that count up. */
struct heard {
    int next;
    bool over;
    char rest[64];
    size_t n;
};

static void hear(struct heard *h, const char *text, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (text[i] != '\n') {
            h->rest[h->n++] = text[i];
            continue;
        }
        h->rest[h->n] = 0;
        assert_int_equal(atoi(h->rest), h->next);
        h->next++;
        h->n = 0;
    }
}

static void test_threads(void **state)
{
    (void)state;
    pthread_t thread[EXCHANGES];
    struct pair pair[EXCHANGES];
    struct heard heard[EXCHANGES] = {0};
    int open = EXCHANGES, told = 0;
    for (int i = 0; i < EXCHANGES; i++) {
        pair[i] = (struct pair){make(), i % 4 == 3, test_quick() ? 2000 : 20000};
        exchange_keep(pair[i].x);
        exchange_on_gone(pair[i].x, count, &told);
    }
    for (int i = 0; i < EXCHANGES; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, write_events, &pair[i]), 0);
    while (open > 0) {
        uint64_t n;
        char text[100];
        assert_int_equal(read(ready.wake, &n, sizeof n), sizeof n); /* a lost wake-up would be a wait for ever */
        for (struct exchange *x; (x = ready_take(&ready)); exchange_unref(x)) {
            int i = 0;
            while (pair[i].x != x)
                i++;
            for (enum exchange_take taken = TAKE_DATA; taken == TAKE_DATA && !heard[i].over;) {
                size_t len;
                taken = exchange_take(x, text, sizeof text, &len);
                hear(&heard[i], text, len);
                if (pair[i].leaves && heard[i].next > 1000)
                    exchange_leave(x);
                heard[i].over = taken == TAKE_END || taken == TAKE_CUT;
                open -= heard[i].over;
            }
        }
    }
    for (int i = 0; i < EXCHANGES; i++) {
        pthread_join(thread[i], NULL);
        assert_true(heard[i].next == pair[i].events || pair[i].leaves);
    }
    take_all();
    for (int i = 0; i < EXCHANGES; i++)
        exchange_unref(pair[i].x);
    assert_true(told <= EXCHANGES / 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reply),      cmocka_unit_test(test_error_shape), cmocka_unit_test(test_stream),
        cmocka_unit_test(test_let_go),     cmocka_unit_test(test_gone),        cmocka_unit_test(test_body),
        cmocka_unit_test(test_parameters), cmocka_unit_test(test_threads),     cmocka_unit_test(test_too_much_unread),
    };
    ready.wake = eventfd(0, 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
