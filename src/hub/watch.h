/* watch.h: telling whoever pulls how far it is, and hearing whether to go on. */
#ifndef OSSO_HUB_WATCH_H
#define OSSO_HUB_WATCH_H

#include "osso/hub.h"

struct watch {
    int (*progress)(void *user, const struct osso_hub_progress *progress); /* NULL: nobody asks */
    void *user;
    struct osso_hub_progress now;
    uint64_t before; /* bytes of the files that are whole */
    bool stopped;
};

/* `bytes` of the file that is being fetched are there. false: somebody wants it to end. */
bool watch_tell(struct watch *w, uint64_t bytes, int connections);
/* From here on `phase` is being done: "checking", "fetching"... */
void watch_phase(struct watch *w, const char *phase);
/* A sentence that is worth a line of its own. */
void watch_note(struct watch *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
