/* deadlines.h: nobody holds a connection for ever: heads, bodies, silence between requests and answers that are not
 * read have a time each, counted in all and not from the last byte. */
#ifndef OSSO_SERVE_DEADLINES_H
#define OSSO_SERVE_DEADLINES_H

#include <stdint.h>

struct server;

/* Milliseconds until deadlines_pass has something to do, or `until_ms` is there; at most a minute. */
int64_t deadlines_wait(const struct server *server, int64_t now_ms, int64_t until_ms);
/* Closes what is overdue; comment lines for streams that are silent. */
void deadlines_pass(struct server *server, int64_t now_ms);

#endif
