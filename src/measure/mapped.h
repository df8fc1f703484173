/* mapped.h: how the pages of a model's files lie: how many are in memory, how fast those are read, and how fast the
 * disk brings the others. */
#ifndef OSSO_MEASURE_MAPPED_H
#define OSSO_MEASURE_MAPPED_H

#include "base/file.h"

struct mapped {
    uint64_t bytes, there; /* of all files; of these in memory, before anything was read */
    double disk_gbps;      /* what was not there came so fast; 0: nothing had to come, or nothing came in that time */
    double gbps;           /* 0: the files are smaller than `part`, or not so much of one came */
};
/* Reads `part` bytes of the largest file, from the disk what is not in memory, but no longer than so many seconds. They
 * may lie worse than memory that was just asked for. */
void mapped_measure(const struct file_map *maps, int n, int threads, uint64_t part, double seconds,
                    struct mapped *mapped_out);

#endif
