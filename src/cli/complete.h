/* complete.h: what Tab completes on a shell's command line. */
#ifndef OSSO_CLI_COMPLETE_H
#define OSSO_CLI_COMPLETE_H

#include "cli/options.h"

/* words: those of the line behind the program's name, the last one what has been typed of the word at the cursor.
 * Prints a line for each that it may become: the word, a tab, a few words about it. The line ":files" or ":folders"
 * instead says that the shell completes a path. Returns the exit code. */
int complete_line(int n, char *const *words);
/* The first word of a command line that calls complete_line(): what the shells' scripts use, no verb. */
#define COMPLETE_WORD "__complete"

/* ---- complete_values.c ---- */

struct candidates {
    const char *typed;       /* of the word, without what `before` holds of it */
    char before[512];        /* what stands before it in the same word and stays: "--type=", "piqa," */
    const struct verb *verb; /* NULL: it is asked for */
    int n_operands;          /* those before it */
    const char *const *operand;
    int n;               /* candidates that have been printed */
    bool files, folders; /* where there is none, a path */
};
/* Prints the word, if it begins with what was typed. about: a text of which the beginning is shown; may be NULL. */
void candidate_add(struct candidates *c, const char *word, size_t len, const char *about);

typedef void candidates_fn(struct candidates *c);
#define SOURCE(name) candidates_fn candidates_##name;
#include "cli/complete.def"

#endif
