/* workers.c: first come, first served; a request whose client has left meanwhile is let go unread. */
#include "serve/workers.h"

#include "serve/exchange_parts.h"
#include "serve/routes.h"

#include "base/error.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

struct workers {
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct exchange *first, *last;
    int n, max, n_threads;
    bool stopping;
    pthread_t thread[];
};

/* The next exchange; NULL: it is over. */
static struct exchange *next(struct workers *w)
{
    pthread_mutex_lock(&w->lock);
    while (!w->first && !w->stopping)
        pthread_cond_wait(&w->more, &w->lock);
    struct exchange *x = w->first;
    if (x) {
        w->first = x->next_work;
        w->n--;
    }
    pthread_mutex_unlock(&w->lock);
    return x;
}

static void *run(void *arg)
{
    struct workers *w = arg;
    for (struct exchange *x; (x = next(w));) {
        pthread_mutex_lock(&w->lock);
        bool stopping = w->stopping;
        pthread_mutex_unlock(&w->lock);
        if (!stopping && !exchange_gone(x))
            x->route->handler(x);
        exchange_release(x);
    }
    return NULL;
}

enum osso_status workers_start(int n_threads, int max, struct workers **workers_out, struct osso_error *err)
{
    struct workers *w = mem_alloc(sizeof *w + (size_t)n_threads * sizeof *w->thread);
    *workers_out = NULL;
    if (!w)
        return error_nomem(err, sizeof *w, "the workers");
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->more, NULL);
    w->max = max;
    for (; w->n_threads < n_threads; w->n_threads++) {
        int code = pthread_create(&w->thread[w->n_threads], NULL, run, w);
        if (code) {
            workers_stop(w);
            return error_set(err, OSSO_NOMEM, "a worker's thread cannot be started: %s", strerror(code));
        }
    }
    *workers_out = w;
    return OSSO_OK;
}

bool workers_push(struct workers *w, struct exchange *x)
{
    pthread_mutex_lock(&w->lock);
    bool room = w->n < w->max && !w->stopping;
    if (room) {
        exchange_keep(x);
        x->next_work = NULL;
        if (w->first)
            w->last->next_work = x;
        else
            w->first = x;
        w->last = x;
        w->n++;
        pthread_cond_signal(&w->more);
    }
    pthread_mutex_unlock(&w->lock);
    return room;
}

void workers_stop(struct workers *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->stopping = true;
    pthread_cond_broadcast(&w->more);
    pthread_mutex_unlock(&w->lock);
    for (int i = 0; i < w->n_threads; i++)
        pthread_join(w->thread[i], NULL);
    pthread_mutex_destroy(&w->lock);
    pthread_cond_destroy(&w->more);
    mem_free(w);
}
