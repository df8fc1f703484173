/* drafts.h: guesses of what an answer goes on with, found in the text so far (prompt lookup): a model that copies, code
 * that is edited, names that come back. The engine runs them beside the token it must run anyway (osso_session_guess),
 * so they change no bit and no token, only the time; they are made where they pay. */
#ifndef OSSO_DRAFTS_H
#define OSSO_DRAFTS_H

#include <stddef.h>
#include <stdint.h>

enum { DRAFTS_MOST = 16, DRAFTS_CLASSES = 6 };

struct drafts {
    int most;                     /* {0} and this: guesses a step, at most DRAFTS_MOST; 0: none are made */
    double right[DRAFTS_CLASSES]; /* share of guesses that came, by how long a text before them was the same */
    double ms[DRAFTS_MOST + 1];   /* a step's time by its guesses; 0: not known yet */
    double doubt;                 /* share by which these times are taken for smaller */
    int32_t next[DRAFTS_MOST];    /* what the text so far says comes next, made or only noted */
    int n_next, at, length;       /* of which `at` have come; length: of the same text before the first */
    int made;                     /* guesses of the step in progress, or the last */
    size_t n_made, n_right;       /* in all */
};

/* Looks into the text (n tokens) and decides: how many of d->next the next step should run, at most `room`. */
int drafts_make(struct drafts *d, const int32_t *tokens, size_t n, size_t room);
/* That step took so long. */
void drafts_took(struct drafts *d, double ms);
/* The next token is this. */
void drafts_came(struct drafts *d, int32_t id);

/* The longest text before `tokens[n]` that occurs earlier, of 2 to 32 tokens (of equals the latest place): its length,
 * 0: none. What followed there goes to next_out, most tokens, over the end of the text into itself. */
int drafts_look(const int32_t *tokens, size_t n, int most, int32_t *next_out);

#endif
