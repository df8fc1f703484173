/* access_log.h: a line for each request on standard error, as text or JSON: what was asked by whom, how it ended and
 * how long it took; never a word of what was said. A thread of its own writes, so that a slow reader of the log holds
 * up nobody: what finds no room is counted and said. */
#ifndef OSSO_SERVE_ACCESS_LOG_H
#define OSSO_SERVE_ACCESS_LOG_H

#include "osso/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct access_log;

struct access_line {
    const char *peer, *method, *path, *key_name, *request_id, *user_agent;
    const char *note; /* NULL: none */
    int status;       /* 0: the client left before there was one */
    bool whole;       /* false: the answer was cut */
    uint64_t received, sent;
    double seconds;
};

enum osso_status access_log_open(int fd, bool jsonl, struct access_log **log_out, struct osso_error *err);
void access_log_line(struct access_log *log, const struct access_line *line);
/* A sentence of the server's own: "osso: ..." or {"time", "message"}. */
void access_log_say(struct access_log *log, const char *format, ...) __attribute__((format(printf, 2, 3)));
void access_log_close(struct access_log *log); /* writes what is there first; NULL is fine */

#endif
