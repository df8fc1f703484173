/* ids.c: the growing list of token ids. */
#include "osso/text.h"

#include "base/error.h"
#include "base/mem.h"

#include <string.h>

static enum osso_status ids_reserve(struct osso_ids *ids, size_t more, struct osso_error *err)
{
    if (more <= ids->cap - ids->len)
        return OSSO_OK;
    if (more > SIZE_MAX / sizeof *ids->data / 2 - ids->len)
        return error_nomem(err, SIZE_MAX, "a list of token ids");
    size_t cap = ids->cap ? ids->cap : 64;
    while (cap - ids->len < more)
        cap *= 2;
    int32_t *data = mem_grow(ids->data, cap, sizeof *data);
    if (!data)
        return error_nomem(err, (unsigned long long)cap * sizeof *data, "a list of token ids");
    ids->data = data;
    ids->cap = cap;
    return OSSO_OK;
}

enum osso_status osso_ids_push(struct osso_ids *ids, int32_t id, struct osso_error *err)
{
    return osso_ids_append(ids, &id, 1, err);
}

enum osso_status osso_ids_append(struct osso_ids *ids, const int32_t *data, size_t len, struct osso_error *err)
{
    enum osso_status status = ids_reserve(ids, len, err);
    if (status == OSSO_OK && len) {
        memcpy(ids->data + ids->len, data, len * sizeof *data);
        ids->len += len;
    }
    return status;
}

void osso_ids_free(struct osso_ids *ids)
{
    if (!ids)
        return;
    mem_free(ids->data);
    *ids = (struct osso_ids){0};
}
