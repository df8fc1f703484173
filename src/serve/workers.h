/* workers.h: threads that call handlers, and the bounded queue before them. */
#ifndef OSSO_SERVE_WORKERS_H
#define OSSO_SERVE_WORKERS_H

#include "osso/status.h"

#include <stdbool.h>

struct workers;
struct exchange;

enum osso_status workers_start(int n_threads, int queue_max, struct workers **workers_out, struct osso_error *err);
/* false: the queue is full. Takes a holder's reference of its own. */
bool workers_push(struct workers *workers, struct exchange *x);
/* Handlers that run end, those that wait are let go; NULL is fine. */
void workers_stop(struct workers *workers);

#endif
