/* chat_guard.h: what an answer needs of the terminal and of signals while it is made. */
#ifndef OSSO_CLI_CHAT_GUARD_H
#define OSSO_CLI_CHAT_GUARD_H

#include <stdbool.h>

/* Until guard_end: Ctrl-C stops the answer, however often it is pressed, and what is just being written is written.
 * SIGTERM, SIGHUP and SIGQUIT stop it too, for guard_obey; a second one ends the process at once. With `typing`,
 * somebody types at the terminal: keys are not shown where the answer is written (they wait for the prompt), pasted
 * blocks stay marked, and Ctrl-Z gives the terminal back for as long as it lasts. */
void guard_begin(bool typing);
void guard_end(void);
/* The signal that ended the answer does what it would have done at once; returns if there was none. What is to be kept
 * has been kept. */
void guard_obey(void);

#endif
