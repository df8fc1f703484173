/* parts.h: what this osso was built with, and what it was built without. */
#ifndef OSSO_CLI_PARTS_H
#define OSSO_CLI_PARTS_H

enum { PART_COUNT = 6 };
struct part {
    const char *what, *library; /* "server", "libmicrohttpd" */
    const char *missing;        /* why it is not there; NULL: it is */
    const char *packages;       /* that it is built with, as Debian calls them */
};
struct part parts_at(int i);

#endif
