/* transfer.c: one file over several connections: the pass over its pieces, the hash, the repair. */
#include "hub/transfer_parts.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

enum { WAIT_MS = 50 };

/* ---- a pass over the pieces ----------------------------------------------------------------------------- */

static uint64_t bytes_there(const struct transfer *t)
{
    uint64_t bytes = (uint64_t)t->n_done * PIECE;
    if (t->part.n && t->state[t->part.n - 1] == PIECE_DONE)
        bytes -= PIECE - part_piece_bytes(&t->part, t->part.n - 1);
    for (int i = 0; i < t->jobs; i++)
        bytes += t->slots[i].has_run ? t->slots[i].have : 0;
    return bytes < t->file->size ? bytes : t->file->size;
}

static bool tell(struct transfer *t)
{
    int live = 0;
    for (int i = 0; i < t->jobs; i++)
        live += t->slots[i].busy;
    return watch_tell(t->o->watch, bytes_there(t), live);
}

/* Until every piece is done. */
static enum osso_status pass(struct transfer *t)
{
    watch_phase(t->o->watch, t->repair ? "repairing" : "fetching");
    while (!t->status && t->n_done < t->part.n) {
        int64_t now = clock_ms();
        for (int i = 0; i < t->jobs; i++)
            slot_start(&t->slots[i], now);
        struct net_call *call = net_next(t->o->net, WAIT_MS);
        if (call)
            slot_ended(call->user, clock_ms());
        if (!t->status && !tell(t))
            t->status = error_set(&t->err, OSSO_CANCELLED, "stopped");
    }
    for (int i = 0; i < t->jobs; i++) /* nothing may come after the end */
        if (t->slots[i].busy) {
            net_drop(t->o->net, &t->slots[i].call);
            t->slots[i].busy = false;
        }
    return t->status;
}

/* The pieces as they are: those on the disk are done, or, in a repair, none is. */
static void begin_pass(struct transfer *t)
{
    t->n_done = t->prefix = 0;
    for (uint32_t i = 0; i < t->part.n; i++) {
        bool done = t->part.there[i] && !t->repair;
        t->state[i] = done ? PIECE_DONE : PIECE_WANTED;
        t->n_done += done;
    }
    while (t->prefix < t->part.n && t->state[t->prefix] == PIECE_DONE)
        t->prefix++;
    for (int i = 0; i < t->jobs; i++) {
        struct slot *s = &t->slots[i];
        s->retired = t->whole && s != t->whole;
        s->has_run = s->busy = false;
        slot_begin_piece(s, 0);
        s->failures = s->hops = 0;
        s->not_before = 0;
    }
}

/* The hash, when it has read everything. */
static enum osso_status await_hash(struct transfer *t, char text[DIGEST_TEXT])
{
    watch_phase(t->o->watch, "hashing");
    enum osso_status status = OSSO_OK;
    while (!t->status && !follow_done(t->follow, WAIT_MS, text, &status, &t->err))
        if (!tell(t))
            t->status = error_set(&t->err, OSSO_CANCELLED, "stopped");
    if (status)
        t->status = status;
    return t->status;
}

static enum osso_status pass_and_hash(struct transfer *t, char text[DIGEST_TEXT])
{
    begin_pass(t);
    follow_free(t->follow);
    t->follow = NULL;
    if (t->file->hash && (t->status = follow_create(&t->part, strlen(t->file->hash), &t->follow, &t->err)))
        return t->status;
    if (t->follow)
        follow_ready(t->follow, t->prefix);
    if (pass(t) || !t->follow)
        return t->status;
    return await_hash(t, text);
}

/* Every piece came, and all of them together are another file: which of them is wrong, the server's second word says.
 */
static enum osso_status repair(struct transfer *t, char text[DIGEST_TEXT])
{
    char was[DIGEST_TEXT];
    snprintf(was, sizeof was, "%s", text);
    watch_note(t->o->watch,
               "%s: every byte came, but its SHA is %.12s... instead of %.12s...; fetching it a second time to compare",
               t->file->shown, text, t->file->hash);
    t->repair = true;
    enum osso_status status = pass_and_hash(t, text);
    if (status)
        return status;
    if (strcmp(text, t->file->hash) == 0) {
        watch_note(t->o->watch, "%s: %u piece%s of 1 MiB came wrong the first time and %s replaced", t->file->shown,
                   t->differing, t->differing == 1 ? "" : "s", t->differing == 1 ? "is" : "are");
        return OSSO_OK;
    }
    t->status = error_set(
        &t->err, OSSO_FORMAT,
        "%s came twice and is wrong: its hash is %s, it should be %s (%u pieces differed); tell its owner, or pull "
        "again later",
        t->file->shown, text, t->file->hash, t->differing);
    return t->status;
}

/* ---- beginning and end ---------------------------------------------------------------------------------- */

struct checking {
    struct transfer *t;
    uint64_t bytes;
};

static bool checked_more(void *user, uint64_t bytes)
{
    struct checking *c = user;
    c->bytes += bytes;
    return watch_tell(c->t->o->watch, c->bytes, 0);
}

static enum osso_status open_part(struct transfer *t, struct osso_error *err)
{
    const struct transfer_file *f = t->file;
    bool again;
    uint32_t bad = 0;
    struct checking checking = {.t = t};
    enum osso_status status = part_open(f->part, f->key, f->size, &t->part, &again, err);
    if (status)
        return status;
    if (again)
        watch_note(t->o->watch, "%s: what was there is of another file, or torn; it starts anew", f->shown);
    t->state = mem_array((size_t)t->part.n + 1, 1);
    if (!t->state)
        return error_nomem(err, t->part.n, f->shown);
    watch_phase(t->o->watch, "checking");
    status = part_check(&t->part, checked_more, &checking, &bad, err);
    if (!status && bad)
        watch_note(t->o->watch, "%s: %u piece%s of 1 MiB on the disk %s not what came; fetched again", f->shown, bad,
                   bad == 1 ? "" : "s", bad == 1 ? "is" : "are");
    return status;
}

static enum osso_status open_slots(struct transfer *t, struct osso_error *err)
{
    t->jobs = t->o->jobs < 1 ? 1 : t->o->jobs < MOST_JOBS ? t->o->jobs : MOST_JOBS;
    if ((uint32_t)t->jobs > t->part.n)
        t->jobs = t->part.n ? (int)t->part.n : 1;
    for (int i = 0; i < t->jobs; i++) {
        struct slot *s = &t->slots[i];
        s->t = t;
        s->data = mem_alloc(PIECE);
        if (!s->data)
            return error_nomem(err, PIECE, "a connection");
    }
    return OSSO_OK;
}

static enum osso_status fetch(struct transfer *t, struct osso_error *err)
{
    char text[DIGEST_TEXT] = "";
    enum osso_status status = pass_and_hash(t, text);
    if (!status && t->follow && strcmp(text, t->file->hash) != 0)
        status = repair(t, text);
    if (status)
        *err = t->err;
    else
        status = part_finish(&t->part, t->file->path, err);
    return status;
}

enum osso_status transfer_run(const struct transfer_options *o, const struct transfer_file *file,
                              struct osso_error *err)
{
    struct transfer *t = mem_alloc(sizeof *t);
    if (!t)
        return error_nomem(err, sizeof *t, file->shown);
    t->o = o;
    t->file = file;
    t->part.fd = t->part.state_fd = -1;
    enum osso_status status = open_part(t, err);
    if (!status)
        status = open_slots(t, err);
    if (!status)
        status = fetch(t, err);
    follow_free(t->follow);
    for (int i = 0; i < MOST_JOBS; i++) {
        net_close_call(o->net, &t->slots[i].call);
        mem_free(t->slots[i].data);
    }
    part_close(&t->part);
    mem_free(t->state);
    mem_free(t);
    return status;
}
