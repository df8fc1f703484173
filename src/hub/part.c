/* part.c: a file that is not whole yet, and the sums of its pieces. */
#define _GNU_SOURCE
#include "hub/part.h"

#include "base/crc32c.h"
#include "base/error.h"
#include "base/file.h"
#include "base/lock.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KEY = 160, MAX_PIECES = 1 << 24, MAX_STATE = 1 << 28 };

/* The head of a state file; then records. Both are of this machine: a state file does not travel. */
struct head {
    char magic[8];
    uint64_t size;
    char key[KEY];
    uint32_t zero, crc; /* crc: of all before it */
};
struct record {
    uint32_t piece, crc, check; /* check: of the two, behind the head's */
};
static const char magic[8] = "OSSOPRT1";

static struct head head_of(const char *key, uint64_t size)
{
    struct head h;
    memset(&h, 0, sizeof h);
    memcpy(h.magic, magic, sizeof magic);
    h.size = size;
    snprintf(h.key, sizeof h.key, "%s", key);
    h.crc = crc32c(0, &h, offsetof(struct head, crc));
    return h;
}

static uint32_t check_of(uint32_t head_crc, const struct record *r)
{
    return crc32c(head_crc, r, offsetof(struct record, check));
}

static char *with_ending(const char *path, const char *ending)
{
    size_t n = strlen(path), m = strlen(ending);
    char *name = mem_alloc(n + m + 1);
    if (name) {
        memcpy(name, path, n);
        memcpy(name + n, ending, m + 1);
    }
    return name;
}

uint64_t part_piece_bytes(const struct part *p, uint32_t piece)
{
    uint64_t at = (uint64_t)piece * PIECE;
    return p->size - at < PIECE ? p->size - at : PIECE;
}

/* ---- reading it ----------------------------------------------------------------------------------------- */

/* The records of a state file, the last one of a piece counts. false: it is of something else. */
static bool read_state(int fd, const struct head *mine, uint32_t n, uint32_t *crc, bool *there)
{
    struct head h;
    struct record r[512];
    off_t at = sizeof h;
    if (pread(fd, &h, sizeof h, 0) != (ssize_t)sizeof h || memcmp(&h, mine, sizeof h) != 0)
        return false;
    for (ssize_t got; at < MAX_STATE && (got = pread(fd, r, sizeof r, at)) >= (ssize_t)sizeof *r;) {
        size_t whole = (size_t)got / sizeof *r;
        for (size_t i = 0; i < whole; i++)
            if (r[i].piece < n && r[i].check == check_of(mine->crc, &r[i])) {
                crc[r[i].piece] = r[i].crc;
                there[r[i].piece] = true;
            }
        at += (off_t)(whole * sizeof *r);
    }
    return true;
}

/* A torn record at the end would shift all that follow. */
static void cut_torn(int fd)
{
    struct stat st;
    if (fstat(fd, &st) == 0 && st.st_size > (off_t)sizeof(struct head)) {
        off_t more = (st.st_size - (off_t)sizeof(struct head)) % (off_t)sizeof(struct record);
        if (more && ftruncate(fd, st.st_size - more) != 0)
            (void)ftruncate(fd, 0); /* then it is read as torn */
    }
}

uint64_t part_peek(const char *path, const char *key, uint64_t size)
{
    struct part p = {.size = size, .n = (uint32_t)((size + PIECE - 1) / PIECE)};
    struct head mine = head_of(key, size);
    char *state = with_ending(path, ".osso-state");
    int fd = state ? open(state, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK) : -1;
    uint64_t bytes = 0;
    if (fd >= 0 && p.n <= MAX_PIECES) {
        p.crc = mem_array(p.n ? p.n : 1, sizeof *p.crc);
        p.there = mem_array(p.n ? p.n : 1, sizeof *p.there);
        if (p.crc && p.there && read_state(fd, &mine, p.n, p.crc, p.there))
            for (uint32_t i = 0; i < p.n; i++)
                bytes += p.there[i] ? part_piece_bytes(&p, i) : 0;
        mem_free(p.crc);
        mem_free(p.there);
    }
    if (fd >= 0)
        close(fd);
    mem_free(state);
    return bytes;
}

/* ---- opening it ----------------------------------------------------------------------------------------- */

static enum osso_status open_one(const char *path, int *fd_out, struct osso_error *err)
{
    struct stat st;
    *fd_out = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0666);
    if (*fd_out < 0)
        return error_set(err, OSSO_IO, "cannot write %s: %s", path, strerror(errno));
    if (fstat(*fd_out, &st) != 0 || !S_ISREG(st.st_mode))
        return error_set(err, OSSO_IO, "%s is no regular file: move it out of the way", path);
    return OSSO_OK;
}

static enum osso_status begin_state(struct part *p, const struct head *h, struct osso_error *err)
{
    memset(p->there, 0, p->n * sizeof *p->there);
    if (ftruncate(p->state_fd, 0) != 0 || pwrite(p->state_fd, h, sizeof *h, 0) != (ssize_t)sizeof *h)
        return error_set(err, OSSO_IO, "cannot write %s: %s", p->state, strerror(errno));
    return OSSO_OK;
}

static enum osso_status lock(struct part *p, struct osso_error *err)
{
    if (lock_try(p->fd) == LOCK_HELD)
        return error_set(err, OSSO_LIMIT, "another osso is fetching %s", p->path);
    if (!lock_is_of(p->fd, p->path))
        return error_set(err, OSSO_LIMIT, "another osso has just fetched %s", p->path);
    return OSSO_OK;
}

static enum osso_status open_parts(struct part *p, const struct head *h, bool *again_out, struct osso_error *err)
{
    struct stat st;
    enum osso_status status = open_one(p->path, &p->fd, err);
    if (!status)
        status = lock(p, err);
    if (!status)
        status = open_one(p->state, &p->state_fd, err);
    if (status)
        return status;
    bool old = fstat(p->state_fd, &st) == 0 && st.st_size > 0;
    if (old)
        cut_torn(p->state_fd);
    if (!old || !read_state(p->state_fd, h, p->n, p->crc, p->there)) {
        *again_out = old;
        status = begin_state(p, h, err);
    }
    if (!status && (fstat(p->fd, &st) != 0 || (uint64_t)st.st_size != p->size) && ftruncate(p->fd, (off_t)p->size) != 0)
        status = error_set(err, OSSO_IO, "cannot make %s as long as the file will be: %s", p->path, strerror(errno));
    return status;
}

enum osso_status part_open(const char *path, const char *key, uint64_t size, struct part *p, bool *again_out,
                           struct osso_error *err)
{
    *p = (struct part){.fd = -1, .state_fd = -1, .size = size};
    *again_out = false;
    if (size / PIECE >= MAX_PIECES)
        return error_set(err, OSSO_UNSUPPORTED, "%s would have %llu bytes: more than osso fetches", path,
                         (unsigned long long)size);
    p->n = (uint32_t)((size + PIECE - 1) / PIECE);
    p->path = with_ending(path, ".osso-part");
    p->state = with_ending(path, ".osso-state");
    p->crc = mem_array((size_t)p->n + 1, sizeof *p->crc);
    p->there = mem_array((size_t)p->n + 1, sizeof *p->there);
    struct head h = head_of(key, size);
    p->head_crc = h.crc;
    enum osso_status status = p->path && p->state && p->crc && p->there ? open_parts(p, &h, again_out, err)
                                                                        : error_nomem(err, p->n * 5ull, path);
    if (status)
        part_close(p);
    return status;
}

/* ---- using it ------------------------------------------------------------------------------------------- */

enum osso_status part_get(const struct part *p, uint32_t piece, uint64_t off, void *data, uint64_t n,
                          struct osso_error *err)
{
    uint64_t at = (uint64_t)piece * PIECE + off, have = 0;
    while (have < n) {
        ssize_t got = pread(p->fd, (char *)data + have, n - have, (off_t)(at + have));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return error_set(err, OSSO_IO, "cannot read %s: %s", p->path,
                             got < 0 ? strerror(errno) : "it is too short");
        have += (uint64_t)got;
    }
    return OSSO_OK;
}

enum osso_status part_check(struct part *p, bool (*go_on)(void *user, uint64_t bytes), void *user, uint32_t *bad_out,
                            struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    uint64_t most = part_piece_bytes(p, 0); /* of a small file less than a piece */
    char *data = mem_alloc(most);
    *bad_out = 0;
    if (!data)
        return error_nomem(err, most, "a piece");
    for (uint32_t i = 0; i < p->n && !status; i++) {
        if (!p->there[i])
            continue;
        if (!go_on(user, part_piece_bytes(p, i)))
            status = error_set(err, OSSO_CANCELLED, "stopped");
        else if (part_get(p, i, 0, data, part_piece_bytes(p, i), err) ||
                 crc32c(0, data, part_piece_bytes(p, i)) != p->crc[i]) {
            p->there[i] = false;
            *bad_out += 1;
        }
    }
    mem_free(data);
    return status;
}

static enum osso_status write_failed(const char *path, struct osso_error *err)
{
    int why = errno;
    if (why == ENOSPC || why == EDQUOT || why == EFBIG)
        return error_set(err, OSSO_IO, "no space for %s (%s): what has come is kept; make room and pull again", path,
                         strerror(why));
    return error_set(err, OSSO_IO, "cannot write %s: %s", path, strerror(why));
}

enum osso_status part_put(const struct part *p, uint32_t piece, uint64_t off, const void *data, uint64_t n,
                          struct osso_error *err)
{
    uint64_t at = (uint64_t)piece * PIECE + off, done = 0;
    while (done < n) {
        ssize_t put = pwrite(p->fd, (const char *)data + done, n - done, (off_t)(at + done));
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0) {
            if (put == 0)
                errno = ENOSPC;
            return write_failed(p->path, err);
        }
        done += (uint64_t)put;
    }
    return OSSO_OK;
}

enum osso_status part_record(struct part *p, uint32_t piece, uint32_t crc, struct osso_error *err)
{
    struct record r = {.piece = piece, .crc = crc};
    r.check = check_of(p->head_crc, &r);
    off_t end = lseek(p->state_fd, 0, SEEK_END);
    ssize_t put = end < 0 ? -1 : pwrite(p->state_fd, &r, sizeof r, end);
    if (put != (ssize_t)sizeof r) {
        if (put >= 0) {
            (void)!ftruncate(p->state_fd, end);
            errno = ENOSPC;
        }
        return write_failed(p->state, err);
    }
    p->crc[piece] = r.crc;
    p->there[piece] = true;
    return OSSO_OK;
}

void part_push(const struct part *p, uint32_t piece, uint32_t pieces)
{
    save_begin_sync(p->fd, (uint64_t)piece * PIECE, (uint64_t)pieces * PIECE);
}

enum osso_status part_finish(struct part *p, const char *path, struct osso_error *err)
{
    if (fsync(p->fd) != 0)
        return write_failed(p->path, err);
    if (rename(p->path, path) != 0)
        return error_set(err, OSSO_IO, "cannot rename %s to %s: %s", p->path, path, strerror(errno));
    unlink(p->state);
    save_sync_folder(path);
    return OSSO_OK;
}

void part_close(struct part *p)
{
    if (p->fd >= 0)
        close(p->fd);
    if (p->state_fd >= 0)
        close(p->state_fd);
    mem_free(p->path);
    mem_free(p->state);
    mem_free(p->crc);
    mem_free(p->there);
    *p = (struct part){.fd = -1, .state_fd = -1};
}
