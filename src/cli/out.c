/* out.c: standard output and standard error, and the signals that concern them. */
#define _GNU_SOURCE
#include "cli/out.h"

#include "base/error.h"
#include "base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int failed; /* errno of the first failed write to standard output */

void say(const char *format, ...)
{
    char text[1024];
    struct osso_error err;
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    error_set(&err, OSSO_OK, "%s", text);
    fprintf(stderr, "osso: %s\n", err.text);
}

int exit_code(enum osso_status status, const struct osso_error *err)
{
    if (status == OSSO_OK)
        return 0;
    fprintf(stderr, "osso: %s\n", *err->text ? err->text : osso_status_text(status));
    return status == OSSO_USAGE ? 2 : 1;
}

bool out_write(const char *text, size_t len)
{
    if (!failed && len > 0 && fwrite(text, 1, len, stdout) != len)
        failed = errno ? errno : EIO;
    return !failed;
}

bool out_puts(const char *text)
{
    return out_write(text, strlen(text));
}

bool out_flush(void)
{
    if (!failed && fflush(stdout) != 0)
        failed = errno ? errno : EIO;
    return !failed;
}

bool out_failed(void)
{
    return failed != 0;
}

int out_end(int code)
{
    out_flush();
    if (!failed && ferror(stdout)) /* somebody printed without looking */
        failed = EIO;
    if (!failed)
        return code;
    /* Nobody reads any more: the reader knows, and has no use for a message. */
    if (failed != EPIPE && failed != EBADF)
        fprintf(stderr, "osso: cannot write standard output: %s\n", strerror(failed));
    return code ? code : 1;
}

bool char_is_safe(const unsigned char *s, size_t n)
{
    bool c1 = n == 2 && s[0] == 0xc2 && s[1] < 0xa0;
    bool control = n == 1 && (s[0] < 0x20 || s[0] >= 0x7f) && s[0] != '\n' && s[0] != '\t';
    return n > 0 && !c1 && !control;
}

/* Text with what is dangerous on a terminal replaced. */
static void filtered(FILE *to, const char *text, size_t len)
{
    for (size_t i = 0; i < len;) {
        const unsigned char *s = (const unsigned char *)text + i;
        size_t n = utf8_sequence(s, len - i);
        if (!char_is_safe(s, n))
            fputs(UTF8_REPLACEMENT, to);
        else
            fwrite(s, 1, n, to);
        i += n ? n : 1;
    }
}

bool out_model_text(const char *text, size_t len)
{
    if (!out_is_terminal())
        return out_write(text, len);
    filtered(stdout, text, len);
    return out_flush();
}

void err_model_text(const char *text, size_t len)
{
    if (err_is_terminal())
        filtered(stderr, text, len);
    else
        fwrite(text, 1, len, stderr);
}

void err_line_text(const char *text, size_t len)
{
    for (size_t i = 0, from = 0; i <= len; i++)
        if (i == len || text[i] == '\n' || text[i] == '\r' || text[i] == '\t') {
            filtered(stderr, text + from, i - from);
            fputs(i < len ? " " : "", stderr);
            from = i + 1;
        }
}

bool terminal_moves(void)
{
    const char *term = getenv("TERM");
    return term && *term && strcmp(term, "dumb") != 0;
}

int terminal_columns(int fd)
{
    struct winsize size;
    return ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

int terminal_rows(int fd)
{
    struct winsize size;
    return ioctl(fd, TIOCGWINSZ, &size) == 0 ? size.ws_row : 0;
}

static bool colour(int fd)
{
    const char *no = getenv("NO_COLOR");
    return isatty(fd) && !(no && *no) && terminal_moves();
}

bool out_is_terminal(void)
{
    return isatty(STDOUT_FILENO);
}
bool err_is_terminal(void)
{
    return isatty(STDERR_FILENO);
}
bool out_has_colour(void)
{
    return colour(STDOUT_FILENO);
}
bool err_has_colour(void)
{
    return colour(STDERR_FILENO);
}

const char *human_count(char *space, uint64_t n)
{
    char digits[24];
    size_t len = (size_t)snprintf(digits, sizeof digits, "%llu", (unsigned long long)n), at = 0;
    for (size_t i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            space[at++] = ',';
        space[at++] = digits[i];
    }
    space[at] = 0;
    return space;
}

void print_words(FILE *to, const char *text, int column, int indent, int columns)
{
    int at = column;
    for (const char *w = text; *w;) {
        int n = (int)strcspn(w, " ");
        if (at > indent && at + 1 + n > columns)
            at = fprintf(to, "\n%*s", indent, "") - 1;
        else if (at > indent)
            at += fprintf(to, " ");
        at += fprintf(to, "%.*s", n, w);
        w += n + (w[n] == ' ');
    }
    fputc('\n', to);
}

/* ---- signals -------------------------------------------------------------------------------------------- */

static char bus_line[768] = "osso: a mapped file was cut short while it was in use; restore it and start again\n";
static volatile sig_atomic_t interrupts;
static volatile sig_atomic_t twice_ends;

static void on_bus(int sig)
{
    (void)sig;
    ssize_t n = write(STDERR_FILENO, bus_line, strlen(bus_line));
    _exit(n < 0 ? 1 : 1);
}

/* Other threads look at it too. */
void interrupt_now(void)
{
    __atomic_fetch_add(&interrupts, 1, __ATOMIC_RELAXED);
}

static void on_interrupt(int sig)
{
    interrupt_now();
    if (interrupts > 1 && twice_ends) {
        signal(sig, SIG_DFL);
        raise(sig);
    }
}

void signals_begin(void)
{
    /* A missing standard stream would let the next opened file take its number: fill the gaps. Reading and writing
     * such a placeholder fails, as it would have without it. */
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd == 0 ? O_WRONLY : O_RDONLY) != fd)
            _exit(1);
    struct sigaction ignore = {.sa_handler = SIG_IGN}, bus = {.sa_handler = on_bus};
    sigaction(SIGPIPE, &ignore, NULL);
    sigaction(SIGXFSZ, &ignore, NULL); /* a file size limit is an error value too */
    sigaction(SIGBUS, &bus, NULL);
}

void signals_name_model(const char *path)
{
    struct osso_error safe;
    error_set(&safe, OSSO_OK, "%s", path);
    snprintf(bus_line, sizeof bus_line,
             "osso: %s was truncated while it was in use; restore the file and start again\n", safe.text);
}

void interrupt_catch(enum interrupt_mode mode)
{
    struct sigaction action = {.sa_handler = on_interrupt}; /* no SA_RESTART: who reads must return */
    interrupt_forget();
    twice_ends = mode == INTERRUPT_WORK;
    sigaction(SIGINT, &action, NULL);
    if (mode == INTERRUPT_TIDY) {
        sigaction(SIGTERM, &action, NULL);
        sigaction(SIGHUP, &action, NULL);
    }
}

void interrupt_release(void)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
}

bool interrupted(void)
{
    return __atomic_load_n(&interrupts, __ATOMIC_RELAXED) > 0;
}

const volatile sig_atomic_t *interrupt_flag(void)
{
    return &interrupts;
}

void interrupt_forget(void)
{
    __atomic_store_n(&interrupts, 0, __ATOMIC_RELAXED);
}
