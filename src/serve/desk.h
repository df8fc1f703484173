/* desk.h: what stands behind all requests: the model, the scheduler, what is remembered. */
#ifndef OSSO_SERVE_DESK_H
#define OSSO_SERVE_DESK_H

#include "serve/api/request.h"
#include "osso/script.h"
#include "serve/meter.h"
#include "serve/rein.h"
#include "serve/service.h"
#include "serve/sched.h"
#include "serve/shelf.h"

#include <pthread.h>
#include <stdatomic.h>

struct exchange;

/* What stands behind all requests; `user` of the HTTP room's service. */
struct desk {
    struct osso_script *script; /* NULL: a model */
    const struct osso_tokenizer *tokenizer;
    struct sched *sched;
    struct meter *meter;
    struct shelf *turns;     /* what the model wrote, by what is seen of it (recall.h) */
    struct shelf *responses; /* by id */
    struct osso_sampling defaults;
    const char *name; /* the model's */
    const char *date; /* of the system message; NULL: today */
    int64_t vocab, context, created;
    int slots;
    atomic_bool ready;
    atomic_ullong n_made; /* answers' ids */
    uint64_t salt;
    struct rein_table *reins; /* NULL: what the model writes is not held to its form */
    pthread_mutex_t large;    /* whoever splits a large text holds it */
};

/* What the HTTP room asks (service.h): loading or ready, figures, the end. */
enum service_state desk_state(void *user);
void desk_metrics(void *user, struct buf *out);
void desk_drain(void *user);
void desk_give_up(void *user);

struct desk *desk_of(const struct exchange *x);

/* Around whatever splits a text into tokens, which takes up to 28 times its bytes for a moment: one large text at a
 * time, or a flood of them takes that times the workers. */
void desk_begin_text(struct desk *desk, size_t len);
void desk_end_text(struct desk *desk, size_t len);

#endif
