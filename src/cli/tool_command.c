/* tool_command.c: a command with pipes at both ends, which may write before it reads, never read, never end, or leave
 * others behind that hold its output. */
#define _GNU_SOURCE
#include "cli/tool_command.h"
#include "cli/out.h"

#include "base/clock.h"
#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TICK_MS = 20, SHORT_TICK_MS = 2, MERCY_MS = 500 };

extern char **environ;

struct running {
    pid_t pid;
    int to, from; /* our ends of its standard input and output; -1: closed */
    const char *text;
    size_t left; /* of the text */
    struct buf *out;
    size_t before; /* bytes that were in it */
};

static void shut(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Nobody but the command inherits an end. */
static bool make_pipe(int ends[2])
{
    if (pipe(ends) != 0) {
        ends[0] = ends[1] = -1;
        return false;
    }
    return fcntl(ends[0], F_SETFD, FD_CLOEXEC) == 0 && fcntl(ends[1], F_SETFD, FD_CLOEXEC) == 0;
}

/* In a process group of its own, so that all of it can be ended, and Ctrl-C comes to it through us alone. Signals that
 * this program ignores end it as usual. */
static int spawn(const char *command, int in, int out, pid_t *pid_out)
{
    char *const arguments[] = {(char *)"sh", (char *)"-c", (char *)"--", (char *)command, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t how;
    sigset_t usual, open;
    sigemptyset(&open);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    sigaddset(&usual, SIGXFSZ);
    sigaddset(&usual, SIGINT);
    sigaddset(&usual, SIGQUIT);
    sigaddset(&usual, SIGCHLD);
    int failed = posix_spawn_file_actions_init(&files);
    if (failed)
        return failed;
    failed = posix_spawnattr_init(&how);
    if (!failed) {
        posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO);
        failed = posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
        posix_spawnattr_setflags(&how, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
        posix_spawnattr_setpgroup(&how, 0);
        posix_spawnattr_setsigdefault(&how, &usual);
        posix_spawnattr_setsigmask(&how, &open);
        if (!failed)
            failed = posix_spawn(pid_out, "/bin/sh", &files, &how, arguments, environ);
        posix_spawnattr_destroy(&how);
    }
    posix_spawn_file_actions_destroy(&files);
    return failed;
}

/* What goes into the pipe now. A command that does not read has no need of the rest. */
static void feed(struct running *r)
{
    while (r->to >= 0 && r->left > 0) {
        ssize_t n = write(r->to, r->text, r->left);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0)
            break;
        r->text += n;
        r->left -= (size_t)n;
    }
    shut(&r->to);
}

/* What has come out of it, at most a little more than the limit. */
static void hear(struct running *r)
{
    char space[16384];
    while (r->from >= 0 && r->out->len - r->before <= TOOL_OUTPUT_LIMIT && !r->out->failed) {
        ssize_t n = read(r->from, space, sizeof space);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0)
            shut(&r->from);
        else
            buf_add(r->out, space, (size_t)n);
    }
}

/* Ends it and all in its group: asked first; and then not, when the shell is gone and nobody holds its output, or half
 * a second later. The group has its name as long as the shell is not waited for. */
static void put_down(const struct running *r)
{
    int64_t end = clock_ms() + MERCY_MS;
    struct pollfd held = {.fd = r->from}; /* says when nobody holds it, and nothing else */
    siginfo_t info = {0};
    kill(-r->pid, SIGTERM);
    kill(-r->pid, SIGCONT);
    while (clock_ms() < end &&
           (held.fd >= 0 || (waitid(P_PID, (id_t)r->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0)))
        if (poll(&held, 1, SHORT_TICK_MS) > 0)
            held.fd = -1;
    kill(-r->pid, SIGKILL);
    while (waitpid(r->pid, NULL, 0) < 0 && errno == EINTR) {
    }
}

/* Until it ends, or is to be ended. */
static struct tool_end attend(struct running *r, double seconds)
{
    int64_t due = clock_ms() + (int64_t)(seconds * 1000);
    int status = 0;
    for (;;) {
        struct pollfd ends[2] = {{.fd = r->from, .events = POLLIN}, {.fd = r->to, .events = POLLOUT}};
        poll(ends, 2, r->from < 0 ? SHORT_TICK_MS : TICK_MS);
        feed(r);
        hear(r);
        bool exited = waitpid(r->pid, &status, WNOHANG) == r->pid;
        if (exited)
            hear(r); /* its last words */
        struct tool_end end = {TOOL_EXITED, WEXITSTATUS(status)};
        if (r->out->len - r->before > TOOL_OUTPUT_LIMIT || r->out->failed)
            end = (struct tool_end){TOOL_TOO_MUCH, 0};
        else if (exited && WIFSIGNALED(status))
            end = (struct tool_end){TOOL_SIGNALED, WTERMSIG(status)};
        else if (!exited && interrupted())
            end = (struct tool_end){TOOL_STOPPED, 0};
        else if (!exited && clock_ms() >= due)
            end = (struct tool_end){TOOL_TOO_LONG, 0};
        else if (!exited)
            continue;
        if (!exited) /* whatever comes in between: who is told of as ended has been ended */
            put_down(r);
        return end;
    }
}

enum osso_status tool_command(const char *command, const char *text, size_t len, double seconds, struct buf *out,
                              struct tool_end *end_out, struct osso_error *err)
{
    int in[2] = {-1, -1}, from[2] = {-1, -1};
    struct running r = {.text = text, .left = len, .out = out, .before = out->len};
    struct sigaction standard = {.sa_handler = SIG_DFL};
    enum osso_status status = OSSO_OK;
    sigaction(SIGCHLD, &standard, NULL); /* who started us may have ignored it: then nobody could be waited for */
    bool ready = make_pipe(in) && make_pipe(from) && fcntl(in[1], F_SETFL, O_NONBLOCK) == 0 &&
                 fcntl(from[0], F_SETFL, O_NONBLOCK) == 0;
    int failed = ready ? spawn(command, in[0], from[1], &r.pid) : errno;
    shut(&in[0]);
    shut(&from[1]);
    r.to = in[1], r.from = from[0];
    if (failed)
        status = error_set(err, OSSO_IO, "cannot run the tool command: %s", strerror(failed));
    else
        *end_out = attend(&r, seconds);
    shut(&r.to);
    shut(&r.from);
    return !status && out->failed ? error_nomem(err, out->len, "what the tool command writes") : status;
}
