/* far_parts.h: what the files of far.h's backend share. */
#ifndef OSSO_TEST_FAR_PARTS_H
#define OSSO_TEST_FAR_PARTS_H

#include "far.h"

/* A tensor, or some that overlap: host addresses [lo, hi) lie at `near`. */
struct copy {
    uintptr_t lo, hi;
    uint8_t *near;
};

struct far {
    struct backend backend;
    const struct backend *cpu;
    int fd;
    uint8_t *there, *near, *mirror; /* the same offsets: handed out, worked in, what host() gives */
    size_t used;
    uint8_t *step; /* STEP_BYTES, near: this step's inputs */
    size_t step_used;
    const int32_t *const *tables[KV_GROUPS], **near_tables[KV_GROUPS];
    struct copy *copies;
    int n_copies, n_hidden;
    struct hidden **hidden;
};

static inline struct far *far_of(const struct backend *backend)
{
    return (struct far *)(uintptr_t)backend->state;
}

/* Says what is wrong with an address, and ends the test. */
void far_die(const char *what, const void *p);
/* Where something that an op was given really lies. */
void *far_near(const struct far *f, const void *p);
/* far_ops.c: fills in the ops: they translate every address in their arguments and hand on. */
void far_add_ops(struct backend *backend);

#endif
