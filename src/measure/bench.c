/* bench.c: the ceilings of this machine, and what a token needs of them. */
#include "osso/bench.h"

#include "backend/device_meter.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/sized.h"
#include "measure/ceiling.h"
#include "engine/engine_parts.h"

#include <string.h>

enum { READ_BYTES = 512 << 20 };

struct osso_ceiling {
    const struct backend *device; /* NULL: the CPU */
    struct team *team;
    uint8_t *data; /* READ_BYTES */
};

enum osso_status osso_ceiling_create(int threads, struct osso_ceiling **out, struct osso_error *err)
{
    struct osso_ceiling *c = *out = mem_array(1, sizeof *c);
    if (!c)
        return error_nomem(err, sizeof *c, "measuring ceilings");
    enum osso_status status = team_create(threads > 0 ? threads : cpu_count(), &c->team, err);
    if (!status && !(c->data = mem_pages(READ_BYTES)))
        status = error_nomem(err, READ_BYTES, "measuring how fast memory reads");
    if (!status) {
        memset(c->data, 1, READ_BYTES);
        return OSSO_OK;
    }
    osso_ceiling_free(c);
    *out = NULL;
    return status;
}

enum osso_status osso_ceiling_of_engine(struct osso_engine *engine, struct osso_ceiling **out, struct osso_error *err)
{
    if (!engine->backend->meter)
        return osso_ceiling_create(team_threads(engine->team), out, err);
    struct osso_ceiling *c = *out = mem_array(1, sizeof *c);
    if (!c)
        return error_nomem(err, sizeof *c, "measuring ceilings");
    c->device = engine->backend;
    return OSSO_OK;
}

void osso_ceiling_free(struct osso_ceiling *c)
{
    if (!c)
        return;
    mem_pages_free(c->data, READ_BYTES);
    team_free(c->team);
    mem_free(c);
}

double osso_ceiling_read(struct osso_ceiling *c)
{
    return (c->device ? c->device->meter->read(c->device) : ceiling_read(c->team, c->data, READ_BYTES)) * 1e-9;
}

double osso_ceiling_int8(struct osso_ceiling *c, const char *isa)
{
    return (c->device ? c->device->meter->int8(c->device) : ceiling_int8(c->team, isa)) * 1e-12;
}

enum osso_status osso_ceiling_device(struct osso_ceiling *c, struct osso_device_ceiling *device_out,
                                     struct osso_error *err)
{
    struct osso_device_ceiling found = {.size = sizeof found};
    enum osso_status status = sized_check(device_out, "osso_device_ceiling", err);
    if (status)
        return status;
    if (c->device) {
        double alone;
        found.copy_gbps = c->device->meter->copy(c->device) * 1e-9;
        found.command_us = c->device->meter->command(c->device, &alone) * 1e6;
        found.alone_us = alone * 1e6;
    }
    sized_out(device_out, &found, sizeof found);
    return OSSO_OK;
}

enum osso_status osso_bench_watch(struct osso_engine *engine, bool on, struct osso_error *err)
{
    const struct backend *b = engine->backend;
    return b->meter ? b->meter->watch(b, on, err)
                    : error_set(err, OSSO_UNSUPPORTED, "the time of kernels is taken on a GPU alone");
}

bool osso_bench_kernel_time(const struct osso_engine *engine, size_t i, struct osso_kernel_time *time_out)
{
    const struct backend *b = engine->backend;
    struct meter_line line;
    struct osso_error ignored;
    if (!b->meter || sized_check(time_out, "osso_kernel_time", &ignored) || !b->meter->line(b, i, &line))
        return false;
    struct osso_kernel_time found = {sizeof found, line.kernel, line.format, {0}, line.n, line.ns};
    memcpy(found.groups, line.groups, sizeof found.groups);
    sized_out(time_out, &found, sizeof found);
    return true;
}

enum { PAGE = 4096 };

static void touch_member(const struct member *member, void *arg)
{
    const struct tensors *set = arg;
    uint8_t sum = 0;
    for (int64_t i = 0; i < set->n; i++) {
        const struct tensor *t = &set->list[i];
        int64_t lo, hi;
        member_share(member, (int64_t)(t->bytes / PAGE), &lo, &hi);
        for (int64_t page = lo; page < hi; page++)
            sum ^= *(const volatile uint8_t *)(t->data + page * PAGE);
    }
    (void)sum;
}

enum osso_status osso_bench_touch(struct osso_engine *engine, struct osso_error *err)
{
    if (!engine->model)
        return OSSO_OK;
    enum osso_status status = model_check(engine->model, err);
    if (!status)
        team_run(engine->team, touch_member, &engine->model->tensors);
    return status;
}

/* Adds a matrix: its bytes, and its multiply-adds. */
static void add_matrix(const struct view *w, uint64_t *bytes, uint64_t *multiply_adds)
{
    *bytes += (uint64_t)view_bytes(w);
    *multiply_adds += (uint64_t)w->rows * (uint64_t)w->cols;
}

enum osso_status osso_bench_token_cost(const struct osso_model *model, const struct osso_engine_options *options,
                                       int64_t depth, struct osso_token_cost *cost_out, struct osso_error *err)
{
    const struct config *c = &model->config;
    struct osso_token_cost cost = {.size = sizeof cost};
    struct osso_engine_options o = {.size = sizeof o};
    struct kv_layout layout;
    const struct backend *backend;
    sized_in(&o, sizeof o, options);
    int picks = o.experts_per_token > 0 ? o.experts_per_token : c->experts_per_token;
    enum osso_status status = sized_check(options, "osso_engine_options", err);
    if (!status)
        status = sized_check(cost_out, "osso_token_cost", err);
    if (!status)
        status = kv_layout_of(c, o.kv_type, o.exact, &layout, err);
    if (!status)
        status = backend_open(o.backend, o.isa, &backend, err);
    if (status)
        return status;
    uint64_t layer_bytes = backend->kv_layer_bytes(&layout);
    backend->close(backend);
    if (depth < 0 || depth > c->context)
        return error_set(err, OSSO_USAGE, "a depth of %lld tokens: this model has from 0 to %lld", (long long)depth,
                         (long long)c->context);
    for (int l = 0; l < c->n_layers; l++) {
        const struct layer_weights *w = &model->weights.layers[l];
        const struct view *const once[] = {&w->q, &w->k, &w->v, &w->o, &w->router}, *const each[] = {&w->gate.first,
                                                                                                     &w->up.first,
                                                                                                     &w->down.first};
        for (int i = 0; i < (w->router.data ? 5 : 4); i++)
            add_matrix(once[i], &cost.weight_bytes, &cost.multiply_adds);
        uint64_t before = cost.weight_bytes;
        for (int i = 0; i < 3 * picks; i++)
            add_matrix(each[i % 3], &cost.weight_bytes, &cost.multiply_adds);
        cost.expert_bytes += cost.weight_bytes - before;
        uint64_t keys = (uint64_t)(c->sliding[l] && depth + 1 > c->window ? c->window : depth + 1);
        cost.kv_bytes += keys * (layer_bytes / KV_PAGE);
    }
    add_matrix(&model->weights.head, &cost.head_bytes, &cost.head_multiply_adds);
    sized_out(cost_out, &cost, sizeof cost);
    return OSSO_OK;
}
