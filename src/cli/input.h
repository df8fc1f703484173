/* input.h: what comes in: text and ids from the command line, files and standard input. All of it is hostile. */
#ifndef OSSO_CLI_INPUT_H
#define OSSO_CLI_INPUT_H

#include "cli/options.h"

#include "base/buf.h"
#include "osso/text.h"

/* Appends a whole file, or standard input for "-" or NULL; pipes are fine here. At most INPUT_LIMIT bytes. A
 * byte order mark is no part of a text; UTF-16 and UTF-32 are refused by name. */
enum { INPUT_LIMIT = 256 << 20 };
enum osso_status input_read(const char *path, struct buf *text, struct osso_error *err);
/* FORMAT, with the place, if the text is not UTF-8. `where`: "standard input", a path, "-p". */
enum osso_status input_check_utf8(const char *text, size_t len, const char *where, struct osso_error *err);
/* The text of -p, of -f, or else of standard input; checked. *where_out says which (borrowed from the options). */
enum osso_status input_text(const struct options *options, struct buf *text, const char **where_out,
                            struct osso_error *err);
/* Ids separated by blanks or one comma, in one pair of brackets or none. */
enum osso_status input_ids(const char *text, size_t len, const char *where, struct osso_ids *ids,
                           struct osso_error *err);
/* What --ids says: a list of ids, or a file with one; at least one. */
enum osso_status input_ids_of(const char *list, struct osso_ids *ids, struct osso_error *err);
/* Drops one line end from the end: editors and echo put one there that nobody means. */
void input_chomp(struct buf *text);
/* The next line of a text that is not blank, without its line end; start from {0}. False past the last. */
struct input_line {
    const char *text;
    size_t len, next;
    int64_t number; /* from 1 on, blank ones counted */
};
bool input_next_line(const struct buf *text, struct input_line *line);

#endif
