/* far.c: far.h's backend: twice mapped memory, copies of the weights, and a step's beginning and end. */
#define _GNU_SOURCE
#include "far_parts.h"

#include "base/error.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096, ALIGN = 128, POISON = 1 << 20 };
#define FAR_BYTES ((size_t)64 << 30) /* of addresses: nothing is ever handed out twice */
#define STEP_BYTES ((size_t)256 << 20)

backend_open_fn far_open;

static uint64_t pretended;
static int learned;

void far_die(const char *what, const void *p)
{
    fprintf(stderr, "far: %s %p\n", what, p);
    abort();
}

/* ---- memory --------------------------------------------------------------------------------------------- */

static bool handed_out(const struct far *f, const void *p)
{
    return (uintptr_t)p - (uintptr_t)f->there < FAR_BYTES;
}

/* The first copy that does not end before `at`. */
static int copy_at(const struct far *f, uintptr_t at)
{
    int lo = 0, hi = f->n_copies;
    while (lo < hi) {
        int mid = (lo + hi) / 2;
        if (f->copies[mid].hi <= at)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

void *far_near(const struct far *f, const void *p)
{
    if (!p)
        return NULL;
    if (handed_out(f, p))
        return f->near + ((const uint8_t *)p - f->there);
    int i = copy_at(f, (uintptr_t)p);
    if (i == f->n_copies || (uintptr_t)p < f->copies[i].lo)
        far_die("an op was given memory that is neither allocated here nor a tensor:", p);
    return f->copies[i].near + ((uintptr_t)p - f->copies[i].lo);
}

static void *take(struct far *f, size_t bytes)
{
    if (bytes > FAR_BYTES - f->used - PAGE)
        return NULL;
    uint8_t *p = f->there + f->used;
    f->used += (bytes + PAGE - 1) / PAGE * PAGE +
               PAGE; /* a page between: running over an end does not reach the next */
    memset(far_near(f, p), 0xff, bytes < POISON ? bytes : POISON);
    return p;
}

static void *far_alloc(const struct backend *backend, size_t bytes)
{
    return take(far_of(backend), bytes);
}

static void far_free(const struct backend *backend, void *memory, size_t bytes)
{
    struct far *f = far_of(backend);
    if (memory && !handed_out(f, memory))
        far_die("freed what was not allocated here:", memory);
    if (memory && bytes)
        madvise(far_near(f, memory), (bytes + PAGE - 1) / PAGE * PAGE, MADV_REMOVE);
}

void far_pretend_memory(uint64_t bytes)
{
    pretended = bytes;
}

uint64_t far_copied(const struct backend *backend)
{
    const struct far *f = far_of(backend);
    uint64_t bytes = 0;
    for (int i = 0; i < f->n_copies; i++)
        bytes += f->copies[i].hi - f->copies[i].lo;
    return bytes;
}

int far_learned(void)
{
    return learned;
}

static uint64_t far_memory(const struct backend *backend)
{
    return pretended ? pretended : FAR_BYTES - far_of(backend)->used;
}

static void far_copy(const struct backend *backend, void *to, const void *from, size_t bytes)
{
    struct far *f = far_of(backend);
    memmove(far_near(f, to), far_near(f, from), bytes);
}

static void *far_host(const struct backend *backend, void *values, size_t bytes)
{
    struct far *f = far_of(backend);
    if (!handed_out(f, values))
        far_die("host() of what was not allocated here:", values);
    return memcpy(f->mirror + ((uint8_t *)values - f->there), far_near(f, values), bytes);
}

static void far_put(const struct backend *backend, void *to, const void *from, size_t bytes)
{
    memcpy(far_near(far_of(backend), to), from, bytes);
}

/* ---- weights -------------------------------------------------------------------------------------------- */

/* Pages of a model that nobody may read while `users` backends have copies. */
struct hidden {
    uintptr_t lo, hi;
    int users, protection;
    struct hidden *next;
};
static struct hidden *all_hidden;

/* Is this address a mapped file's? Then every page that a tensor begins or ends in is the file's too. */
static bool in_file(uintptr_t at)
{
    static char text[1 << 20]; /* no malloc: tests make it fail */
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    size_t n = 0;
    for (ssize_t got; fd >= 0 && n < sizeof text - 1 && (got = read(fd, text + n, sizeof text - 1 - n)) > 0;)
        n += (size_t)got;
    text[n] = 0;
    if (fd >= 0)
        close(fd);
    for (char *line = text; line && *line; line = strchr(line, '\n'), line += line != NULL) {
        unsigned long long lo, hi, inode;
        if (sscanf(line, "%llx-%llx %*s %*s %*s %llu", &lo, &hi, &inode) == 3 && at >= lo && at < hi)
            return inode != 0;
    }
    return false;
}

/* NULL: no memory for another. */
static struct hidden *hidden_of(uintptr_t lo, uintptr_t hi)
{
    bool file = in_file(lo);
    lo = file ? lo / PAGE * PAGE : (lo + PAGE - 1) / PAGE * PAGE;
    hi = file ? (hi + PAGE - 1) / PAGE * PAGE : hi / PAGE * PAGE;
    for (struct hidden *h = all_hidden; h; h = h->next)
        if (h->lo == lo && h->hi == hi)
            return h;
    struct hidden *h = calloc(1, sizeof *h);
    if (!h)
        return NULL;
    *h = (struct hidden){lo, hi, 0, file ? PROT_READ : PROT_READ | PROT_WRITE, all_hidden};
    return all_hidden = h;
}

static void protect(const struct hidden *h, int protection)
{
    if (h->hi > h->lo && mprotect((void *)h->lo, h->hi - h->lo, protection) != 0)
        far_die("mprotect failed at", (void *)h->lo);
}

void far_show_weights(bool shown)
{
    for (const struct hidden *h = all_hidden; h; h = h->next)
        protect(h, shown ? h->protection : PROT_NONE);
}

static void let_go(struct hidden *h)
{
    struct hidden **link = &all_hidden;
    if (--h->users > 0)
        return;
    protect(h, h->protection);
    while (*link != h)
        link = &(*link)->next;
    *link = h->next;
    free(h);
}

/* Room for [lo, hi), and what it holds already where it overlaps copies [first, end), which it replaces. */
static bool join(struct far *f, int first, int end, uintptr_t lo, uintptr_t hi)
{
    uint8_t *there = take(f, hi - lo);
    struct copy *copies = there ? realloc(f->copies, (size_t)(f->n_copies + 1) * sizeof *copies) : NULL;
    if (!copies)
        return false;
    struct copy whole = {lo, hi, far_near(f, there)};
    f->copies = copies;
    for (int i = first; i < end; i++)
        memcpy(whole.near + (copies[i].lo - lo), copies[i].near, copies[i].hi - copies[i].lo);
    memmove(copies + first + 1, copies + end, (size_t)(f->n_copies - end) * sizeof *copies);
    copies[first] = whole;
    f->n_copies += 1 - (end - first);
    return true;
}

static enum osso_status far_learn(const struct backend *backend, const struct backend_tensor *t, struct osso_error *err)
{
    struct far *f = far_of(backend);
    uintptr_t at = (uintptr_t)t->data, lo = at, hi = lo + t->bytes;
    int first = copy_at(f, lo), end = first;
    learned++;
    for (; end < f->n_copies && f->copies[end].lo < hi; end++) {
        lo = f->copies[end].lo < lo ? f->copies[end].lo : lo;
        hi = f->copies[end].hi > hi ? f->copies[end].hi : hi;
    }
    bool there = end == first + 1 && f->copies[first].lo == lo && f->copies[first].hi == hi;
    struct hidden **list = realloc(f->hidden, (size_t)(f->n_hidden + 1) * sizeof *list);
    if (list)
        f->hidden = list;
    if (!list || (!there && !join(f, first, end, lo, hi)))
        return error_nomem(err, t->bytes, "a tensor");
    struct hidden *h = hidden_of(at, at + t->bytes);
    if (!h)
        return error_nomem(err, sizeof *h, "a tensor");
    f->hidden[f->n_hidden++] = h;
    h->users++;
    protect(h, h->protection);
    memcpy(far_near(f, t->data), t->data, t->bytes);
    protect(h, PROT_NONE);
    return OSSO_OK;
}

/* ---- a step --------------------------------------------------------------------------------------------- */

static int ends_left; /* far_fail_at_end */

void far_fail_at_end(int n)
{
    ends_left = n;
}

/* A copy among the step's inputs; as everything that is handed out, an address that faults. */
static void *stage(struct far *f, const void *from, size_t bytes)
{
    if (!from)
        return NULL;
    f->step_used = (f->step_used + ALIGN - 1) / ALIGN * ALIGN;
    if (bytes > STEP_BYTES - f->step_used)
        far_die("a step's inputs do not fit:", from);
    uint8_t *near = memcpy(f->step + f->step_used, from, bytes);
    f->step_used += bytes;
    return f->there + (near - f->near);
}

static void stage_tables(struct far *f, const struct batch *from, struct batch *to, int g)
{
    size_t bytes = (size_t)from->n_seqs * sizeof from->tables[g][0];
    to->tables[g] = NULL;
    if (!from->tables[g])
        return;
    to->tables[g] = stage(f, from->tables[g], bytes);
    f->tables[g] = to->tables[g];
    f->near_tables[g] = far_near(f, stage(f, from->tables[g], bytes));
    const int32_t **there = far_near(f, to->tables[g]);
    for (int s = 0; s < from->n_seqs; s++) {
        there[s] = stage(f, from->tables[g][s], (size_t)from->n_slots * sizeof(int32_t));
        f->near_tables[g][s] = far_near(f, there[s]);
    }
}

static enum osso_status far_begin(const struct backend *backend, const struct batch *from, struct batch *to,
                                  struct osso_error *err)
{
    struct far *f = far_of(backend);
    size_t n = (size_t)from->n, n_seqs = (size_t)from->n_seqs;
    (void)err;
    memset(f->step, 0xff, f->step_used);
    f->step_used = 0;
    *to = *from;
    to->token = stage(f, from->token, n * sizeof *to->token);
    to->pos = stage(f, from->pos, n * sizeof *to->pos);
    to->seq = stage(f, from->seq, n * sizeof *to->seq);
    to->keep = stage(f, from->keep, n);
    to->angles = stage(f, from->angles, n * (size_t)from->head_dim * sizeof *to->angles);
    to->logit_rows = stage(f, from->logit_rows, (size_t)from->n_logits * sizeof *to->logit_rows);
    to->floor = stage(f, from->floor, n_seqs * sizeof *to->floor);
    for (int g = 0; g < KV_GROUPS; g++)
        stage_tables(f, from, to, g);
    return OSSO_OK;
}

static enum osso_status far_end(const struct backend *backend, struct osso_error *err)
{
    (void)backend;
    return ends_left > 0 && --ends_left == 0 ? error_set(err, OSSO_DEVICE, "far: the device is lost") : OSSO_OK;
}

static void far_exp(const struct backend *backend, const real *x, int64_t n, real *y)
{
    const struct backend *cpu = far_of(backend)->cpu;
    cpu->exp(cpu, x, n, y);
}

/* ---- open and close ------------------------------------------------------------------------------------- */

static void far_close(const struct backend *backend)
{
    struct far *f = far_of(backend);
    for (int i = 0; i < f->n_hidden; i++)
        let_go(f->hidden[i]);
    uint8_t *maps[] = {f->there, f->near, f->mirror};
    for (int i = 0; i < 3; i++)
        if (maps[i])
            munmap(maps[i], FAR_BYTES);
    if (f->fd >= 0)
        close(f->fd);
    free(f->hidden);
    free(f->copies);
    free(f);
}

static void *map(int fd, int protection)
{
    int flags = MAP_NORESERVE | (fd < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED);
    void *p = mmap(NULL, FAR_BYTES, protection, flags, fd, 0);
    return p == MAP_FAILED ? NULL : p;
}

enum osso_status far_open(const char *variant, const struct backend **backend_out, struct osso_error *err)
{
    const char *isa = variant ? variant : "scalar";
    enum osso_status status = backend_open("cpu", strcmp(isa, "best") == 0 ? NULL : isa, backend_out, err);
    if (status)
        return status;
    struct far *f = calloc(1, sizeof *f);
    if (!f) {
        *backend_out = NULL;
        return error_nomem(err, sizeof *f, "a far backend");
    }
    f->cpu = *backend_out;
    f->backend = *f->cpu;
    f->backend.state = f;
    f->backend.train = NULL; /* its ops would look at memory that is far */
#define OWN(member) f->backend.member = far_##member;
    /* clang-format off */
    OWN(close) OWN(alloc) OWN(free)
    OWN(memory) OWN(learn) OWN(begin) OWN(end) OWN(copy) OWN(host) OWN(put) OWN(exp)
#undef OWN
        /* clang-format on */
        far_add_ops(&f->backend);
    f->fd = memfd_create("far", MFD_CLOEXEC);
    bool file = f->fd >= 0 && ftruncate(f->fd, (off_t)FAR_BYTES) == 0;
    f->there = file ? map(f->fd, PROT_NONE) : NULL;
    f->near = file ? map(f->fd, PROT_READ | PROT_WRITE) : NULL;
    f->mirror = map(-1, PROT_READ | PROT_WRITE);
    if (!f->there || !f->near || !f->mirror) {
        far_close(&f->backend);
        *backend_out = NULL;
        return error_nomem(err, FAR_BYTES, "a far backend's addresses");
    }
    f->step = far_near(f, take(f, STEP_BYTES));
    *backend_out = &f->backend;
    return OSSO_OK;
}
