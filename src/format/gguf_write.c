/* gguf_write.c: GGUF v3 as llama.cpp's strict reader wants it: tensors in the order of their infos, each aligned. */
#include "format/write.h"

#include "base/checked.h"
#include "base/error.h"

#include <string.h>

static void add_le(struct buf *b, uint64_t value, int bytes)
{
    unsigned char le[8];
    for (int i = 0; i < bytes; i++)
        le[i] = (unsigned char)(value >> (8 * i));
    buf_add(b, le, (size_t)bytes);
}

static void add_str(struct buf *b, const char *s, uint64_t len)
{
    add_le(b, len, 8);
    buf_add(b, s, (size_t)len);
}

static void add_key_of(struct gguf_keys *k, const char *key, uint64_t len, enum gguf_type type)
{
    add_str(&k->bytes, key, len);
    add_le(&k->bytes, type, 4);
    k->n++;
}

static void add_key(struct gguf_keys *k, const char *key, enum gguf_type type)
{
    add_key_of(k, key, strlen(key), type);
}

void gguf_put_value(struct gguf_keys *k, const char *key, uint64_t key_len, const struct gguf_value *v)
{
    add_key_of(k, key, key_len, v->array ? GGUF_ARRAY : v->type);
    if (v->array) {
        add_le(&k->bytes, v->type, 4);
        add_le(&k->bytes, v->count, 8);
    }
    buf_add(&k->bytes, v->data, (size_t)v->bytes);
}

void gguf_put_text(struct gguf_keys *k, const char *key, const char *text, uint64_t len)
{
    add_key(k, key, GGUF_STRING);
    add_str(&k->bytes, text, len);
}

void gguf_put_u16(struct gguf_keys *k, const char *key, uint16_t value)
{
    add_key(k, key, GGUF_U16);
    add_le(&k->bytes, value, 2);
}

void gguf_put_i32(struct gguf_keys *k, const char *key, int32_t value)
{
    add_key(k, key, GGUF_I32);
    add_le(&k->bytes, (uint32_t)value, 4);
}

void gguf_put_str(struct gguf_keys *k, const char *key, const char *value)
{
    gguf_put_text(k, key, value, strlen(value));
}

void gguf_put_u32(struct gguf_keys *k, const char *key, uint32_t value)
{
    add_key(k, key, GGUF_U32);
    add_le(&k->bytes, value, 4);
}

void gguf_put_f32(struct gguf_keys *k, const char *key, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    add_key(k, key, GGUF_F32);
    add_le(&k->bytes, bits, 4);
}

void gguf_put_bool(struct gguf_keys *k, const char *key, bool value)
{
    add_key(k, key, GGUF_BOOL);
    add_le(&k->bytes, value, 1);
}

void gguf_put_array(struct gguf_keys *k, const char *key, enum gguf_type type, uint64_t count)
{
    add_key(k, key, GGUF_ARRAY);
    add_le(&k->bytes, type, 4);
    add_le(&k->bytes, count, 8);
}

void gguf_add_u32(struct gguf_keys *k, uint32_t value)
{
    add_le(&k->bytes, value, 4);
}

void gguf_add_u8(struct gguf_keys *k, uint8_t value)
{
    add_le(&k->bytes, value, 1);
}

void gguf_add_str(struct gguf_keys *k, const char *s, uint64_t len)
{
    add_str(&k->bytes, s, len);
}

static enum osso_status add_infos(struct buf *b, const struct tensor *list, int64_t n, struct osso_error *err)
{
    uint64_t off = 0;
    for (int64_t i = 0; i < n; i++) {
        const struct tensor *t = &list[i];
        if (t->dtype == DT_U8 || dtype_info(t->dtype)->gguf_type < 0)
            return error_set(err, OSSO_UNSUPPORTED, "tensor %s: GGUF has no such type", t->name);
        add_str(b, t->name, strlen(t->name));
        add_le(b, (uint64_t)t->rank, 4);
        for (int k = t->rank - 1; k >= 0; k--)
            add_le(b, (uint64_t)t->shape[k], 8);
        add_le(b, (uint64_t)dtype_info(t->dtype)->gguf_type, 4);
        add_le(b, off, 8);
        if (!ck_add(off, t->bytes, &off) || !ck_round_up(off, GGUF_ALIGNMENT, &off))
            return error_set(err, OSSO_LIMIT, "tensor %s: the file would have more than 2^64 bytes", t->name);
    }
    return OSSO_OK;
}

enum osso_status gguf_write_header(struct save *s, const struct gguf_keys *keys, const struct tensor *list, int64_t n,
                                   struct osso_error *err)
{
    struct buf head = {0}, infos = {0};
    buf_add(&head, "GGUF", 4);
    add_le(&head, 3, 4);
    add_le(&head, (uint64_t)n, 8);
    add_le(&head, keys->n, 8);
    enum osso_status status = add_infos(&infos, list, n, err);
    if (!status && (head.failed || infos.failed || keys->bytes.failed))
        status = error_nomem(err, keys->bytes.len, "a GGUF header");
    if (!status)
        status = save_write(s, head.data, head.len, err);
    if (!status)
        status = save_write(s, keys->bytes.data, keys->bytes.len, err);
    if (!status)
        status = save_write(s, infos.data, infos.len, err);
    buf_free(&head);
    buf_free(&infos);
    return status ? status : gguf_write_pad(s, err);
}

enum osso_status gguf_write_pad(struct save *s, struct osso_error *err)
{
    static const char zeros[GGUF_ALIGNMENT];
    uint64_t over = save_offset(s) % GGUF_ALIGNMENT;
    return over ? save_write(s, zeros, GGUF_ALIGNMENT - over, err) : OSSO_OK;
}
