/* expected.h: what the lines of a task with goals expect. */
#ifndef OSSO_EVAL_EXPECTED_H
#define OSSO_EVAL_EXPECTED_H

#include "eval/eval_parts.h"

/* One right answer of an item: equal keys, the same answer. */
struct expected_key {
    uint64_t key;
    int64_t item;
};
enum { NO_CALL, CALL, CALL_OF_FUNCTION }; /* what a line wants: no call; a call, and whether its function was called */
struct expected {
    struct expected_key *keys; /* by key, then by item */
    size_t n, room;
    unsigned char *calls; /* [items] */
};

/* Reads the lines of all items once more. *out is the caller's, {0}. */
enum osso_status expected_read(const struct run *run, struct expected *out, struct osso_error *err);
void expected_free(struct expected *x);

#endif
