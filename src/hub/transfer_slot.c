/* transfer_slot.c: one connection of a transfer: what it asks for, what it believes, when it gives up. */
#include "hub/transfer_parts.h"

#include "base/crc32c.h"
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { ALIVE = 64 << 10 /* bytes that make an end no failure in a row */ };

static void fatal(struct transfer *t, enum osso_status status)
{
    if (!t->status)
        t->status = status;
}

/* ---- pieces --------------------------------------------------------------------------------------------- */

static bool take_run(struct slot *s)
{
    struct transfer *t = s->t;
    uint32_t n = t->part.n, first = t->prefix;
    while (first < n && t->state[first] != PIECE_WANTED)
        first++;
    if (first == n)
        return false;
    uint32_t fair = (n - t->n_done) / (uint32_t)t->jobs, most = fair < 1 ? 1 : fair < RUN_PIECES ? fair : RUN_PIECES;
    s->piece = s->end = first;
    if (t->whole)
        most = n;
    while (s->end < n && s->end - first < most && t->state[s->end] == PIECE_WANTED)
        t->state[s->end++] = PIECE_TAKEN;
    s->has_run = true;
    if (s->buffer_piece != first)
        slot_begin_piece(s, first);
    return true;
}

static void give_back_run(struct slot *s)
{
    for (uint32_t i = s->piece; s->has_run && i < s->end; i++)
        if (s->t->state[i] == PIECE_TAKEN)
            s->t->state[i] = PIECE_WANTED;
    s->has_run = false;
}

void slot_retire(struct slot *s)
{
    if (s->busy)
        net_drop(s->t->o->net, &s->call);
    if (s->t->resolver == s)
        s->t->resolver = NULL;
    give_back_run(s);
    s->busy = false;
    s->retired = true;
}

void slot_begin_piece(struct slot *s, uint32_t piece)
{
    s->buffer_piece = piece;
    s->have = s->crc = 0;
}

/* A piece is on the disk, or as the disk has it. */
static enum osso_status piece_done(struct slot *s)
{
    struct transfer *t = s->t;
    uint32_t piece = s->buffer_piece;
    bool same = t->repair && s->crc == t->part.crc[piece];
    enum osso_status status = same ? OSSO_OK : part_record(&t->part, piece, s->crc, &t->err);
    if (status)
        return status;
    t->differing += t->repair && !same;
    t->state[piece] = PIECE_DONE;
    t->n_done++;
    while (t->prefix < t->part.n && t->state[t->prefix] == PIECE_DONE)
        t->prefix++;
    if (t->follow)
        follow_ready(t->follow, t->prefix);
    while (s->piece < s->end && t->state[s->piece] == PIECE_DONE)
        s->piece++;
    s->has_run = s->piece < s->end;
    slot_begin_piece(s, piece);
    return OSSO_OK;
}

/* A repair writes nothing before it has seen all of a piece: what is there may be the better one. */
static uint32_t block_bytes(const struct slot *s)
{
    return s->t->repair ? PIECE : BLOCK;
}

/* The block in s->data is full, or its piece is. false: it could not be kept, or the transfer is over. */
static bool block_done(struct slot *s)
{
    struct transfer *t = s->t;
    uint32_t off = (s->have - 1) / block_bytes(s) * block_bytes(s), n = s->have - off;
    s->crc = crc32c(s->crc, s->data, n);
    bool same = t->repair && s->crc == t->part.crc[s->buffer_piece];
    enum osso_status status = same ? OSSO_OK : part_put(&t->part, s->buffer_piece, off, s->data, n, &t->err);
    if (!status && s->have == part_piece_bytes(&t->part, s->buffer_piece))
        status = piece_done(s);
    if (status)
        fatal(t, status);
    return !status;
}

/* Bytes that follow those which it has. */
static bool collect(struct slot *s, const char *data, size_t n)
{
    uint32_t block = block_bytes(s);
    s->fresh += n;
    for (size_t len; n > 0; data += len, n -= len) {
        uint32_t off = s->have % block;
        len = n < block - off ? n : block - off;
        memcpy(s->data + off, data, len);
        s->have += (uint32_t)len;
        bool full = s->have % block == 0 || s->have == part_piece_bytes(&s->t->part, s->buffer_piece);
        if (full && !block_done(s))
            return false;
    }
    return true;
}

/* Bytes that stand at s->pos. */
static bool accept(struct slot *s, const char *data, size_t n)
{
    struct transfer *t = s->t;
    while (n > 0) {
        uint32_t piece = (uint32_t)(s->pos / PIECE), off = (uint32_t)(s->pos % PIECE);
        if (piece >= t->part.n) {
            snprintf(s->problem, sizeof s->problem, "sends more bytes than the file has");
            return false;
        }
        uint64_t rest = part_piece_bytes(&t->part, piece) - off;
        size_t len = n < rest ? n : (size_t)rest, skip = 0;
        bool use = t->state[piece] == PIECE_TAKEN;
        if (use && s->buffer_piece != piece)
            slot_begin_piece(s, piece);
        if (use && off < s->have)
            skip = s->have - off < len ? s->have - off : len;
        s->pos += len;
        if (use && len > skip && off + skip == s->have && !collect(s, data + skip, len - skip))
            return false;
        data += len;
        n -= len;
    }
    return true;
}

/* ---- the head of an answer ------------------------------------------------------------------------------ */

static bool odd(struct slot *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
static bool odd(struct slot *s, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    vsnprintf(s->problem, sizeof s->problem, format, ap);
    va_end(ap);
    return false;
}

/* The hub names the hash of what it leads to; other servers at least keep their tag. */
static bool same_file(struct slot *s, const struct net_answer *a)
{
    const struct transfer_file *f = s->t->file;
    const char *tag = a->linked_etag[0] ? a->linked_etag : net_same_origin(s->t->o->net, f->url, s->url) ? a->etag : "";
    bool other = f->hash ? digest_is_name(tag) && strlen(tag) == strlen(f->hash) && strcmp(tag, f->hash) != 0
                         : f->etag && a->etag[0] && a->status < 300 && strcmp(a->etag, f->etag) != 0;
    if (other)
        fatal(s->t,
              error_set(&s->t->err, OSSO_FORMAT, "%s has changed at its address (its tag is %s, it was %s); pull again",
                        f->shown, f->hash ? tag : a->etag, f->hash ? f->hash : f->etag));
    return !other;
}

/* 200: all of it comes, from its beginning. The others would get the same. */
static bool take_whole(struct slot *s)
{
    struct transfer *t = s->t;
    const struct net_answer *a = &s->call.answer;
    if (a->length >= 0 && (uint64_t)a->length != t->file->size)
        return odd(s, "sends %lld bytes, not the %llu of the file", (long long)a->length,
                   (unsigned long long)t->file->size);
    if (!t->whole && t->jobs > 1)
        watch_note(t->o->watch, "%s: its server knows no ranges; one connection takes it", t->file->shown);
    t->whole = s;
    for (int i = 0; i < t->jobs; i++)
        if (&t->slots[i] != s && !t->slots[i].retired)
            slot_retire(&t->slots[i]);
    for (uint32_t i = 0; i < t->part.n; i++)
        if (t->state[i] == PIECE_WANTED)
            t->state[i] = PIECE_TAKEN;
    s->piece = t->prefix;
    s->end = t->part.n;
    s->has_run = s->piece < s->end;
    s->pos = 0;
    return true;
}

static bool check_head(struct slot *s)
{
    const struct net_answer *a = &s->call.answer;
    const struct transfer_file *f = s->t->file;
    if (!same_file(s, a))
        return false;
    if (a->encoded)
        return odd(s, "sends it compressed, which it was not asked to");
    if (a->status == 200)
        return take_whole(s);
    if (a->odd_range || a->first < 0)
        return odd(s, "sends a part without saying which (Content-Range)");
    if ((uint64_t)a->first != s->call.first || (uint64_t)a->last > s->call.last)
        return odd(s, "sends bytes %lld to %lld instead of %llu to %llu", (long long)a->first, (long long)a->last,
                   (unsigned long long)s->call.first, (unsigned long long)s->call.last);
    if (a->total >= 0 && (uint64_t)a->total != f->size)
        return odd(s, "says that it has %lld bytes, not %llu", (long long)a->total, (unsigned long long)f->size);
    if (a->length >= 0 && a->length != a->last - a->first + 1)
        return odd(s, "says Content-Length %lld and a range of %lld bytes", (long long)a->length,
                   (long long)(a->last - a->first + 1));
    return true;
}

static bool on_body(void *user, const char *data, size_t n)
{
    struct slot *s = user;
    int status = s->call.answer.status;
    if (status != 200 && status != 206) /* the words of a refusal or a redirect */
        return (s->pos += n) < ALIVE;
    if (!s->head_checked && !check_head(s))
        return false;
    s->head_checked = true;
    if (status == 206 && s->pos + n > (uint64_t)s->call.answer.last + 1) {
        size_t good = (size_t)((uint64_t)s->call.answer.last + 1 - s->pos);
        return accept(s, data, good) && odd(s, "sends more bytes than it says");
    }
    return accept(s, data, n);
}

/* ---- asking --------------------------------------------------------------------------------------------- */

void slot_start(struct slot *s, int64_t now)
{
    struct transfer *t = s->t;
    if (s->busy || s->retired || now < s->not_before || (!s->has_run && !take_run(s)))
        return;
    if (!t->address[0]) { /* one asks where the bytes are, the others wait */
        if (t->resolver && t->resolver != s)
            return;
        if (t->resolver != s) {
            s->hops = 0;
            snprintf(s->url, sizeof s->url, "%s", t->file->url);
        }
        t->resolver = s;
    } else
        snprintf(s->url, sizeof s->url, "%s", t->address);
    uint64_t begin = (uint64_t)s->piece * PIECE, end = (uint64_t)s->end * PIECE;
    if (s->buffer_piece == s->piece)
        begin += s->have;
    s->call.url = s->url;
    s->call.token = t->file->token && net_same_origin(t->o->net, t->file->url, s->url) ? t->file->token : NULL;
    s->call.ranged = true;
    s->call.first = begin;
    s->call.last = (end < t->file->size ? end : t->file->size) - 1;
    s->call.body = on_body;
    s->call.user = s;
    s->head_checked = false;
    s->problem[0] = 0;
    s->pos = begin;
    enum osso_status status = net_begin(t->o->net, &s->call, &t->err);
    if (status)
        fatal(t, status);
    else
        s->busy = true;
}

/* Is another connection bringing something? */
static bool others_live(const struct slot *s)
{
    const struct transfer *t = s->t;
    for (int i = 0; i < t->jobs; i++)
        if (&t->slots[i] != s && t->slots[i].busy && t->slots[i].failures == 0 && t->slots[i].fresh > 0)
            return true;
    return false;
}

static void failure(struct slot *s, int64_t now, const char *why)
{
    struct transfer *t = s->t;
    char origin[300];
    if (s->fresh >= ALIVE)
        s->failures = 0;
    s->fresh = 0;
    s->failures++;
    int64_t pause;
    struct osso_error too_long;
    bool say = now >= t->said_until; /* one line, not one of each connection */
    enum osso_status status = hops_pause(t->o->net, s->url, &s->call.answer, t->o->timeout_ms, s->failures,
                                         say ? t->o->watch : NULL, &pause, &too_long);
    s->not_before = now + pause;
    if (say && s->call.answer.retry_after > 0)
        t->said_until = s->not_before;
    if (!status && s->failures < MOST_FAILURES)
        return;
    if (others_live(s)) { /* the server wants fewer connections */
        slot_retire(s);
        return;
    }
    if (status) {
        t->err = t->status ? t->err : too_long;
        fatal(t, status);
        return;
    }
    net_origin(t->o->net, s->url, origin, sizeof origin);
    fatal(t, error_set(&t->err, OSSO_IO, "cannot fetch %s: %s %s; what has come is kept, pull again later",
                       t->file->shown, origin, why));
}

static void redirected(struct slot *s)
{
    struct transfer *t = s->t;
    char target[NET_ADDRESS];
    if (!same_file(s, &s->call.answer))
        return;
    enum osso_status status = hops_follow(t->o->net, s->url, &s->call.answer, &s->hops, target, &t->err);
    if (status) {
        fatal(t, status);
        return;
    }
    snprintf(s->url, sizeof s->url, "%s", target);
    if (!net_same_origin(t->o->net, target, t->file->url)) { /* where the bytes are; the hub is asked once */
        snprintf(t->address, sizeof t->address, "%s", target);
        t->resolver = NULL;
    } else if (t->address[0])
        snprintf(t->address, sizeof t->address, "%s", target);
}

static void refused(struct slot *s, int64_t now)
{
    struct transfer *t = s->t;
    int status = s->call.answer.status;
    char why[96];
    bool at_hub = net_same_origin(t->o->net, t->file->url, s->url);
    snprintf(why, sizeof why, "answers %d", status);
    if (at_hub && status < 500 && !hops_is_passing(status) && status != 416)
        fatal(t, hops_refusal(t->o->net, s->url, &s->call.answer, t->file->shown, s->call.token != NULL, &t->err));
    else {
        if (!at_hub && !hops_is_passing(status)) { /* a signed address that has expired */
            if (strcmp(t->address, s->url) == 0)
                t->address[0] = 0;
            if (t->resolver == s)
                t->resolver = NULL;
        }
        failure(s, now, why);
    }
}

void slot_ended(struct slot *s, int64_t now)
{
    struct transfer *t = s->t;
    int status = s->call.answer.status;
    s->busy = false;
    if (t->status)
        return;
    if (hops_is_redirect(status)) {
        redirected(s);
        return;
    }
    if (status && status != 200 && status != 206) {
        refused(s, now);
        return;
    }
    if (status && !s->head_checked && !s->problem[0] && s->call.end == NET_DONE)
        (void)check_head(s); /* no body came at all */
    if (t->status)
        return;
    if (s->head_checked && !s->problem[0]) { /* the bytes are where it was asked */
        s->hops = 0;
        if (!t->address[0])
            snprintf(t->address, sizeof t->address, "%s", s->url);
    }
    if (t->resolver == s)
        t->resolver = NULL;
    bool ranged = s->call.answer.last >= 0;
    bool all = ranged ? s->pos == (uint64_t)s->call.answer.last + 1 : !s->has_run;
    if (!s->problem[0] && s->call.end == NET_DONE && all) {
        s->failures = s->fresh > 0 ? 0 : s->failures;
        return;
    }
    char why[264];
    if (s->problem[0] || s->call.end == NET_DONE)
        snprintf(why, sizeof why, "%s", s->problem[0] ? s->problem : "sends fewer bytes than it says");
    else
        snprintf(why, sizeof why, "is not heard well (%s)", s->call.why);
    failure(s, now, why);
}
