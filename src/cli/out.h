/* out.h: what the program says. Answers go to standard output, everything about them to standard error, one line each.
 */
#ifndef OSSO_CLI_OUT_H
#define OSSO_CLI_OUT_H

#include "osso/status.h"

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* "osso: <sentence>"; control characters that come in through %s are made harmless. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Says why and returns the exit code: 2 for USAGE, else 1 (0 for OK). */
int exit_code(enum osso_status status, const struct osso_error *err);

/* Standard output. false: it cannot be written any more (closed, or the disk is full); out_end says so once. */
bool out_write(const char *text, size_t len);
bool out_puts(const char *text);
bool out_flush(void);
bool out_failed(void);
/* The last word on standard output: `code`, or 1 when not everything could be written. */
int out_end(int code);

/* Text of a model for a terminal: control characters other than newline and tab would let it write escape sequences,
 * so they become U+FFFD there (C1 controls too). Into a file or pipe the text goes as it is. */
bool out_model_text(const char *text, size_t len);
bool char_is_safe(const unsigned char *s, size_t n); /* the character of n bytes at s: may a terminal see it? */
void err_model_text(const char *text, size_t len);   /* the same on standard error */
/* The same within a line of standard error: line ends and tabs are no line ends there either. */
void err_line_text(const char *text, size_t len);

/* Is standard output / standard error a terminal, and may it be coloured (NO_COLOR, TERM=dumb)? */
bool out_is_terminal(void);
bool err_is_terminal(void);
bool out_has_colour(void);
/* Does TERM name a terminal that knows escape sequences (empty and "dumb" do not)? */
bool terminal_moves(void);
/* The columns and rows of the window behind a descriptor; 0: none, or nobody knows. */
int terminal_columns(int fd);
int terminal_rows(int fd);
bool err_has_colour(void);
#define DIM "\033[2m"
#define BOLD "\033[1m"
#define PLAIN "\033[0m"

/* "7,067" into a space of at least 32 bytes; returns it. */
const char *human_count(char *space, uint64_t n);

/* Text in words from column `column` on, in lines of at most `columns`, the later ones indented; with its line end. */
void print_words(FILE *to, const char *text, int column, int indent, int columns);

/* Signals: a closed pipe is an error value, a shrunk model file one line and exit 1. */
void signals_begin(void);
/* Names the model file for the SIGBUS line; `path` is copied. */
void signals_name_model(const char *path);
/* From here on Ctrl-C sets interrupted() instead of ending the process. */
enum interrupt_mode {
    INTERRUPT_WORK,   /* a second one ends the process: nothing that must not be lost */
    INTERRUPT_PROMPT, /* it never ends the process */
    INTERRUPT_TIDY    /* nor do SIGTERM and SIGHUP: a file is half written */
};
void interrupt_catch(enum interrupt_mode mode);
void interrupt_release(void);
bool interrupted(void);
const volatile sig_atomic_t *interrupt_flag(void); /* not 0 once interrupted: for osso_engine_set_interrupt */
void interrupt_forget(void);
void interrupt_now(void); /* as Ctrl-C does; for signal handlers */

#endif
