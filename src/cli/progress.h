/* progress.h: a line on standard error for whoever waits: what is being done, how far it is, how long it may take. It
 * comes after 0.7 s in which nothing was shown, lives on a terminal only, and is gone before anything else is shown. */
#ifndef OSSO_CLI_PROGRESS_H
#define OSSO_CLI_PROGRESS_H

#include "osso/answer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum progress_stage {
    PROGRESS_OPEN,   /* the model's files */
    PROGRESS_PROMPT, /* done of total tokens */
    PROGRESS_THINK,  /* from here on tokens so far: of thoughts that are not shown */
    PROGRESS_CALL,   /* of a call, shown when it is whole */
    PROGRESS_ANSWER  /* of what is shown at the end */
};

/* From here on somebody may be waiting; once interrupted() they are told that it stops. Nothing where standard error
 * is no terminal that moves. */
void progress_begin(enum progress_stage stage);
/* PROGRESS_PROMPT of something else than tokens, and how many there are: "text". */
void progress_begin_of(const char *what, size_t total);
void progress_prompt(size_t done, size_t total);
/* The same as a library's progress callback: not 0 once interrupted(). */
int progress_call(void *unused, uint64_t done, uint64_t total);
/* The same in the words of a generation. */
int progress_of_prompt(void *unused, size_t done, size_t total);
void progress_token(enum osso_voice voice); /* one more, of a text that is not shown or of none */
/* Around text on the terminal. progress_clear is true if text that had no line end has got one ("stopping..." took the
 * next line); line_open: the text has none, and a line would run into it. */
bool progress_clear(void);
void progress_said(bool line_open);
/* Clears too, with the same result. Harmless when nothing began. */
bool progress_end(void);

#endif
