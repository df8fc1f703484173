/* safetensors_write.c: the header of a safetensors file, padded so that the data begins at a multiple of 8. */
#include "format/write.h"

#include "base/checked.h"
#include "base/error.h"
#include "base/must.h"
#include "json/jwrite.h"

#include <string.h>

/* Types that no number format of osso's has: the bytes of a value. */
static const struct {
    const char *name;
    int bytes;
} containers[] = {{"U8", 1}, {"U32", 4}, {"F8_E4M3", 1}, {"F8_E8M0", 1}};

static const char *type_of(const struct tensor *t)
{
    return t->type ? t->type : t->dtype == DT_U8 ? "U8" : dtype_info(t->dtype)->name;
}

/* Bytes of one value; 0: safetensors files have no such type. */
static int value_bytes(const struct tensor *t)
{
    for (size_t i = 0; i < sizeof containers / sizeof containers[0]; i++)
        if (strcmp(containers[i].name, type_of(t)) == 0)
            return containers[i].bytes;
    return dtype_info(t->dtype)->block == 1 ? dtype_info(t->dtype)->block_bytes : 0;
}

static enum osso_status check_tensor(const struct tensor *t, struct osso_error *err)
{
    uint64_t bytes = (uint64_t)value_bytes(t);
    if (bytes == 0)
        return error_set(err, OSSO_UNSUPPORTED, "tensor %s: safetensors files cannot hold %s", t->name, type_of(t));
    for (int i = 0; i < t->rank; i++)
        if (!ck_mul(bytes, (uint64_t)t->shape[i], &bytes))
            return error_set(err, OSSO_LIMIT, "tensor %s has more than 2^64 bytes", t->name);
    must(bytes == t->bytes);
    return OSSO_OK;
}

static void add_entry(struct buf *b, const struct tensor *t, uint64_t begin, uint64_t end)
{
    jwrite_string(b, t->name, strlen(t->name));
    buf_printf(b, ":{\"dtype\":\"%s\",\"shape\":[", type_of(t));
    for (int i = 0; i < t->rank; i++)
        buf_printf(b, "%s%lld", i ? "," : "", (long long)t->shape[i]);
    buf_printf(b, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)begin, (unsigned long long)end);
}

enum osso_status safetensors_write_header(struct save *s, const struct tensor *list, int64_t n, struct osso_error *err)
{
    return safetensors_write_header_of(s, list, n, "{\"format\":\"pt\"}", err);
}

enum osso_status safetensors_write_header_of(struct save *s, const struct tensor *list, int64_t n, const char *metadata,
                                             struct osso_error *err)
{
    struct buf b = {0};
    uint64_t begin = 0, end = 0;
    unsigned char length[8];
    enum osso_status status = OSSO_OK;
    buf_printf(&b, "{\"__metadata__\":%s", metadata);
    for (int64_t i = 0; i < n && !status; i++, begin = end) {
        status = check_tensor(&list[i], err);
        if (!status && !ck_add(begin, list[i].bytes, &end))
            status = error_set(err, OSSO_LIMIT, "tensor %s: the file would have more than 2^64 bytes", list[i].name);
        buf_putc(&b, ',');
        if (!status)
            add_entry(&b, &list[i], begin, end);
    }
    buf_putc(&b, '}');
    while (!b.failed && b.len % 8 != 0)
        buf_putc(&b, ' ');
    if (!status && b.failed)
        status = error_nomem(err, b.len, "a safetensors header");
    for (int i = 0; i < 8; i++)
        length[i] = (unsigned char)((uint64_t)b.len >> (8 * i));
    if (!status)
        status = save_write(s, length, sizeof length, err);
    if (!status)
        status = save_write(s, b.data, b.len, err);
    buf_free(&b);
    return status;
}
