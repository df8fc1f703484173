/* shelf.c: a table of names and, for each owner, a list in the order of use. */
#include "serve/shelf.h"

#include "base/mem.h"

#include <pthread.h>
#include <string.h>

struct thing {
    struct thing *next;          /* in its chain */
    struct thing *older, *newer; /* of its owner */
    uint64_t hash;
    struct owner *owner;
    size_t len;
    char *bytes; /* behind the name */
    char name[];
};

struct owner {
    struct owner *next;
    uint64_t number;
    struct thing *oldest, *newest;
    size_t count, bytes;
};

enum { CHAINS = 4096 };

struct shelf {
    pthread_mutex_t lock;
    size_t count, bytes;
    struct owner *owners;
    struct thing *chains[CHAINS];
};

struct shelf *shelf_create(size_t count, size_t bytes)
{
    struct shelf *s = mem_alloc(sizeof *s);
    if (!s)
        return NULL;
    s->count = count;
    s->bytes = bytes;
    pthread_mutex_init(&s->lock, NULL);
    return s;
}

static uint64_t hash_of(uint64_t owner, const char *name)
{
    uint64_t h = 0xcbf29ce484222325U ^ owner * 0x9e3779b97f4a7c15U;
    for (; *name; name++)
        h = (h ^ (unsigned char)*name) * 0x100000001b3U;
    return h ^ h >> 29;
}

static struct owner *owner_of(struct shelf *s, uint64_t number, bool make)
{
    for (struct owner *o = s->owners; o; o = o->next)
        if (o->number == number)
            return o;
    struct owner *o = make ? mem_alloc(sizeof *o) : NULL;
    if (o) {
        o->number = number;
        o->next = s->owners;
        s->owners = o;
    }
    return o;
}

static struct thing **find(struct shelf *s, uint64_t owner, const char *name, uint64_t hash)
{
    struct thing **at = &s->chains[hash % CHAINS];
    while (*at && !((*at)->hash == hash && (*at)->owner->number == owner && strcmp((*at)->name, name) == 0))
        at = &(*at)->next;
    return at;
}

static void leave_line(struct thing *t)
{
    *(t->older ? &t->older->newer : &t->owner->oldest) = t->newer;
    *(t->newer ? &t->newer->older : &t->owner->newest) = t->older;
}

static void join_line(struct thing *t)
{
    t->older = t->owner->newest;
    t->newer = NULL;
    *(t->older ? &t->older->newer : &t->owner->oldest) = t;
    t->owner->newest = t;
}

static void drop(struct thing **at)
{
    struct thing *t = *at;
    *at = t->next;
    leave_line(t);
    t->owner->count--;
    t->owner->bytes -= t->len;
    mem_free(t);
}

bool shelf_put(struct shelf *s, uint64_t owner, const char *name, const void *bytes, size_t len)
{
    size_t name_len = strlen(name);
    uint64_t hash = hash_of(owner, name);
    struct thing *t = len <= s->bytes ? mem_alloc(sizeof *t + name_len + 1 + len) : NULL;
    if (!t)
        return false;
    memcpy(t->name, name, name_len + 1);
    t->bytes = t->name + name_len + 1;
    if (len)
        memcpy(t->bytes, bytes, len);
    t->hash = hash;
    t->len = len;
    pthread_mutex_lock(&s->lock);
    struct thing **at = find(s, owner, name, hash);
    if (*at)
        drop(at);
    struct owner *o = t->owner = owner_of(s, owner, true);
    while (o && o->oldest && (o->count >= s->count || o->bytes + len > s->bytes))
        drop(find(s, owner, o->oldest->name, o->oldest->hash));
    if (o) {
        at = &s->chains[hash % CHAINS];
        t->next = *at;
        *at = t;
        join_line(t);
        o->count++;
        o->bytes += len;
    }
    pthread_mutex_unlock(&s->lock);
    if (!o)
        mem_free(t);
    return o != NULL;
}

bool shelf_get(struct shelf *s, uint64_t owner, const char *name, struct buf *out)
{
    pthread_mutex_lock(&s->lock);
    struct thing *t = *find(s, owner, name, hash_of(owner, name));
    if (t) {
        leave_line(t);
        join_line(t);
        buf_add(out, t->bytes, t->len);
    }
    pthread_mutex_unlock(&s->lock);
    return t && !out->failed;
}

bool shelf_drop(struct shelf *s, uint64_t owner, const char *name)
{
    pthread_mutex_lock(&s->lock);
    struct thing **at = find(s, owner, name, hash_of(owner, name));
    bool was = *at != NULL;
    if (was)
        drop(at);
    pthread_mutex_unlock(&s->lock);
    return was;
}

void shelf_free(struct shelf *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < CHAINS; i++)
        while (s->chains[i])
            drop(&s->chains[i]);
    while (s->owners) {
        struct owner *next = s->owners->next;
        mem_free(s->owners);
        s->owners = next;
    }
    pthread_mutex_destroy(&s->lock);
    mem_free(s);
}
