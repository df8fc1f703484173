/* line_signals.c: the signals that a person at the prompt must not find a broken terminal after. */
#define _GNU_SOURCE
#include "cli/chat/line_signals.h"
#include "cli/out.h"

#include <signal.h>
#include <stddef.h>
#include <sys/select.h>
#include <unistd.h>

static volatile sig_atomic_t resized, continued, ending;

static const int caught[] = {SIGWINCH, SIGCONT, SIGTSTP, SIGTERM, SIGHUP, SIGQUIT};
enum { CAUGHT = sizeof caught / sizeof *caught };
static struct sigaction before[CAUGHT];

static void on_signal(int sig)
{
    if (sig == SIGWINCH)
        resized = 1;
    else if (sig == SIGCONT)
        continued = 1;
    else
        ending = sig;
}

void line_signals_catch(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    resized = continued = 0;
    for (int i = 0; i < CAUGHT; i++)
        sigaction(caught[i], &action, &before[i]);
}

void line_signals_restore(void)
{
    for (int i = 0; i < CAUGHT; i++)
        sigaction(caught[i], &before[i], NULL);
}

static bool readable(const struct timespec *wait, const sigset_t *mask)
{
    fd_set in;
    FD_ZERO(&in);
    FD_SET(STDIN_FILENO, &in);
    return pselect(STDIN_FILENO + 1, &in, NULL, NULL, wait, mask) > 0;
}

/* With the signals blocked until pselect itself lets them in, none falls between looking and waiting. */
bool line_wait(void)
{
    sigset_t ours, free;
    sigemptyset(&ours);
    sigaddset(&ours, SIGINT);
    for (int i = 0; i < CAUGHT; i++)
        sigaddset(&ours, caught[i]);
    sigprocmask(SIG_BLOCK, &ours, &free);
    bool came = !interrupted() && !resized && !continued && !ending && readable(NULL, &free);
    sigprocmask(SIG_SETMASK, &free, NULL);
    return came;
}

bool line_waiting(void)
{
    return readable(&(struct timespec){0}, NULL);
}

struct line_news line_news(void)
{
    struct line_news news = {ending, continued != 0, resized != 0};
    ending = continued = resized = 0;
    return news;
}

void line_obey(int sig)
{
    struct sigaction standard = {.sa_handler = SIG_DFL}, ours;
    sigaction(sig, &standard, &ours);
    raise(sig);
    sigaction(sig, &ours, NULL); /* Ctrl-Z, and now it goes on: whoever called this knows */
    continued = 0;
}
