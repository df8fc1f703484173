/* gpu_meter.c: what the device can do at best, in the same run as the work, and the time of its commands. */
#include "backend/vulkan/gpu.h"

#include "backend/device_meter.h"
#include "base/clock.h"
#include "base/error.h"

enum { MOST = 1 << 30, LEAST = 64 << 20, GROUPS = 4096, CHAINS = 2 * 256, MEASURED = 8 };
static const double long_enough = 4e-3; /* seconds, beside which the way to the device and back is small */

/* Memory to read: more than a card's caches hold; of a driver on the CPU, whose caches are the host's, less. */
static bool have_room(struct gpu *g)
{
    if (g->measured.bytes)
        return true;
    for (uint64_t bytes = vk_facts(g->vk)->cpu ? LEAST : MOST; bytes >= LEAST; bytes /= 2)
        if (bytes <= vk_memory(g->vk) / 2 && vk_alloc(g->vk, bytes, VK_LOCAL, &g->measured))
            return true;
    return false;
}

/* Seconds of `times` runs of record, together. */
static double seconds_of(struct gpu *g, void (*record)(struct gpu *, uint32_t), uint32_t times)
{
    double start = clock_seconds();
    record(g, times);
    return gpu_flush(g) ? clock_seconds() - start : 0;
}

/* How often a second: as often in one go as takes long enough. */
static double rate_of(const struct backend *backend, void (*record)(struct gpu *, uint32_t))
{
    struct gpu *g = gpu_of(backend);
    double seconds = 0;
    uint32_t times = 1;
    if (!gpu_flush(g) || !have_room(g))
        return 0;
    seconds_of(g, record, 1); /* compiled, clocks up */
    for (int i = 0; i < MEASURED; i++, times *= 4) {
        seconds = seconds_of(g, record, times);
        if (seconds <= 0 || seconds >= long_enough || times > (1u << 16))
            break;
    }
    return seconds > 0 ? times / seconds : 0;
}

static void record_reads(struct gpu *g, uint32_t times)
{
    struct vk_ceiling_read push = {g->measured.address, g->measured.address, (uint32_t)(g->measured.bytes / 16)};
    for (uint32_t i = 0; i < times; i++)
        vk_run(g->vk, &vk_shader_ceiling_read, NULL, &push, GROUPS, 1, 1);
}

static double meter_read(const struct backend *backend)
{
    return rate_of(backend, record_reads) * (double)gpu_of(backend)->measured.bytes;
}

static void record_copies(struct gpu *g, uint32_t times)
{
    uint64_t half_way = g->measured.bytes / 2;
    for (uint32_t i = 0; i < times; i++)
        vk_copy(g->vk, &g->measured, half_way, &g->measured, 0, half_way);
}

static double meter_copy(const struct backend *backend)
{
    return rate_of(backend, record_copies) * (double)gpu_of(backend)->measured.bytes;
}

/* A sixteenth of the groups in the time of one run on a driver on the CPU would do; a card needs them all. */
static uint32_t dot_groups(const struct gpu *g)
{
    return vk_facts(g->vk)->cpu ? GROUPS / 64 : GROUPS;
}

static void record_dots(struct gpu *g, uint32_t times)
{
    struct vk_ceiling_dot push = {g->measured.address, CHAINS};
    for (uint32_t i = 0; i < times; i++)
        vk_run(g->vk, GPU_DOTS(g, ceiling_dot), NULL, &push, dot_groups(g), 1, 1);
}

static double meter_int8(const struct backend *backend)
{
    const struct gpu *g = gpu_of(backend);
    double threads = (double)dot_groups(g) * vk_shader_ceiling_dot.local_size;
    return rate_of(backend, record_dots) * threads * CHAINS * 8 * 4 * 2; /* 8 dots of 4 */
}

/* One addition, again and again to the same number. */
static void record_nothing(struct gpu *g, uint32_t times)
{
    struct vk_add push = {g->measured.address, g->measured.address, g->measured.address, 1};
    for (uint32_t i = 0; i < times; i++)
        vk_run(g->vk, &vk_shader_add, NULL, &push, 1, 1, 1);
}

static double meter_command(const struct backend *backend, double *alone_out)
{
    struct gpu *g = gpu_of(backend);
    enum { MANY = 257 };
    double many = 0;
    *alone_out = 0;
    if (!gpu_flush(g) || !have_room(g))
        return 0;
    for (int i = 0; i < MEASURED; i++) { /* the best of some: others may use the machine */
        double one = seconds_of(g, record_nothing, 1), all = seconds_of(g, record_nothing, MANY);
        *alone_out = i == 0 || one < *alone_out ? one : *alone_out;
        many = i == 0 || all < many ? all : many;
    }
    return many > *alone_out ? (many - *alone_out) / (MANY - 1) : 0;
}

static enum osso_status meter_watch(const struct backend *backend, bool on, struct osso_error *err)
{
    struct gpu *g = gpu_of(backend);
    if (!gpu_flush(g))
        return error_set(err, g->status, "%s", g->why.text);
    return vk_watch(g->vk, on) ? OSSO_OK
                               : error_set(err, OSSO_UNSUPPORTED, "%s: its driver takes no time of commands", g->name);
}

/* The format of the weights that a kernel is compiled for; kernels without any have no name there. */
static const char *format_of(const struct vk_time *t)
{
    static const struct vk_shader *const of_formats[] = {&vk_shader_embed,
                                                         &vk_shader_router,
                                                         &vk_shader_router_alone,
                                                         &vk_shader_linear_f32,
                                                         &vk_shader_linear_f32_rows,
                                                         &vk_shader_linear_i8,
                                                         &vk_shader_linear_i8_dot4,
                                                         &vk_shader_linear_i8_rows,
                                                         &vk_shader_linear_i8_rows_dot4,
                                                         &vk_shader_linear_i8_tiles,
                                                         &vk_shader_linear_i8_tiles_f16,
                                                         &vk_shader_experts_in,
                                                         &vk_shader_experts_in_dot4,
                                                         &vk_shader_experts_out,
                                                         &vk_shader_experts_out_dot4};
    for (size_t i = 0; i < sizeof of_formats / sizeof *of_formats; i++)
        if (t->shader == of_formats[i])
            return dtype_info((enum dtype)t->constants.value[0])->name;
    return "";
}

static bool meter_line(const struct backend *backend, size_t i, struct meter_line *line_out)
{
    size_t n;
    const struct vk_time *t = vk_times(gpu_of(backend)->vk, &n);
    if (i >= n)
        return false;
    t += i;
    *line_out = (struct meter_line){.kernel = t->shader ? t->shader->name : "copy",
                                    .format = t->shader ? format_of(t) : "",
                                    .groups = {t->groups[0], t->groups[1], t->groups[2]},
                                    .n = t->n,
                                    .ns = t->ns};
    return true;
}

const struct backend_meter gpu_meter = {.read = meter_read,
                                        .copy = meter_copy,
                                        .int8 = meter_int8,
                                        .command = meter_command,
                                        .watch = meter_watch,
                                        .line = meter_line};
