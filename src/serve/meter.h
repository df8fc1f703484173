/* meter.h: what /metrics says of requests: counts and times, by vLLM's names. Any number of threads. */
#ifndef OSSO_SERVE_METER_H
#define OSSO_SERVE_METER_H

#include "base/buf.h"
#include "serve/sched.h"

enum meter_time { METER_FIRST_TOKEN, METER_NEXT_TOKEN, METER_WHOLE, METER_QUEUE, METER_TIMES };
enum meter_end { METER_STOP, METER_LENGTH, METER_TOOL_CALLS, METER_ABORT, METER_ERROR, METER_ENDS };

struct meter;
struct meter *meter_create(void); /* NULL: no memory */
void meter_free(struct meter *meter);
void meter_time(struct meter *meter, enum meter_time which, double seconds);
void meter_end(struct meter *meter, enum meter_end how);
void meter_print(struct meter *meter, const struct sched_counts *counts, struct buf *out);

#endif
