/* device_plan.c: what a model would take of a GPU, for `osso info --device gpu`; and the GPU in the JSON of results. */
#include "cli/device.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/mem.h"
#include "json/jwrite.h"

#include <string.h>

static void put_bytes(struct buf *b, const char *key, uint64_t bytes)
{
    buf_printf(b, ",\"%s\":%llu", key, (unsigned long long)bytes);
}

static void put_text(struct buf *b, const char *key, const char *text)
{
    buf_printf(b, "%s\"%s\":", strcmp(key, "name") == 0 ? "" : ",", key);
    jwrite_string(b, text, strlen(text));
}

static void put_plan(struct buf *b, const struct osso_engine_plan *p, int n_layers)
{
    uint64_t total = p->weight_bytes + p->kv_bytes + p->scratch_bytes;
    char text[64];
    buf_puts(b, ",\"device\":{");
    put_text(b, "name", p->device);
    put_text(b, "driver", p->driver);
    put_text(b, "bits", p->bits);
    put_text(b, "features", p->features);
    buf_printf(b, ",\"context\":%lld", (long long)p->context);
    put_bytes(b, "weights", p->weight_bytes);
    put_bytes(b, "kv", p->kv_bytes);
    put_bytes(b, "scratch", p->scratch_bytes);
    put_bytes(b, "total", total);
    put_bytes(b, "available", p->available_bytes);
    buf_printf(b, ",\"fits\":%s", total <= p->available_bytes ? "true" : "false");
    put_text(b, "experts", device_layers(p->host_layers, n_layers, n_layers, text, sizeof text));
    put_text(b, "cpu_experts", device_layers(0, p->host_layers, n_layers, text, sizeof text));
    put_bytes(b, "cpu_expert_layers", (uint64_t)p->host_layers);
    put_bytes(b, "cpu_expert_bytes", p->host_bytes);
    put_bytes(b, "cpu_embedding_bytes", p->embed_bytes);
    buf_puts(b, "}}");
}

void device_json(const struct osso_engine *engine, struct buf *b)
{
    struct osso_gpu gpu = {.size = sizeof gpu};
    if (!osso_engine_gpu(engine, &gpu))
        return;
    buf_puts(b, ",\"device\":{");
    put_text(b, "name", osso_engine_isa(engine));
    put_text(b, "driver", gpu.driver);
    put_text(b, "bits", gpu.bits);
    put_text(b, "features", gpu.features);
    buf_putc(b, '}');
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
    put_plan(&b, &p, (int)dims.n_layers);
    char *whole = buf_take(&b);
    if (!whole)
        return error_nomem(err, strlen(*json), "the description of the model");
    osso_free(*json);
    *json = whole;
    return OSSO_OK;
}
