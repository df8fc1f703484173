/* synth_folder.h: the folder that a synthetic checkpoint is written into: nothing of anybody else's is touched, what a
 * killed run left is taken over. */
#ifndef OSSO_CONVERT_SYNTH_FOLDER_H
#define OSSO_CONVERT_SYNTH_FOLDER_H

#include "osso/status.h"

#include <stdbool.h>

struct synth_folder {
    char *path, *mark;
    int fd;    /* the mark's, locked: this run lives; -1: forced into a folder that holds something */
    bool made; /* it was not there before */
};

/* Makes the folder, or takes one that is empty, or that a killed run left. Anything else is refused but for `force`. */
enum osso_status synth_folder_take(const char *path, bool force, struct synth_folder *folder_out,
                                   struct osso_error *err);
/* Forced into a folder that holds a model: its configuration and weights go before anything is written, whatever their
 * files are called; nobody may read them as the new one's. */
void synth_folder_clear(const struct synth_folder *folder);
/* Not done: what was written goes again. */
void synth_folder_leave(struct synth_folder *folder, bool done);

#endif
