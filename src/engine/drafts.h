/* drafts.h: guesses of what an answer goes on with: found in the text so far (prompt lookup: a model that copies, code
 * that is edited, names that come back), or said by a smaller model. They are run beside the token that must be run
 * anyway (osso_session_guess), so they change no bit and no token, only the time; they are made where they pay. Here
 * stands when that is, over times and tokens alone; drafter.c has the sessions. */
#ifndef OSSO_DRAFTS_H
#define OSSO_DRAFTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DRAFTS_MOST = 16, DRAFTS_CLASSES = 6 };

/* Of one source. */
struct guesses {
    double right[DRAFTS_CLASSES]; /* share that came, by how much speaks for a guess */
    int seen[DRAFTS_CLASSES];     /* guesses that this was learned from, until there are enough */
    int32_t next[DRAFTS_MOST];    /* what comes next, made or only noted */
    int class_of[DRAFTS_MOST];
    int n, at, made;       /* noted; of which so many have come; the first so many are run */
    size_t n_made, n_came; /* in all: run, and of these right */
};

/* What a smaller model costs and brings. */
struct drafts_model {
    struct guesses g;
    double mean; /* share of its guesses that came */
    int seen;
    double step_ms, row_ms;  /* a guess; a token of text that it reads to catch up. 0: not known yet */
    double chance, expected; /* that all guesses of this step come; tokens that it brings */
    double purse;            /* ms that may be lost in trying again */
    bool asked, resting;     /* in this step; since it did not pay */
    bool trying;             /* to see whether it would pay now */
    bool reading;            /* what is missing, over more than one step */
    size_t missing;          /* tokens that it has to read in this step */
};

struct drafts {
    int most;                   /* {0} and this: guesses a step, at most DRAFTS_MOST; 0: none are made */
    double ms[DRAFTS_MOST + 1]; /* a step's time by its guesses; 0: not known yet */
    double doubt;               /* share by which these times are taken for smaller */
    int made;                   /* guesses of the step in progress, or the last */
    struct guesses lookup;
    struct drafts_model model;
};

/* Looks into the text (n tokens) and decides: how many of d->lookup.next the next step should run, at most `room`. */
int drafts_make(struct drafts *d, const int32_t *tokens, size_t n, size_t room);
/* That step took so long. */
void drafts_took(struct drafts *d, double ms);
/* The next token is this. */
void drafts_came(struct drafts *d, int32_t id);

/* After a drafts_make of none: shall the model, which lacks so many tokens of the text, be asked? */
bool drafts_ask(struct drafts *d, size_t missing, size_t room);
/* It says this, and thinks so with that probability. True: it should be asked for one more. */
bool drafts_said(struct drafts *d, int32_t id, double probability, size_t room);
/* So many tokens it may read before a step: what takes no longer than that. */
int drafts_piece(const struct drafts *d);
/* It has read so many and lacks others: no guesses in this step. */
void drafts_reads(struct drafts *d, size_t n, double ms);
/* Reading the last n that were missing took so long, saying it so long: how many of d->model.g.next the next
 * step should run. */
int drafts_asked(struct drafts *d, size_t n, double read_ms, double said_ms);

/* The longest text before `tokens[n]` that occurs earlier, of 2 to 32 tokens (of equals the latest place): its length,
 * 0: none. What followed there goes to next_out, most tokens, over the end of the text into itself. */
int drafts_look(const int32_t *tokens, size_t n, int most, int32_t *next_out);

#endif
