/* lock.h: a lock on an open file or folder, against other processes and other openings in this one. It is the
 * opening's: it goes when that is closed, and with the process, whatever ends it. */
#ifndef OSSO_BASE_LOCK_H
#define OSSO_BASE_LOCK_H

#include <stdbool.h>

/* LOCK_UNKNOWN: some file systems know no locks; there nobody is kept out. */
enum lock { LOCK_TAKEN, LOCK_HELD, LOCK_UNKNOWN };

/* Does not wait. */
enum lock lock_try(int fd);
/* Is what was opened still what stands at `path`? Its owner may have taken it away, or put another in its place, before
 * we had the lock. */
bool lock_is_of(int fd, const char *path);

#endif
