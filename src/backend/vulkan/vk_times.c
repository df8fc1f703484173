/* vk_times.c: how long each command takes by the device's own clock. While a device is watched its commands run one
 * after the other, with a time stamp behind each: the sum is what they need alone, not what a step takes. */
#ifdef HAVE_VULKAN
#include "backend/vulkan/vk_parts.h"

#include "base/mem.h"

#include <string.h>

enum { STAMPS = VK_TOGETHER + 1 /* of a part: one before its first command */ };

static const char what[] = "taking the time of commands";

static bool create_pool(struct vk *vk)
{
    VkQueryPoolCreateInfo info = {.sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
                                  .queryType = VK_QUERY_TYPE_TIMESTAMP,
                                  .queryCount = VK_PARTS * STAMPS};
    return vk_did(vk, vk->fn.CreateQueryPool(vk->device, &info, NULL, &vk->watch.pool), what);
}

bool vk_watch_set(struct vk *vk, bool on)
{
    struct vk_watch *w = &vk->watch;
    if (vk->facts.clock_bits == 0 || (on && !w->pool && !create_pool(vk)))
        return false;
    if (on)
        w->n = 0;
    w->on = on;
    return true;
}

void vk_watch_free(struct vk *vk)
{
    vk->fn.DestroyQueryPool(vk->device, vk->watch.pool, NULL); /* VK_NULL_HANDLE is fine */
    mem_free(vk->watch.list);
}

const struct vk_time *vk_times(const struct vk *vk, size_t *n_out)
{
    *n_out = vk->watch.n;
    return vk->watch.list;
}

static uint32_t first_stamp(const struct vk *vk, const struct vk_part *part)
{
    return (uint32_t)(part - vk->parts) * STAMPS;
}

void vk_watch_begin(struct vk *vk, const struct vk_part *part)
{
    if (!vk->watch.on)
        return;
    vk->fn.CmdResetQueryPool(part->buffer, vk->watch.pool, first_stamp(vk, part), STAMPS);
    vk_watch_mark(vk, part, -1);
}

void vk_watch_mark(struct vk *vk, const struct vk_part *part, int i)
{
    if (vk->watch.on)
        vk->fn.CmdWriteTimestamp(part->buffer, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT, vk->watch.pool,
                                 first_stamp(vk, part) + (uint32_t)(i + 1));
}

/* The line of all commands that do the same amount of work in the same way. */
static struct vk_time *line_of(struct vk_watch *w, const struct vk_command *c)
{
    for (size_t i = 0; i < w->n; i++)
        if (w->list[i].shader == c->shader && memcmp(w->list[i].groups, c->groups, sizeof c->groups) == 0 &&
            memcmp(&w->list[i].constants, &c->constants, sizeof c->constants) == 0)
            return &w->list[i];
    struct vk_time *list = mem_room(w->list, w->n, &w->cap, sizeof *list);
    if (!list)
        return NULL;
    w->list = list;
    list[w->n] = (struct vk_time){.shader = c->shader, .constants = c->constants};
    memcpy(list[w->n].groups, c->groups, sizeof c->groups);
    return &list[w->n++];
}

void vk_watch_read(struct vk *vk, const struct vk_part *part)
{
    uint64_t stamps[STAMPS], mask = vk->facts.clock_bits < 64 ? ((uint64_t)1 << vk->facts.clock_bits) - 1 : UINT64_MAX;
    if (!vk->watch.on ||
        !vk_did(vk,
                vk->fn.GetQueryPoolResults(vk->device, vk->watch.pool, first_stamp(vk, part), (uint32_t)part->n + 1,
                                           sizeof stamps, stamps, sizeof *stamps, VK_QUERY_RESULT_64_BIT),
                what))
        return;
    for (int i = 0; i < part->n; i++) {
        struct vk_time *line = line_of(&vk->watch, &part->commands[i]);
        if (!line) {
            vk_did(vk, VK_ERROR_OUT_OF_HOST_MEMORY, what);
            return;
        }
        line->ns += (double)((stamps[i + 1] - stamps[i]) & mask) * (double)vk->facts.clock_ns;
        line->n++;
    }
}
#else
typedef int vk_times_are_left_out;
#endif
