/* service.h: what stands behind the HTTP room: the part that has a model. Its functions are called by the I/O thread,
 * so they take constant time and wait for nobody. */
#ifndef OSSO_SERVE_SERVICE_H
#define OSSO_SERVE_SERVICE_H

#include "base/buf.h"

enum service_state { SERVICE_LOADING, SERVICE_READY };

struct service {
    void *user; /* the handlers of routes.def reach it by exchange_service() */
    /* What /health says; NULL: ready. */
    enum service_state (*state)(void *user);
    /* Appends lines in Prometheus' text form to /metrics; NULL: none. */
    void (*metrics)(void *user, struct buf *out);
    /* The server begins to drain: what has not begun is to be refused, what has goes on; NULL: nothing to do. */
    void (*drain)(void *user);
    /* The time to drain is over: every answer still running is to end with its error event, soon; NULL: they are cut.
     */
    void (*give_up)(void *user);
};

#endif
