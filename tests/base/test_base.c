/* test_base.c: error sentences, checked arithmetic, byte strings, random numbers, the thread pool. */
#include "fault_test.h"

#include "base/buf.h"
#include "base/checked.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/rng.h"
#include "base/sized.h"
#include "base/thread.h"
#include "base/utf8.h"

#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- promises ------------------------------------------------------------------------------------------- */

/* The library that tests link checks what callers promise: this one breaks its promise, and dies of it. */
static void test_must(void **state)
{
    (void)state;
    int status = 0;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct buf b = {0};
        if (!freopen("/dev/null", "w", stderr))
            _exit(2);
        buf_add(&b, NULL, 1);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

/* A shorter struct of an older caller, and a longer one of a newer: what both know passes, the tail is not touched. */
static void test_sized(void **state)
{
    (void)state;
    struct known {
        size_t size;
        int a, b;
    } own = {sizeof own, 1, 2}, theirs = {offsetof(struct known, b), 10, 20};
    sized_in(&own, sizeof own, &theirs);
    assert_true(own.a == 10 && own.b == 2);
    sized_in(&own, sizeof own, NULL);
    assert_true(own.a == 10 && own.b == 2);
    own.a = 3, own.b = 4;
    sized_out(&theirs, &own, sizeof own);
    assert_true(theirs.a == 3 && theirs.b == 20 && theirs.size == offsetof(struct known, b));
    struct {
        struct known known;
        int more;
    } longer = {{sizeof longer, 0, 0}, 30};
    sized_out(&longer, &own, sizeof own);
    assert_true(longer.known.a == 3 && longer.known.b == 4 && longer.more == 30 && longer.known.size == sizeof own);
}

/* ---- errors --------------------------------------------------------------------------------------------- */

static void check_sentence(const char *text, const char *want)
{
    struct osso_error err;
    assert_int_equal(error_set(&err, OSSO_FORMAT, "%s", text), OSSO_FORMAT);
    assert_string_equal(err.text, want);
}

static void test_error(void **state)
{
    (void)state;
    check_sentence("plain: \xc3\xa9 \xf0\x9f\xa6\x8a", "plain: \xc3\xa9 \xf0\x9f\xa6\x8a");
    check_sentence("a\x1b[31mb\nc\td\re\x7f", "a?[31mb?c?d?e?");
    check_sentence("c1 \xc2\x80 \xc2\x9b \xc2\xa0", "c1 ?? ?? \xc2\xa0");
    check_sentence("bad \xff \xc0\x80 \xed\xa0\x80 \xe2\x82", "bad ? ?? ??? ??");
    for (size_t at = 500; at < 520; at++) { /* a character of 4 bytes across the end of the space */
        char text[600];
        struct osso_error err;
        memset(text, 'x', sizeof text);
        memcpy(text + at, "\xf0\x9f\xa6\x8a", 4);
        text[at + 4] = 0;
        error_set(&err, OSSO_IO, "%s", text);
        size_t n = strlen(err.text);
        assert_true(n < sizeof err.text);
        assert_int_equal(utf8_valid_prefix((const uint8_t *)err.text, n), n);
        error_prefix(&err, OSSO_IO, text);
        n = strlen(err.text);
        assert_int_equal(utf8_valid_prefix((const uint8_t *)err.text, n), n);
    }
    assert_int_equal(error_set(NULL, OSSO_IO, "%s", "x"), OSSO_IO);
    assert_int_equal(error_prefix(NULL, OSSO_IO, "x"), OSSO_IO);
    assert_string_equal(osso_status_text((enum osso_status)999), "unknown status");
    assert_string_equal(osso_status_text(OSSO_NOMEM), "not enough memory");
}

/* ---- sizes ---------------------------------------------------------------------------------------------- */

static void test_checked(void **state)
{
    (void)state;
    const uint64_t max = UINT64_MAX;
    uint64_t r = 42;
    assert_true(ck_add(max - 1, 1, &r) && r == max);
    assert_false(ck_add(max, 1, &r));
    assert_int_equal(r, max); /* left alone */
    assert_true(ck_mul(1ull << 32, (1ull << 32) - 1, &r));
    assert_false(ck_mul(1ull << 32, 1ull << 32, &r));
    assert_true(ck_mul(max, 0, &r) && r == 0);
    assert_true(ck_round_up(0, 32, &r) && r == 0);
    assert_true(ck_round_up(33, 32, &r) && r == 64);
    assert_true(ck_round_up(max - 31, 32, &r) && r == max - 31);
    assert_false(ck_round_up(max - 30, 32, &r));
    assert_true(ck_round_up(7, 1, &r) && r == 7);
    assert_true(ck_inside(0, 0, 0) && ck_inside(10, 0, 10) && ck_inside(3, 7, 10));
    assert_false(ck_inside(11, 0, 10) || ck_inside(3, 8, 10) || ck_inside(3, max, 10) || ck_inside(max, 2, 10));
}

/* ---- byte strings --------------------------------------------------------------------------------------- */

static void test_buf(void **state)
{
    (void)state;
    struct buf b = {0};
    char *empty = buf_take(&b);
    assert_string_equal(empty, "");
    mem_free(empty);
    for (size_t n = 0; n <= 6; n++) /* RFC 4648, section 10 */
        buf_base64(&b, "foobar", n);
    assert_string_equal(b.data, "Zg==Zm8=Zm9vZm9vYg==Zm9vYmE=Zm9vYmFy");
    buf_clear(&b);
    buf_base64(&b, "\xff\xef\xbe\xfb", 4);
    assert_string_equal(b.data, "/++++w==");
    buf_free(&b);
}

static void fill(struct buf *b)
{
    for (int i = 0; i < 400; i++)
        buf_printf(b, "%d,", i);
    buf_putc(b, '\n');
    buf_add(b, NULL, 0);
}

/* The string is whole or refused, never cut. */
static enum osso_status fill_whole(void *whole, struct osso_error *err)
{
    struct buf b = {0};
    fill(&b);
    bool failed = b.failed;
    char *text = buf_take(&b);
    assert_int_equal(text == NULL, failed);
    if (text)
        assert_string_equal(text, whole);
    mem_free(text);
    return failed ? error_nomem(err, 1, "a string") : OSSO_OK;
}

static void test_buf_ids(void **state)
{
    (void)state;
    static const int32_t ids[] = {0, 7, -1, 10, 99, 100, 201087, INT32_MAX, INT32_MIN};
    struct buf b = {0}, printed = {0};
    for (size_t n = 0; n <= sizeof ids / sizeof *ids; n++) {
        buf_clear(&printed);
        buf_clear(&b);
        for (size_t i = 0; i < n; i++)
            buf_printf(&printed, "%s%d", i ? ", " : "", (int)ids[i]);
        buf_ids(&b, ids, n, ", ");
        assert_int_equal(b.len, printed.len);
        assert_true(n == 0 || strcmp(b.data, printed.data) == 0);
    }
    buf_free(&b);
    buf_free(&printed);
}

static void test_buf_memory(void **state)
{
    (void)state;
    struct buf whole = {0};
    fill(&whole);
    assert_true(fault_each(fill_whole, whole.data, false) > 2);
    struct buf huge = {0};
    buf_puts(&huge, "x");
    buf_add(&huge, "y", SIZE_MAX); /* refused before anything is read */
    assert_true(huge.failed);
    assert_null(buf_take(&huge));
    buf_free(&whole);
    assert_null(mem_array(SIZE_MAX / 2, 3));
    assert_null(mem_grow(NULL, SIZE_MAX / 2, 3));
    assert_null(mem_strndup("x", SIZE_MAX));
}

/* ---- random numbers ------------------------------------------------------------------------------------- */

static void test_rng(void **state)
{
    (void)state;
    /* splitmix64 from 0, and xoshiro256** from the state 1, 2, 3, 4: the authors' published sequences. */
    static const uint64_t split[] = {0xe220a8397b1dcdaf, 0x6e789e6aa1b965f4, 0x06c45d188009454f, 0xf88bb8a8724c81ec};
    static const uint64_t star[] = {11520,
                                    0,
                                    1509978240,
                                    1215971899390074240,
                                    1216172134540287360,
                                    607988272756665600,
                                    16172922978634559625u,
                                    8476171486693032832,
                                    10595114339597558777u,
                                    2904607092377533576};
    uint64_t s = 0;
    for (int i = 0; i < 4; i++)
        assert_int_equal(rng_splitmix(&s), split[i]);
    struct rng r = {{1, 2, 3, 4}};
    for (int i = 0; i < 10; i++)
        assert_int_equal(rng_next(&r), star[i]);
    rng_seed(&r, 0);
    assert_int_equal(r.s[3], split[3]);
    int seen[7] = {0};
    for (int i = 0; i < 70000; i++) {
        uint64_t v = rng_below(&r, 7);
        double u = rng_unit(&r);
        assert_true(v < 7 && u >= 0 && u < 1);
        seen[v]++;
    }
    for (int i = 0; i < 7; i++)
        assert_in_range(seen[i], 9500, 10500);
    assert_int_equal(rng_below(&r, 1), 0);
    for (int i = 0; i < 1000; i++)
        assert_true(rng_below(&r, UINT64_MAX) < UINT64_MAX);
}

/* ---- threads -------------------------------------------------------------------------------------------- */

struct relay {
    int rounds;
    int64_t cell[64]; /* plain memory: the barriers alone make it visible */
    int wrong[64];
};

/* Each round every member writes its cell, then reads all others'. */
static void relay(const struct member *member, void *arg)
{
    struct relay *r = arg;
    for (int round = 1; round <= r->rounds; round++) {
        r->cell[member->id] = (int64_t)round * 100 + member->id;
        member_sync(member);
        for (int i = 0; i < member->n; i++)
            r->wrong[member->id] += r->cell[i] != (int64_t)round * 100 + i;
        member_sync(member);
    }
}

static void count_one(const struct member *member, void *arg)
{
    ((int *)arg)[member->id]++;
}

static enum osso_status make_team(void *arg, struct osso_error *err)
{
    struct team *team;
    (void)arg;
    enum osso_status status = team_create(3, &team, err);
    assert_int_equal(team == NULL, status != OSSO_OK);
    team_free(team);
    return status;
}

static void test_pool(void **state)
{
    (void)state;
    struct osso_error err = {""};
    bool quick = test_quick();
    int many = 4 * cpu_count() < 61 ? 4 * cpu_count() + 3 : 64;
    for (int n = 1; n <= 9; n++) {
        struct team *pool;
        int members = n == 9 ? many : n, calls[64] = {0};
        struct relay r = {.rounds = quick              ? 200
                                    : n == 9           ? 500
                                    : n <= cpu_count() ? 5000
                                                       : 1000}; /* two syncs a round */
        check_ok(team_create(members, &pool, &err), err);
        assert_int_equal(team_threads(pool), members);
        team_run(pool, relay, &r);
        for (int i = 0; i < 300; i++)
            team_run(pool, count_one, calls);
        for (int i = 0; i < members; i++) {
            assert_int_equal(r.wrong[i], 0);
            assert_int_equal(calls[i], 300);
        }
        team_free(pool);
    }
    struct team *pool;
    assert_int_equal(team_create(0, &pool, &err), OSSO_USAGE);
    assert_int_equal(team_create(1025, &pool, &err), OSSO_USAGE);
    assert_true(fault_each(make_team, NULL, false) >= 2);
    for (int i = 0; i < 50; i++) { /* workers that never ran */
        check_ok(team_create(3, &pool, &err), err);
        team_free(pool);
    }
    team_free(NULL);
    assert_int_equal(team_threads(NULL), 1);
}

/* Deals of different sizes one after another, with no barrier between; how often each item was handed out. */
enum { DEALS = 200 };
struct deals {
    int count[DEALS];
    _Atomic int taken[DEALS][40];
    bool runs; /* as stints */
};

static void take_items(const struct member *member, void *arg)
{
    struct deals *d = arg;
    for (int deal = 0; deal < DEALS; deal++) {
        int64_t item;
        struct deal dealt = member_deal(member);
        while (!d->runs && (item = member_claim(member, &dealt, d->count[deal])) >= 0)
            d->taken[deal][item]++;
        for (struct stint s; d->runs && member_take(member, &dealt, d->count[deal], 1 + deal % 4, &s);)
            for (item = s.lo; item < s.hi; item++)
                d->taken[deal][item]++;
    }
}

static void test_deals(void **state)
{
    (void)state;
    struct osso_error err;
    for (int n = 0; n <= 5; n++) { /* 0: a serial member without a team */
        static struct deals d;
        struct team *pool;
        memset(&d, 0, sizeof d);
        for (int i = 0; i < DEALS; i++)
            d.count[i] = i * 7 % 41;
        if (n > 0)
            check_ok(team_create(n, &pool, &err), err);
        for (int step = 0; step < 4; step++) { /* a later step goes on */
            d.runs = step % 2;
            if (n > 0)
                team_run(pool, take_items, &d);
            else
                take_items(&(struct member){0, 1, NULL}, &d);
        }
        if (n > 0)
            team_free(pool);
        for (int i = 0; i < DEALS; i++)
            for (int item = 0; item < 40; item++)
                assert_int_equal(d.taken[i][item], item < d.count[i] ? 4 : 0);
    }
}

/* One member keeps its first stint until the others have done all the rest, however many items there are. */
struct stalled {
    int member;
    int64_t count;
    _Atomic int64_t done;
    int64_t from, first, stints; /* of the held one: its first stint, if that is of its own share, and their number */
    _Atomic int wrong;
};

static void stall_one(const struct member *member, void *arg)
{
    struct stalled *x = arg;
    struct deal deal = member_deal(member);
    int64_t end = clock_ms() + 20000, at = -1, stints = 0;
    for (struct stint s; member_take(member, &deal, x->count, 8, &s); x->done += s.hi - s.lo) {
        x->wrong += s.follows != (s.lo == at) || s.hi <= s.lo;
        at = s.hi;
        if (stints++ > 0 || member->id != x->member)
            continue;
        x->from = s.lo;
        x->first = s.goes_on ? s.hi - s.lo : 0;
        while (x->done < x->count - (s.hi - s.lo) && clock_ms() < end)
            sched_yield();
    }
    if (member->id == x->member)
        x->stints = stints;
}

static void test_stalled(void **state)
{
    static const int64_t counts[] = {90, 1000, 5000000, 300000000};
    (void)state;
    struct osso_error err;
    struct team *pool;
    int held = 0;
    check_ok(team_create(3, &pool, &err), err);
    for (int i = 0; i < 4 * 3 * 5; i++) {
        struct stalled x = {.member = i % 3, .count = counts[i / 3 % 4]};
        team_run(pool, stall_one, &x);
        assert_int_equal(x.done, x.count);
        assert_int_equal(x.wrong, 0);
        assert_true(x.stints < 2); /* 0: the others were so fast that nothing was left for it */
        if (x.stints == 0 || x.first == 0)
            continue;
        int64_t share = x.count / 3, group = 1 + x.count / 3000000; /* at least */
        assert_in_range(x.from + group, x.member * share, x.member * share + 2 * group);
        assert_in_range(x.first + group, share / 2, share / 2 + 2 * group + 1);
        held++;
    }
    assert_true(held > 0);
    team_free(pool);
}

static void look_at_mask(const struct member *member, void *arg)
{
    sigset_t set;
    pthread_sigmask(SIG_SETMASK, NULL, &set);
    ((int *)arg)[member->id] = sigismember(&set, SIGINT) * 2 + sigismember(&set, SIGBUS);
}

/* Ctrl-C belongs to the caller's thread; a fault in a mapped file is seen by whoever it happens to. */
static void test_signals(void **state)
{
    (void)state;
    struct osso_error err = {""};
    struct team *pool;
    int mask[3] = {-1, -1, -1};
    check_ok(team_create(3, &pool, &err), err);
    team_run(pool, look_at_mask, mask);
    team_free(pool);
    assert_int_equal(mask[0], 0);
    assert_int_equal(mask[1], 2);
    assert_int_equal(mask[2], 2);
}

static void test_share(void **state)
{
    (void)state;
    for (int n = 1; n <= 64; n += n < 9 ? 1 : 11)
        for (int64_t count = 0; count < 200; count += 1 + count / 20) {
            int64_t next = 0, least = INT64_MAX, most = 0;
            for (int id = 0; id < n; id++) {
                struct member member = {id, n, NULL};
                int64_t lo, hi;
                member_share(&member, count, &lo, &hi);
                assert_true(lo == next && hi >= lo);
                least = hi - lo < least ? hi - lo : least;
                most = hi - lo > most ? hi - lo : most;
                next = hi;
            }
            assert_int_equal(next, count);
            assert_true(most - least <= 1);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_error),   cmocka_unit_test(test_checked),    cmocka_unit_test(test_buf),
        cmocka_unit_test(test_buf_ids), cmocka_unit_test(test_buf_memory), cmocka_unit_test(test_rng),
        cmocka_unit_test(test_pool),    cmocka_unit_test(test_deals),      cmocka_unit_test(test_stalled),
        cmocka_unit_test(test_signals), cmocka_unit_test(test_share),      cmocka_unit_test(test_must),
        cmocka_unit_test(test_sized)};
    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
