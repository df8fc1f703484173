/* gpu_weights.c: copies of the weights on the device, found by the host's addresses. */
#include "backend/vulkan/gpu.h"

#include "base/error.h"
#include "base/mem.h"

#include <string.h>

enum { UPLOAD = 16 << 20 };

/* ---- stores --------------------------------------------------------------------------------------------- */

struct gpu_store *gpu_store_create(void)
{
    struct gpu_store *s = mem_alloc(sizeof *s);
    if (!s)
        return NULL;
    s->arena.place = VK_LOCAL;
    s->users = 1;
    pthread_mutex_init(&s->lock, NULL);
    return s;
}

struct gpu_store *gpu_store_share(struct gpu_store *s)
{
    pthread_mutex_lock(&s->lock);
    s->users++;
    s->shared = true;
    pthread_mutex_unlock(&s->lock);
    return s;
}

static void empty(struct gpu *g, struct gpu_store *s)
{
    gpu_arena_free(g, &s->arena);
    mem_free(s->copies);
}

void gpu_weights_free(struct gpu *g)
{
    struct gpu_store *s = g->told;
    empty(g, &g->later);
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    bool last = --s->users == 0;
    pthread_mutex_unlock(&s->lock);
    if (!last)
        return;
    empty(g, s);
    pthread_mutex_destroy(&s->lock);
    mem_free(s);
}

void gpu_weights_least(struct gpu *g, uint64_t bytes)
{
    pthread_mutex_lock(&g->told->lock);
    g->later.arena.least = bytes;
    if (!g->told->shared)
        g->told->arena.least = bytes;
    pthread_mutex_unlock(&g->told->lock);
}

/* The first copy that does not end before `at`. */
static size_t copy_at(const struct gpu_store *s, uintptr_t at)
{
    size_t lo = 0, hi = s->n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (s->copies[mid].hi <= at)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* NULL: it is in no copy. */
static const struct gpu_copy *copy_in(const struct gpu_store *s, const void *host)
{
    size_t i = copy_at(s, (uintptr_t)host);
    return i < s->n && (uintptr_t)host >= s->copies[i].lo ? &s->copies[i] : NULL;
}

static const struct gpu_copy *copy_of(const struct gpu *g, const void *host)
{
    const struct gpu_copy *c = copy_in(&g->later, host);
    return c ? c : copy_in(g->told, host);
}

bool gpu_knows(const struct gpu *g, const void *host)
{
    return copy_of(g, host) != NULL;
}

/* 0, and that is remembered: it is in no copy. */
static uint64_t find(struct gpu *g, const void *host)
{
    const struct gpu_copy *c = copy_of(g, host);
    if (c)
        return c->piece.address + ((uintptr_t)host - c->lo);
    gpu_refuse(g, OSSO_UNSUPPORTED, "a weight is not on the device: this is a bug of osso's, please report it");
    return 0;
}

/* A step asks for the same weights as the last one. */
uint64_t gpu_weight(struct gpu *g, const void *host)
{
    struct gpu_found *f = &g->found[(uintptr_t)host * UINT64_C(0x9e3779b97f4a7c15) >> 53]; /* 11 bits: GPU_FOUND */
    if (host && f->host != host) {
        uint64_t address = find(g, host);
        if (!address)
            return 0;
        *f = (struct gpu_found){host, address};
    }
    return host ? f->address : 0;
}

/* Host bytes [lo, hi), which lie in the copy. */
static enum osso_status upload(struct gpu *g, const struct gpu_copy *c, uintptr_t lo, uintptr_t hi,
                               struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    uint64_t off = c->piece.off + (lo - c->lo);
    for (uintptr_t at = lo; at < hi && !status;) {
        struct gpu_piece in;
        uint64_t bytes = hi - at < UPLOAD ? hi - at : UPLOAD;
        gpu_arena_reset(&g->inputs);
        if (!gpu_take(g, &g->inputs, bytes, &in))
            return error_nomem(err, bytes, "weights on their way to the device");
        memcpy(in.host, (const void *)at, bytes);
        vk_copy(g->vk, &c->piece.block, off, &in.block, in.off, bytes);
        status = vk_wait(g->vk, err);
        at += bytes;
        off += bytes;
    }
    return status;
}

/* A place in the list for host bytes [lo, room) instead of copies [first, end), which it covers. */
static struct gpu_copy *insert(struct gpu *g, struct gpu_store *s, size_t first, size_t end, uintptr_t lo, uintptr_t hi,
                               uintptr_t room)
{
    struct gpu_copy *list = mem_room(s->copies, s->n, &s->cap, sizeof *list);
    struct gpu_copy c = {.lo = lo, .hi = hi, .room = room};
    if (!list)
        return NULL;
    s->copies = list;
    if (!gpu_take(g, &s->arena, room - lo, &c.piece))
        return NULL;
    memmove(list + first + 1, list + end, (s->n - end) * sizeof *list);
    s->n += 1 - (end - first);
    list[first] = c;
    return &list[first];
}

/* Rows that alternate with another tensor's (gate's with up's) leave room for its last row. */
static uint64_t room_of(const struct backend_tensor *t)
{
    int64_t rows = t->stack > 0 && t->rows > 0 ? (t->stack - 1) * t->stack_stride + t->rows * t->row_stride : 0;
    return rows > 0 && (uint64_t)rows > t->bytes && (uint64_t)rows - t->bytes <= (uint64_t)t->row_stride
               ? (uint64_t)rows
               : t->bytes;
}

static enum osso_status learn(struct gpu *g, struct gpu_store *s, const struct backend_tensor *t,
                              struct osso_error *err)
{
    uintptr_t at = (uintptr_t)t->data, lo = at, hi = at + t->bytes, room = at + room_of(t);
    size_t first = copy_at(s, lo), end = first;
    for (; end < s->n && s->copies[end].lo < hi; end++) {
        lo = s->copies[end].lo < lo ? s->copies[end].lo : lo;
        hi = s->copies[end].hi > hi ? s->copies[end].hi : hi;
        room = s->copies[end].room > room ? s->copies[end].room : room;
    }
    struct gpu_copy *c = end == first + 1 && s->copies[first].lo == lo && s->copies[first].room >= hi
                             ? &s->copies[first]
                             : NULL;
    if (c) {
        c->hi = hi;
        lo = at, hi = at + t->bytes; /* the rest is there */
    } else {
        c = insert(g, s, first, end, lo, hi, room);
    }
    return c ? upload(g, c, lo, hi, err) : error_nomem(err, t->bytes, "a tensor on the device");
}

enum osso_status gpu_learn(const struct backend *backend, const struct backend_tensor *t, struct osso_error *err)
{
    struct gpu *g = gpu_of(backend);
    gpu_flush(g);    /* uploads begin in the memory of what may be on its way */
    g->n_layers = 0; /* their lists name places of copies, and these may move */
    memset(g->found, 0, sizeof g->found);
    gpu_arena_reset(&g->lists);
    pthread_mutex_lock(&g->told->lock);
    enum osso_status status = learn(g, g->told->shared ? &g->later : g->told, t, err);
    pthread_mutex_unlock(&g->told->lock);
    return status;
}
