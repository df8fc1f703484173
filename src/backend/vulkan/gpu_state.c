/* gpu_state.c: what lasts from op to op: the first failure, and room for values between commands. */
#include "backend/vulkan/gpu.h"

#include "base/error.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>

void gpu_refuse(struct gpu *g, enum osso_status status, const char *format, ...)
{
    va_list list;
    if (g->status)
        return;
    va_start(list, format);
    char text[sizeof g->why.text];
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    g->status = error_set(&g->why, status, "%s", text);
}

void gpu_no_memory(struct gpu *g, uint64_t bytes, const char *what)
{
    struct osso_error err;
    gpu_refuse(g, error_nomem(&err, bytes, what), "%s", err.text);
}

void gpu_forget_old(struct gpu *g)
{
    for (size_t i = 0; i < g->n_old; i++)
        vk_free(g->vk, &g->old[i]);
    g->n_old = 0;
}

bool gpu_flush(struct gpu *g)
{
    struct osso_error err;
    enum osso_status status = vk_wait(g->vk, &err);
    if (status)
        gpu_refuse(g, status, "%s", err.text);
    gpu_forget_old(g);
    return !status;
}

uint64_t gpu_scratch(struct gpu *g, int which, int64_t values)
{
    struct vk_block *s = &g->scratch[which];
    uint64_t bytes = (uint64_t)values * sizeof(real);
    if (bytes > s->bytes) {
        struct vk_block *old = mem_room(g->old, g->n_old, &g->old_cap, sizeof *old), grown;
        g->old = old ? old : g->old;
        if (!old || !vk_alloc(g->vk, bytes, VK_LOCAL, &grown)) {
            gpu_no_memory(g, bytes,
                          "values between the operations of a step on the device; ask for fewer rows per step");
            return 0;
        }
        old[g->n_old++] = *s; /* commands that use it may be recorded */
        *s = grown;
    }
    return s->address;
}
