/* device_plan.c: what a model would take of a GPU, for `osso info --device gpu`. */
#include "cli/device.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "json/jwrite.h"

#include <string.h>

static void put_plan(struct buf *b, const struct osso_engine_plan *p)
{
    uint64_t total = p->weight_bytes + p->kv_bytes + p->scratch_bytes;
    buf_puts(b, ",\"device\":{\"name\":");
    jwrite_string(b, p->device, strlen(p->device));
    buf_printf(b,
               ",\"context\":%lld,\"weights\":%llu,\"kv\":%llu,\"scratch\":%llu,\"total\":%llu,"
               "\"available\":%llu,\"fits\":%s}}",
               (long long)p->context, (unsigned long long)p->weight_bytes, (unsigned long long)p->kv_bytes,
               (unsigned long long)p->scratch_bytes, (unsigned long long)total, (unsigned long long)p->available_bytes,
               total <= p->available_bytes ? "true" : "false");
}

enum osso_status device_plan(const struct options *o, const struct osso_model *model, char **json,
                             struct osso_error *err)
{
    const struct option_value *v = o->v;
    struct osso_model_dims dims = {.size = sizeof dims};
    struct osso_engine_options e = {.size = sizeof e, .kv_type = v[OPT_kv_type].set ? v[OPT_kv_type].s : NULL};
    struct osso_engine_plan p = {.size = sizeof p};
    struct buf b = {0};
    device_args(o, &e);
    if (!e.backend)
        return OSSO_OK;
    osso_model_dims(model, &dims);
    e.context = v[OPT_ctx_size].set && v[OPT_ctx_size].i > 0 ? v[OPT_ctx_size].i : dims.context;
    enum osso_status status = osso_engine_plan(model, &e, &p, err);
    if (status)
        return status;
    buf_add(&b, *json, strlen(*json) - 1); /* all but the last brace, which follows the plan */
    put_plan(&b, &p);
    char *whole = buf_take(&b);
    if (!whole)
        return error_nomem(err, strlen(*json), "the description of the model");
    osso_free(*json);
    *json = whole;
    return OSSO_OK;
}
