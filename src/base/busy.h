/* busy.h: how much of the cores that this process may use others have taken meanwhile. */
#ifndef OSSO_BASE_BUSY_H
#define OSSO_BASE_BUSY_H

#include <stdint.h>

struct busy {
    int64_t at_ms;
    double cores_s, own_s; /* CPU seconds so far: of these cores, of this process */
    int cores;             /* 0: nobody says */
};

/* `root` is "" but in tests, which give a folder with a made-up proc/. */
struct busy busy_begin(const char *root);
/* 0 to 1; 0 where nobody says, and in less than a moment. */
double busy_others(const char *root, const struct busy *since);

#endif
