/* lock.c: locks by flock. */
#define _DEFAULT_SOURCE /* flock */
#include "base/lock.h"

#include <errno.h>
#include <sys/file.h>
#include <sys/stat.h>

enum lock lock_try(int fd)
{
    if (flock(fd, LOCK_EX | LOCK_NB) == 0)
        return LOCK_TAKEN;
    return errno == EWOULDBLOCK ? LOCK_HELD : LOCK_UNKNOWN;
}

bool lock_is_of(int fd, const char *path)
{
    struct stat here, there;
    return fstat(fd, &here) == 0 && stat(path, &there) == 0 && here.st_ino == there.st_ino &&
           here.st_dev == there.st_dev;
}
