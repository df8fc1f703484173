/* keys.h: who may use the server, how often and how much at once. A file holds a key a line:
 *
 *     NAME KEY [rpm=N] [concurrent=N]      or a bare KEY; # begins a comment
 *
 * Only the I/O thread looks keys up; an exchange keeps whom it belongs to. */
#ifndef OSSO_SERVE_KEYS_H
#define OSSO_SERVE_KEYS_H

#include "osso/status.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KEY_MAX = 256, KEY_NAME_MAX = 64, KEYS_MAX = 4096 };

struct tenant {
    atomic_int refs;
    uint64_t id; /* > 0, its own while the server runs; a key read again under the same name keeps it */
    bool bare;   /* the file gave no name */
    char name[KEY_NAME_MAX + 1];
    char key[KEY_MAX]; /* zeros behind it: always compared whole */
    size_t key_len;
    unsigned rpm, concurrent; /* 0: no limit */
    /* the I/O thread's */
    unsigned running;
    double allowance; /* requests that may begin now */
    int64_t refilled_ms;
};

struct keys {
    struct tenant **tenant;
    size_t n;
    uint64_t last_id;
};

/* `where` names the text in errors, which never hold a key. */
enum osso_status keys_parse(const char *text, size_t len, const char *where, struct keys *keys_out,
                            struct osso_error *err);
/* `fresh` takes the place of `keys`: who was there before under the same name (a bare key: with the same key) keeps id
 * and use. fresh is empty afterwards. */
void keys_replace(struct keys *keys, struct keys *fresh);
/* The keys of a file in place of those that were there; on failure these stay. */
enum osso_status keys_load(struct keys *keys, const char *path, struct osso_error *err);
void keys_free(struct keys *keys);
/* Whose key it is, or NULL; takes the same time whichever it is. */
struct tenant *keys_find(const struct keys *keys, const char *key, size_t len);

void tenant_keep(struct tenant *t);
void tenant_release(struct tenant *t); /* NULL is fine */
/* May one more request begin? 0, or the seconds to wait. Without a limit always 0. */
unsigned tenant_wait(struct tenant *t, int64_t now_ms);

#endif
