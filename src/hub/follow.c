/* follow.c: the hash of a file that is still growing. */
#include "hub/follow.h"

#include "base/error.h"
#include "base/mem.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>

enum {
    AT_ONCE = 128 << 10, /* bytes that are still in the nearest cache but one when they are hashed */
    PUSH = 16            /* pieces at a time */
};

struct follow {
    const struct part *part;
    struct digest *digest;
    char *data;
    pthread_t thread;
    bool running;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint32_t ready, read; /* under the lock, as all below */
    bool stop;
    enum osso_status status;
    struct osso_error err;
};

/* The next piece once it may be read; false: no more. */
static bool await(struct follow *f, uint32_t *piece_out)
{
    pthread_mutex_lock(&f->lock);
    while (!f->stop && f->read == f->ready && f->read < f->part->n)
        pthread_cond_wait(&f->changed, &f->lock);
    bool more = !f->stop && !f->status && f->read < f->part->n;
    *piece_out = f->read;
    pthread_mutex_unlock(&f->lock);
    return more;
}

static enum osso_status add_piece(struct follow *f, uint32_t piece, struct osso_error *err)
{
    uint64_t n = part_piece_bytes(f->part, piece);
    enum osso_status status = OSSO_OK;
    for (uint64_t off = 0, len; off < n && !status; off += len) {
        len = n - off < AT_ONCE ? n - off : AT_ONCE;
        if (!(status = part_get(f->part, piece, off, f->data, len, err)))
            digest_add(f->digest, f->data, len);
    }
    return status;
}

static void *run(void *user)
{
    struct follow *f = user;
    for (uint32_t piece; await(f, &piece);) {
        struct osso_error err;
        enum osso_status status = add_piece(f, piece, &err);
        if ((piece + 1) % PUSH == 0) /* here, since a disk that is behind makes whoever asks wait */
            part_push(f->part, piece + 1 - PUSH, PUSH);
        pthread_mutex_lock(&f->lock);
        f->status = status;
        if (status)
            f->err = err;
        f->read++;
        pthread_cond_broadcast(&f->changed);
        pthread_mutex_unlock(&f->lock);
    }
    return NULL;
}

enum osso_status follow_create(const struct part *part, size_t digits, struct follow **follow_out,
                               struct osso_error *err)
{
    sigset_t all, before;
    *follow_out = NULL;
    struct follow *f = mem_alloc(sizeof *f);
    if (!f)
        return error_nomem(err, sizeof *f, "a hash");
    f->part = part;
    pthread_mutex_init(&f->lock, NULL);
    pthread_cond_init(&f->changed, NULL);
    f->data = mem_alloc(AT_ONCE);
    enum osso_status status = f->data ? digest_create(digits, part->size, &f->digest, err)
                                      : error_nomem(err, AT_ONCE, "a hash");
    if (!status) {
        sigfillset(&all); /* signals are for whoever pulls */
        pthread_sigmask(SIG_SETMASK, &all, &before);
        f->running = pthread_create(&f->thread, NULL, run, f) == 0;
        pthread_sigmask(SIG_SETMASK, &before, NULL);
        if (!f->running)
            status = error_set(err, OSSO_NOMEM, "no thread to hash with; end other programs");
    }
    if (status) {
        follow_free(f);
        return status;
    }
    *follow_out = f;
    return OSSO_OK;
}

void follow_ready(struct follow *f, uint32_t pieces)
{
    pthread_mutex_lock(&f->lock);
    if (pieces > f->ready) {
        f->ready = pieces;
        pthread_cond_broadcast(&f->changed);
    }
    pthread_mutex_unlock(&f->lock);
}

bool follow_done(struct follow *f, int wait_ms, char text[DIGEST_TEXT], enum osso_status *status_out,
                 struct osso_error *err)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += (long)wait_ms * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_mutex_lock(&f->lock);
    while (!f->status && f->read < f->part->n && pthread_cond_timedwait(&f->changed, &f->lock, &until) == 0)
        ;
    bool done = f->status || f->read >= f->part->n;
    *status_out = f->status;
    if (f->status && err)
        *err = f->err;
    pthread_mutex_unlock(&f->lock);
    if (done && !*status_out)
        digest_end(f->digest, text);
    return done;
}

void follow_free(struct follow *f)
{
    if (!f)
        return;
    pthread_mutex_lock(&f->lock);
    f->stop = true;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->lock);
    if (f->running)
        pthread_join(f->thread, NULL);
    digest_free(f->digest);
    mem_free(f->data);
    pthread_cond_destroy(&f->changed);
    pthread_mutex_destroy(&f->lock);
    mem_free(f);
}
