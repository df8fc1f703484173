/* test_pace.c: a machine whose times are known, and what the scheduler learns of it. */
#include "base/rng.h"
#include "serve/pace.h"
#include "test.h"

#include <math.h>

struct machine {
    double step, stream, row, depth; /* ms: any step, a stream, a row of a prompt, and that per token before it */
    double experts;                  /* all of them, read once; a row chooses CHOSEN of them */
    struct rng rng;
};

enum { CHOSEN = 8 }; /* one in so many */

static double ms_of(struct machine *m, int streams, const struct pace_piece *pieces, int n)
{
    double ms = m->step + m->stream * streams, rows = streams;
    for (int i = 0; i < n; i++) {
        rows += (double)pieces[i].rows;
        ms += (double)pieces[i].rows * (m->row + m->depth * (double)pieces[i].depth);
    }
    ms += m->experts * (1 - pow(1 - 1.0 / CHOSEN, rows));
    return ms * (0.9 + 0.2 * rng_unit(&m->rng));
}

static struct machine small(void)
{
    struct machine m = {10, 2, 0.45, 8e-5, 0, {{0}}};
    rng_seed(&m.rng, 7);
    return m;
}

/* A prompt of `tokens` beside streams: the steps until it is read, the longest after the first `warm`. */
static int read_beside(struct pace *p, struct machine *m, int streams, size_t tokens, bool company, double *longest)
{
    int steps = 0;
    size_t at = 0;
    *longest = 0;
    for (; at < tokens && steps < 100000; steps++) {
        struct pace_piece piece = {at, tokens - at};
        int rows = pace_share(p, streams, &piece, 1, company);
        assert_true(rows >= 0 && rows <= 512 && (size_t)rows == piece.rows);
        double ms = ms_of(m, streams, &piece, 1);
        pace_learn(p, streams, &piece, 1, ms);
        at += piece.rows;
        if (steps > 20 && ms > *longest)
            *longest = ms;
    }
    return steps;
}

/* The same number of streams for a thousand steps, beside a prompt whose rows become five times as expensive: what the
 * streams take alone is not forgotten, and a step stays below twice that. */
static void test_streams_flow(void **state)
{
    (void)state;
    const int streams[] = {16, 32, 100};
    for (size_t i = 0; i < 3; i++) {
        struct machine m = small();
        struct pace p = {0};
        double longest, alone = m.step + m.stream * streams[i];
        for (int k = 1; k <= streams[i]; k++)
            pace_learn(&p, k, NULL, 0, ms_of(&m, k, NULL, 0));
        int steps = read_beside(&p, &m, streams[i], 32000, true, &longest);
        if (longest > 2.2 * alone)
            fail_msg("%d streams: %.0f ms beside %.0f", streams[i], longest, alone);
        double rows = 32000.0 / steps;
        if (rows < 7)
            fail_msg("%d streams: %.1f rows a step", streams[i], rows);
    }
}

/* Streams that stood still for a minute once (the process was stopped) flow beside a prompt as they did before. */
static void test_after_a_stop(void **state)
{
    (void)state;
    enum { STREAMS = 32 };
    struct machine m = small();
    struct pace p = {0};
    double longest, alone = m.step + m.stream * STREAMS;
    for (int k = 0; k < 10; k++)
        pace_learn(&p, STREAMS, NULL, 0, ms_of(&m, STREAMS, NULL, 0));
    pace_learn(&p, STREAMS, NULL, 0, 60000);
    read_beside(&p, &m, STREAMS, 32000, true, &longest);
    if (longest > 2.2 * alone)
        fail_msg("%.0f ms beside %.0f", longest, alone);
}

/* Nobody else: whole pieces. With company: pieces that end soon, at any depth. */
static void test_company(void **state)
{
    (void)state;
    struct machine m = small();
    struct pace p = {0};
    double longest;
    assert_int_equal(read_beside(&p, &m, 0, 32000, false, &longest), 63);
    read_beside(&p, &m, 0, 32000, true, &longest);
    if (longest > 70)
        fail_msg("%.0f ms", longest);
}

/* On a fast machine a short prompt takes less than what a step may always take, and so do steps with company. */
static void test_fast(void **state)
{
    (void)state;
    struct machine m = {2, 1, 0.08, 0, 0, {{0}}};
    struct pace p = {0};
    double longest;
    pace_learn(&p, 1, NULL, 0, ms_of(&m, 1, NULL, 0));
    read_beside(&p, &m, 1, 32000, true, &longest);
    if (longest > 1.5 * 144 * m.row)
        fail_msg("%.1f ms", longest);
}

/* Who has least left goes first, and a deep prompt behind it does not make its step long. */
static void test_order(void **state)
{
    (void)state;
    struct machine m = small();
    struct pace p = {0};
    double longest;
    read_beside(&p, &m, 0, 32000, true, &longest);
    struct pace_piece pieces[] = {{0, 100}, {31000, 1000}};
    pace_share(&p, 0, pieces, 2, true);
    assert_in_range(pieces[0].rows, 50, 75);
    assert_true(pieces[1].rows <= 16);
}

/* Many wait and few stream: prompts get more of the step. Two streams give up what nobody reads so fast. */
static void test_crowd(void **state)
{
    (void)state;
    struct machine m = small();
    struct pace p = {0};
    struct pace_piece pieces[60];
    pace_learn(&p, 16, NULL, 0, m.step + 16 * m.stream);
    pace_learn(&p, 16, &(struct pace_piece){0, 16}, 1, m.step + 16 * m.stream + 16 * m.row);
    for (int i = 0; i < 60; i++)
        pieces[i] = (struct pace_piece){0, 100};
    assert_int_equal(pace_share(&p, 16, pieces, 60, true), 512);
    pieces[0] = (struct pace_piece){0, 100};
    assert_in_range(pace_share(&p, 16, pieces, 1, true), 50, 75);
    pieces[0] = (struct pace_piece){0, 200};
    pace_learn(&p, 2, NULL, 0, m.step + 2 * m.stream);
    assert_in_range(pace_share(&p, 2, pieces, 1, true), 40, 70);
}

/* One stream says little of 32: these are looked at once before a prompt takes of their time, and 20 are near enough.
 */
static void test_far(void **state)
{
    (void)state;
    struct machine m = small();
    struct pace p = {0};
    struct pace_piece piece = {0, 100};
    pace_learn(&p, 1, NULL, 0, m.step + m.stream);
    pace_learn(&p, 1, &(struct pace_piece){0, 16}, 1, m.step + m.stream + 16 * m.row);
    assert_int_equal(pace_share(&p, 32, &piece, 1, true), 0);
    pace_learn(&p, 32, &piece, 1, m.step + 32 * m.stream);
    piece.rows = 100;
    assert_true(pace_share(&p, 32, &piece, 1, true) > 0);
    piece.rows = 100;
    assert_true(pace_share(&p, 20, &piece, 1, true) > 0);
}

/* Now and then streams are alone in a step, so that it is known what they take. */
static void test_looks(void **state)
{
    (void)state;
    struct machine m = small();
    struct pace p = {0};
    int looks = 0;
    for (int i = 0; i < 330; i++) {
        struct pace_piece piece = {1000, 5000};
        looks += pace_share(&p, 8, &piece, 1, true) == 0;
        pace_learn(&p, 8, &piece, 1, ms_of(&m, 8, &piece, 1));
    }
    assert_int_equal(looks, 10);
}

/* A model whose experts are most of what a step reads: prompts of `tokens`, each a stream as soon as it is read. The ms
 * until all are, and the longest step. */
static double read_few(struct pace *p, struct machine *m, int prompts, size_t tokens, double *longest)
{
    size_t left[16];
    double ms = *longest = 0;
    for (int i = 0; i < prompts; i++)
        left[i] = tokens;
    for (int streams = 0; streams < prompts;) {
        struct pace_piece pieces[16];
        int n = prompts - streams;
        for (int i = 0; i < n; i++)
            pieces[i] = (struct pace_piece){tokens - left[streams + i], left[streams + i]};
        pace_share(p, streams, pieces, n, true);
        double step = ms_of(m, streams, pieces, n);
        pace_learn(p, streams, pieces, n, step);
        for (int i = n; i-- > 0;)
            left[streams + i] -= pieces[i].rows;
        while (streams < prompts && left[streams] == 0)
            streams++;
        ms += step;

        *longest = fmax(*longest, step);
    }
    return ms;
}

/* Eight short prompts are read in few steps, each of which reads all experts: in less time than where what these cost
 * is not known, and no step takes longer than a whole piece. */
static void test_experts(void **state)
{
    (void)state;
    for (size_t tokens = 32; tokens <= 128; tokens *= 2) {
        double longest, ms[2];
        for (int known = 0; known < 2; known++) {
            struct machine m = {60, 10, 6, 0, 900, {{0}}};
            struct pace p = {.chosen = known ? 1.0 / CHOSEN : 0};
            ms[known] = read_few(&p, &m, 8, tokens, &longest);
            if (known && tokens == 128 && (fabs(p.experts - m.experts) > 200 || fabs(p.row[0] - m.row) > 1.5))
                fail_msg("experts %.0f ms, a row %.1f", p.experts, p.row[0]);
        }
        if (ms[1] > 0.9 * ms[0] || longest > 5000)
            fail_msg("%zu tokens: %.0f ms, %.0f without", tokens, ms[1], ms[0]);
    }
}

/* The first step of a cold server takes five times what it would. One more, and eight short prompts are read at once.
 */
static void test_cold(void **state)
{
    (void)state;
    struct machine m = {60, 10, 7, 0, 900, {{0}}};
    struct pace p = {.chosen = 1.0 / CHOSEN};
    struct pace_piece pieces[8] = {{0, 20}};
    assert_true(pace_moment(&p, 100) == 0); /* nothing is known */
    pace_learn(&p, 0, pieces, 1, 5 * ms_of(&m, 0, pieces, 1));
    pace_learn(&p, 1, NULL, 0, ms_of(&m, 1, NULL, 0));
    pace_learn(&p, 1, pieces, 1, ms_of(&m, 1, pieces, 1));
    for (int i = 0; i < 8; i++)
        pieces[i] = (struct pace_piece){0, 16};
    int rows = pace_share(&p, 0, pieces, 8, true);
    if (rows < 100)
        fail_msg("%d rows: experts %.0f ms, a row %.1f", rows, p.experts, p.row[0]);
}

/* What an idle server waits for company is next to nothing beside the step that follows. */
static void test_moment(void **state)
{
    (void)state;
    struct machine large = {60, 10, 7, 0, 900, {{0}}}, fast = {2, 1, 0.08, 0, 0, {{0}}};
    struct pace slow = {.chosen = 1.0 / CHOSEN}, quick = {0};
    struct pace_piece piece = {0, 20};
    pace_learn(&slow, 0, &piece, 1, ms_of(&large, 0, &piece, 1));
    pace_learn(&quick, 0, &piece, 1, ms_of(&fast, 0, &piece, 1));
    assert_true(pace_moment(&slow, 20) == 10 && pace_moment(&slow, 100000) == 10);
    assert_true(pace_moment(&quick, 20) > 0 && pace_moment(&quick, 20) < 0.2);
    assert_true(pace_moment(&quick, 100000) <= 10);
}

/* Rows of a deep prompt cost ever more, and experts as much as ever: steps with company stay short to the end. */
static void test_deep(void **state)
{
    (void)state;
    struct machine m = {2, 1, 0.08, 3e-5, 4, {{0}}};
    struct pace p = {.chosen = 1.0 / CHOSEN};
    double longest;
    struct pace_piece first = {0, 100};
    pace_learn(&p, 0, &first, 1, ms_of(&m, 0, &first, 1));
    for (int streams = 1; streams < 4; streams++)
        pace_learn(&p, streams, NULL, 0, ms_of(&m, streams, NULL, 0));
    read_beside(&p, &m, 1, 32000, true, &longest);
    if (longest > 50 || p.experts > 4 * m.experts)
        fail_msg("%.0f ms; experts %.1f ms, which take %.1f", longest, p.experts, m.experts);
}

/* 64 prompts at once, each a stream as soon as it is read: the steps until all are. One step takes `more` ms more. */
static int read_crowd(int slow, double more)
{
    enum { N = 64, TOKENS = 100 };
    struct machine m = small();
    struct pace p = {0};
    size_t left = N * TOKENS;
    int steps = 0;
    for (; left > 0 && steps < 10000; steps++) {
        int waiting = (int)((left + TOKENS - 1) / TOKENS), streams = N - waiting;
        struct pace_piece pieces[N];
        for (int i = 0; i < waiting; i++)
            pieces[i] = (struct pace_piece){0, i ? TOKENS : left - (size_t)(waiting - 1) * TOKENS};
        int rows = pace_share(&p, streams, pieces, waiting, true);
        pace_learn(&p, streams, pieces, waiting, ms_of(&m, streams, pieces, waiting) + (steps == slow ? more : 0));
        left -= (size_t)rows;
    }
    return steps;
}

/* A process that was stopped for a minute within a step goes on as before: what is learned of one step is little, and
 * what is wrong is soon forgotten, even where it was all that was known. */
static void test_one_slow_step(void **state)
{
    (void)state;
    const double more[] = {200, 3000, 60000};
    int usual = read_crowd(-1, 0);
    for (int slow = 0; slow < usual; slow++)
        for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
            int steps = read_crowd(slow, more[i]);
            if (steps > usual + (slow ? 10 : 50))
                fail_msg("%.0f ms more in step %d: %d steps instead of %d", more[i], slow, steps, usual);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_streams_flow),  cmocka_unit_test(test_company),      cmocka_unit_test(test_order),
        cmocka_unit_test(test_crowd),         cmocka_unit_test(test_far),          cmocka_unit_test(test_looks),
        cmocka_unit_test(test_one_slow_step), cmocka_unit_test(test_after_a_stop), cmocka_unit_test(test_experts),
        cmocka_unit_test(test_fast),          cmocka_unit_test(test_deep),         cmocka_unit_test(test_cold),
        cmocka_unit_test(test_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
