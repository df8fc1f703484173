/* test_progress.c: the line for whoever waits, on a terminal of the test's own: when it comes, what it says, that it
 * goes. */
#define _GNU_SOURCE
#include "test.h"

#include "cli/out.c" /* the program's files are in no library */
#include "cli/progress.c"

#include <poll.h>

static int master = -1, stderr_before = -1;
static char seen[1 << 16];
static size_t n_seen;

static int setup(void **state)
{
    (void)state;
    struct winsize size = {.ws_row = 24, .ws_col = 80};
    master = posix_openpt(O_RDWR | O_NOCTTY);
    if (master < 0 || grantpt(master) != 0 || unlockpt(master) != 0)
        return -1;
    int slave = open(ptsname(master), O_RDWR | O_NOCTTY);
    stderr_before = dup(STDERR_FILENO);
    if (slave < 0 || ioctl(slave, TIOCSWINSZ, &size) != 0 || dup2(slave, STDERR_FILENO) < 0)
        return -1;
    close(slave);
    setenv("TERM", "xterm", 1);
    setenv("NO_COLOR", "1", 1);
    interrupt_forget();
    n_seen = 0;
    seen[0] = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    progress_end();
    dup2(stderr_before, STDERR_FILENO);
    close(stderr_before);
    close(master);
    return 0;
}

/* What comes within so many milliseconds is in `seen`, behind what came before. */
static void wait_ms(int ms)
{
    double end = clock_seconds() * 1e3 + ms;
    for (double left; (left = end - clock_seconds() * 1e3) > 0;) {
        struct pollfd in = {.fd = master, .events = POLLIN};
        if (poll(&in, 1, (int)left + 1) <= 0)
            continue;
        ssize_t n = read(master, seen + n_seen, sizeof seen - 1 - n_seen);
        n_seen += n > 0 ? (size_t)n : 0;
        seen[n_seen] = 0;
    }
}

/* Waits for this text; what came up to it is forgotten. */
static void wait_for(const char *text)
{
    for (int i = 0; i < 200 && !strstr(seen, text); i++)
        wait_ms(50);
    char *at = strstr(seen, text);
    if (!at)
        fail_msg("'%s' did not come: %s", text, seen);
    memmove(seen, at + strlen(text), strlen(at + strlen(text)) + 1);
    n_seen = strlen(seen);
}

static int drawings(void)
{
    int n = 0;
    for (const char *c = seen; (c = strstr(c, "\033[K")); c++)
        n++;
    return n;
}

static void test_a_prompt(void **state)
{
    (void)state;
    double start = clock_seconds() * 1e3;
    progress_begin(PROGRESS_PROMPT);
    progress_prompt(200, 1200);
    wait_ms(400);
    if (clock_seconds() * 1e3 - start < 650)
        assert_string_equal(seen, "");
    wait_for("reading 1,000 tokens, 1 s");
    assert_true(clock_seconds() * 1e3 - start > 650);
    wait_for("reading 1,000 tokens, 2 s"); /* it moves while a step takes its time */
    progress_prompt(700, 1200);
    wait_for("reading 700 of 1,200 tokens, ");
    wait_for(" per second, ");
    wait_for(" s left\033[K");
    double from = clock_seconds() * 1e3;
    n_seen = 0;
    seen[0] = 0;
    wait_ms(1000);
    int n = drawings();
    assert_true(n >= 2 && n <= (clock_seconds() * 1e3 - from) / TICK_MS + 2);
    progress_end();
    wait_ms(50);
    assert_true(n_seen >= 4 && strcmp(seen + n_seen - 4, "\r\033[K") == 0);
    n_seen = 0;
    wait_ms(300);
    assert_int_equal(n_seen, 0);
}

static void test_tokens_that_are_not_shown(void **state)
{
    (void)state;
    progress_begin(PROGRESS_PROMPT);
    for (int i = 0; i < 3; i++)
        progress_token(OSSO_VOICE_NONE);
    wait_for("answering, 3 tokens");
    for (int i = 0; i < 1234; i++)
        progress_token(OSSO_VOICE_THOUGHT);
    wait_for("thinking, 1,234 tokens");
    progress_token(OSSO_VOICE_NONE); /* the header of what follows */
    wait_for("thinking, 1,235 tokens");
    progress_token(OSSO_VOICE_CALL);
    wait_for("writing a call, 1 token\033[K");
    progress_token(OSSO_VOICE_PREAMBLE);
    wait_for("answering, 1 token\033[K");
}

static void test_text_and_the_line_never_meet(void **state)
{
    (void)state;
    progress_begin(PROGRESS_PROMPT);
    wait_for("reading");
    assert_false(progress_clear());
    wait_ms(50);
    assert_string_equal(seen + n_seen - 4, "\r\033[K");
    n_seen = 0;
    wait_ms(900); /* text is being written */
    assert_int_equal(n_seen, 0);
    progress_said(true); /* it has no line end: there is no room for a line */
    wait_ms(1200);
    assert_int_equal(n_seen, 0);
    assert_false(progress_clear());
    progress_said(false);
    progress_token(OSSO_VOICE_THOUGHT);
    double start = clock_seconds() * 1e3;
    wait_for("thinking, 1 token");
    assert_true(clock_seconds() * 1e3 - start > 600);
}

static void test_stopping(void **state)
{
    (void)state;
    for (int open = 0; open < 2; open++) {
        interrupt_forget();
        progress_begin(PROGRESS_PROMPT);
        assert_false(progress_clear());
        progress_said(open);
        wait_ms(150);
        double start = clock_seconds() * 1e3;
        interrupt_now();
        wait_for(open ? "\r\n\rstopping...\033[K" : "\rstopping...\033[K");
        assert_true(clock_seconds() * 1e3 - start > STOPPING_MS - TICK_MS);
        interrupt_now(); /* pressing again changes nothing */
        assert_int_equal(progress_clear(), open);
        assert_false(progress_clear());
        progress_said(false);
        assert_false(progress_end());
    }
}

static void test_a_narrow_window(void **state)
{
    (void)state;
    struct winsize size = {.ws_row = 24, .ws_col = 20};
    assert_int_equal(ioctl(master, TIOCSWINSZ, &size), 0);
    progress_begin(PROGRESS_PROMPT);
    progress_prompt(0, 100000);
    progress_prompt(5000, 100000);
    wait_for("\rreading 5,000 of 10\033[K"); /* 19 columns */
}

static void test_where_nobody_looks(void **state)
{
    (void)state;
    static const char *const terms[] = {"dumb", ""};
    for (int i = 0; i < 2; i++) {
        setenv("TERM", terms[i], 1);
        progress_begin(PROGRESS_PROMPT);
        progress_prompt(1, 10);
        interrupt_now();
        wait_ms(1000);
        assert_false(progress_clear());
        progress_said(true);
        assert_false(progress_end());
        assert_int_equal(n_seen, 0);
    }
}

int main(void)
{
#define ON_A_TERMINAL(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        ON_A_TERMINAL(test_a_prompt),
        ON_A_TERMINAL(test_tokens_that_are_not_shown),
        ON_A_TERMINAL(test_text_and_the_line_never_meet),
        ON_A_TERMINAL(test_stopping),
        ON_A_TERMINAL(test_a_narrow_window),
        ON_A_TERMINAL(test_where_nobody_looks),
    };
    return cmocka_run_group_tests_name("progress", tests, NULL, NULL);
}
