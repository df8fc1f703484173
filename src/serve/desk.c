/* desk.c: what the HTTP room asks of the model's side. */
#include "serve/desk.h"

#include "serve/exchange.h"

struct desk *desk_of(const struct exchange *x)
{
    return exchange_service(x)->user;
}

enum { LARGE = 1 << 20 };

void desk_begin_text(struct desk *desk, size_t len)
{
    if (len > LARGE)
        pthread_mutex_lock(&desk->large);
}

void desk_end_text(struct desk *desk, size_t len)
{
    if (len > LARGE)
        pthread_mutex_unlock(&desk->large);
}

enum service_state desk_state(void *user)
{
    const struct desk *desk = user;
    return atomic_load(&desk->ready) ? SERVICE_READY : SERVICE_LOADING;
}

void desk_metrics(void *user, struct buf *out)
{
    struct desk *desk = user;
    struct sched_counts counts;
    if (!atomic_load(&desk->ready))
        return;
    sched_counts(desk->sched, &counts);
    meter_print(desk->meter, &counts, out);
}

void desk_drain(void *user)
{
    struct desk *desk = user;
    if (atomic_load(&desk->ready))
        sched_close(desk->sched);
}

void desk_give_up(void *user)
{
    struct desk *desk = user;
    if (atomic_load(&desk->ready))
        sched_give_up(desk->sched);
}
