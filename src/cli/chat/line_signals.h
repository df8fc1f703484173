/* line_signals.h: waiting at the prompt: for what is typed, and for the signals that must not find a broken terminal.
 */
#ifndef OSSO_CLI_LINE_SIGNALS_H
#define OSSO_CLI_LINE_SIGNALS_H

#include <stdbool.h>

/* From here on these signals are kept for line_news, until line_signals_restore. */
void line_signals_catch(void);
void line_signals_restore(void);

/* Waits until there is something to read. false: a signal came, perhaps before the wait began. */
bool line_wait(void);
/* Is there something to read at once? */
bool line_waiting(void);

struct line_news {
    int ending; /* a signal that stops or ends the program; 0: none */
    bool continued, resized;
};
/* What came since the last call. */
struct line_news line_news(void);

/* The signal does what it would have done at once; the terminal has been given back. When it only stopped the program
 * this returns, once it goes on. */
void line_obey(int sig);

#endif
