/* model_shelf.h: all models on this disk, with what their headers say. */
#ifndef OSSO_CLI_MODEL_SHELF_H
#define OSSO_CLI_MODEL_SHELF_H

#include "cli/model_files.h"

enum model_shelf_state {
    SHELF_WHOLE,
    SHELF_OTHER,   /* of an architecture that osso does not run */
    SHELF_BEGUN,   /* a pull has not ended */
    SHELF_DAMAGED, /* it cannot be opened */
};
struct model_shelf_row {
    const char *name; /* for -m */
    const struct model_found *found;
    enum model_shelf_state state;
    char form[16], types[64], why[256]; /* why: it cannot be opened */
    uint64_t parameters, bytes;
    uint64_t have, whole; /* of what a pull has begun there, in bytes */
};
struct model_shelf {
    struct model_picked picked;
    struct model_shelf_row *models;
    int n;
    uint64_t bytes; /* of all of them, what they share counted once */
};
enum osso_status model_shelf_read(struct model_shelf *shelf_out, struct osso_error *err);
void model_shelf_free(struct model_shelf *shelf);
const char *model_shelf_state_word(enum model_shelf_state state);

#endif
