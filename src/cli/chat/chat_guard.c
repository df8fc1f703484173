/* chat_guard.c: terminal and signals during an answer. Handlers do what POSIX lets them: flags, terminal modes, write.
 */
#define _GNU_SOURCE
#include "cli/chat/chat_line.h"
#include "cli/chat/chat_guard.h"
#include "cli/out.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static const int caught[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};
enum { CAUGHT = sizeof caught / sizeof *caught };
static struct sigaction before[CAUGHT];
static struct termios given; /* the terminal as the shell gave it */
static volatile sig_atomic_t guarded, taken, ending;

/* Others may have the terminal: changing it then would stop the process. */
static bool in_front(void)
{
    return tcgetpgrp(STDIN_FILENO) == getpgrp();
}

static void mark_pastes(const char *how)
{
    ssize_t n = write(STDERR_FILENO, how, strlen(how));
    (void)n; /* a terminal that is gone needs none */
}

static void take(void)
{
    struct termios quiet = given;
    quiet.c_lflag &= ~(tcflag_t)ECHO;
    quiet.c_lflag |= NOFLSH; /* Ctrl-C throws away what was typed (on_interrupt), but nothing of the answer */
    if (!taken || !in_front())
        return;
    tcsetattr(STDIN_FILENO, TCSANOW, &quiet);
    mark_pastes(PASTE_ON);
}

static void give(void)
{
    if (!taken || !in_front())
        return;
    mark_pastes(PASTE_OFF);
    tcsetattr(STDIN_FILENO, TCSANOW, &given);
}

static void by_default(int sig)
{
    struct sigaction standard = {.sa_handler = SIG_DFL}, ours;
    sigset_t open, before_mask;
    sigemptyset(&open);
    sigaddset(&open, sig);
    sigaction(sig, &standard, &ours);
    raise(sig);
    pthread_sigmask(SIG_UNBLOCK, &open, &before_mask); /* a handler runs with its own signal blocked */
    pthread_sigmask(SIG_SETMASK, &before_mask, NULL);
    sigaction(sig, &ours, NULL);
}

static void on_interrupt(int sig)
{
    int why = errno;
    (void)sig;
    if (taken)
        tcflush(STDIN_FILENO, TCIFLUSH);
    interrupt_now();
    errno = why;
}

static void on_end(int sig)
{
    if (ending) {
        give();
        by_default(sig);
    }
    ending = sig;
    interrupt_now();
}

static void on_stop(int sig)
{
    int why = errno;
    give();
    by_default(sig);
    take();
    errno = why;
}

void guard_begin(bool typing)
{
    /* A write that Ctrl-C or Ctrl-Z comes into goes on: no word is lost. What ends the program may cut it short:
     * whoever should read may never do so again. */
    struct sigaction interrupt = {.sa_handler = on_interrupt, .sa_flags = SA_RESTART};
    struct sigaction end = {.sa_handler = on_end}, stop = {.sa_handler = on_stop, .sa_flags = SA_RESTART};
    interrupt_forget();
    ending = 0;
    taken = typing && terminal_moves() && in_front() && tcgetattr(STDIN_FILENO, &given) == 0;
    for (int i = 0; i < CAUGHT; i++)
        sigaction(caught[i], caught[i] == SIGINT ? &interrupt : caught[i] == SIGTSTP ? &stop : &end, &before[i]);
    guarded = 1;
    take();
}

void guard_end(void)
{
    if (!guarded)
        return;
    give();
    taken = guarded = 0;
    for (int i = 0; i < CAUGHT; i++)
        sigaction(caught[i], &before[i], NULL);
}

void guard_obey(void)
{
    int sig = ending;
    ending = 0;
    if (sig)
        by_default(sig);
}
