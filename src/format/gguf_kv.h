/* gguf_kv.h: the cursor of the GGUF reader and the table of keys; shared by gguf_kv.c and gguf.c. */
#ifndef OSSO_FORMAT_GGUF_KV_H
#define OSSO_FORMAT_GGUF_KV_H

#include "format/tensors.h"

struct gguf_entry {
    const char *key;
    uint64_t key_len;
    struct gguf_value value;
};

struct gguf {
    struct gguf_entry *list; /* sorted by key */
    int64_t n;
};

/* Reads never pass `end`; the first failure is told with its byte offset. */
struct gguf_cursor {
    const uint8_t *begin, *p, *end;
    const char *path;
    struct osso_error *err;
};

enum osso_status gguf_bad(const struct gguf_cursor *c, const char *what);
enum osso_status gguf_u32(struct gguf_cursor *c, uint32_t *out);
enum osso_status gguf_u64(struct gguf_cursor *c, uint64_t *out);
/* A counted string of at most max bytes, left in place. */
enum osso_status gguf_str(struct gguf_cursor *c, uint64_t max, const char **out, uint64_t *len_out);
/* All n keys and values; on failure nothing is kept. */
enum osso_status gguf_read_kv(struct gguf_cursor *c, uint64_t n, struct gguf **gguf_out);

#endif
