/* vk_record.c: commands are collected and go to the device in parts. A part that is equal to one that went before,
 * command by command, is that one's command buffer again: a step that does what an earlier one did, to other values, is
 * not recorded anew. */
#ifdef HAVE_VULKAN
#include "backend/vulkan/vk_parts.h"

#include "base/mem.h"
#include "base/must.h"

#include <string.h>

/* Commands that ran in one go for many seconds would be taken for a device that hangs, so a part has an end; and the
 * host waits for one before the next one goes, so that who calls may still end a step. */
enum { GROUPS_TOGETHER = 1 << 17 };

bool vk_record_create(struct vk *vk)
{
    VkCommandPoolCreateInfo pool = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                    .flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT,
                                    .queueFamilyIndex = vk->family};
    VkFenceCreateInfo fence = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    VkCommandBuffer buffers[VK_PARTS];
    const char *what = "getting ready";
    vk->commands = mem_array(VK_TOGETHER, sizeof *vk->commands);
    vk->uses = mem_array(VK_TOGETHER, sizeof *vk->uses);
    for (int i = 0; i < VK_PARTS; i++)
        vk->parts[i].commands = mem_array(VK_TOGETHER, sizeof *vk->commands);
    for (int i = 0; i < VK_PARTS; i++)
        if (!vk->commands || !vk->uses || !vk->parts[i].commands)
            return vk_did(vk, VK_ERROR_OUT_OF_HOST_MEMORY, what);
    if (!VK_MADE(vk, vk->fn.CreateCommandPool(vk->device, &pool, NULL, &vk->pool), &vk->pool, what) ||
        !VK_MADE(vk, vk->fn.CreateFence(vk->device, &fence, NULL, &vk->fence), &vk->fence, what))
        return false;
    VkCommandBufferAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                        .commandPool = vk->pool,
                                        .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
                                        .commandBufferCount = VK_PARTS};
    if (!vk_did(vk, vk->fn.AllocateCommandBuffers(vk->device, &info, buffers), what))
        return false;
    for (int i = 0; i < VK_PARTS; i++)
        vk->parts[i].buffer = buffers[i];
    return true;
}

void vk_record_free(struct vk *vk)
{
    vk->fn.DestroyFence(vk->device, vk->fence, NULL);
    vk->fn.DestroyCommandPool(vk->device, vk->pool, NULL);
    for (int i = 0; i < VK_PARTS; i++)
        mem_free(vk->parts[i].commands);
    mem_free(vk->commands);
    mem_free(vk->uses);
}

void vk_forget_parts(struct vk *vk)
{
    for (int i = 0; i < VK_PARTS; i++)
        vk->parts[i].n = 0;
}

void vk_set_soft_fma(struct vk *vk, bool soft)
{
    vk->facts.soft_fma = soft;
    vk_forget_parts(vk);
}

/* ---- a part --------------------------------------------------------------------------------------------- */

/* What follows sees what was written. */
static void barrier(struct vk *vk, VkCommandBuffer to, VkPipelineStageFlags more)
{
    VkMemoryBarrier all = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                           .srcAccessMask = VK_ACCESS_MEMORY_WRITE_BIT,
                           .dstAccessMask = VK_ACCESS_MEMORY_READ_BIT | VK_ACCESS_MEMORY_WRITE_BIT};
    VkPipelineStageFlags stages = VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT;
    vk->fn.CmdPipelineBarrier(to, stages, stages | more, 0, 1, &all, 0, NULL, 0, NULL);
    vk->counts.barriers++;
}

static void record_one(struct vk *vk, VkCommandBuffer to, const struct vk_command *c)
{
    if (!c->shader) {
        vk->fn.CmdCopyBuffer(to, c->copy.from, c->copy.to, 1, &c->copy.region);
        return;
    }
    VkPipeline pipeline = vk_pipeline(vk, c->shader, &c->constants);
    if (!pipeline)
        return;
    vk->fn.CmdBindPipeline(to, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline);
    vk->fn.CmdPushConstants(to, vk->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, c->shader->push_bytes, c->push);
    vk->fn.CmdDispatch(to, c->groups[0], c->groups[1], c->groups[2]);
}

static bool record(struct vk *vk, const struct vk_part *part)
{
    VkCommandBuffer to = part->buffer;
    VkCommandBufferBeginInfo info = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO};
    int order[VK_TOGETHER];
    if (!vk_did(vk, vk->fn.BeginCommandBuffer(to, &info), "beginning a step"))
        return false;
    vk_watch_begin(vk, part);
    for (int first = 0, end; first < vk->n_commands && vk->failed >= 0; first = end) {
        end = vk->watch.on ? first + 1 : vk_together(vk, first);
        for (int i = first; i < end; i++)
            order[i] = i;
        vk_shuffle(vk->testing.order, order + first, end - first);
        for (int i = first; i < end; i++)
            record_one(vk, to, &vk->commands[order[i]]);
        barrier(vk, to, end == vk->n_commands ? VK_PIPELINE_STAGE_HOST_BIT : 0);
        vk_watch_mark(vk, part, first);
    }
    return vk_did(vk, vk->fn.EndCommandBuffer(to), "recording a step") && vk->failed >= 0;
}

/* The part that has these commands; NULL: there is none, and it could not be made. */
static struct vk_part *part_of(struct vk *vk)
{
    struct vk_part *oldest = &vk->parts[0];
    for (int i = 0; i < VK_PARTS; i++) {
        struct vk_part *p = &vk->parts[i];
        if (p->n == vk->n_commands && memcmp(p->commands, vk->commands, (size_t)p->n * sizeof *p->commands) == 0)
            return p;
        oldest = p->used < oldest->used ? p : oldest;
    }
    oldest->n = 0;
    if (!record(vk, oldest))
        return NULL;
    struct vk_command *list = oldest->commands;
    oldest->commands = vk->commands;
    oldest->n = vk->n_commands;
    vk->commands = list;
    vk->counts.recorded++;
    return oldest;
}

void vk_wait_all(struct vk *vk)
{
    pthread_mutex_lock(&vk->shared->lock);
    vk->fn.DeviceWaitIdle(vk->device);
    pthread_mutex_unlock(&vk->shared->lock);
}

/* Until what the device has been given is done. Where that cannot be waited for, the device may still be at it, in
 * memory that is freed next: it is waited for as a whole, which returns at once when it is lost. */
static void finish(struct vk *vk)
{
    static const char what[] = "computing a step";
    if (vk->in_flight && vk_did(vk, vk->fn.WaitForFences(vk->device, 1, &vk->fence, VK_TRUE, UINT64_MAX), what))
        vk_did(vk, vk->fn.ResetFences(vk->device, 1, &vk->fence), what);
    else if (vk->in_flight)
        vk_wait_all(vk);
    if (vk->in_flight && vk->failed >= 0)
        vk_watch_read(vk, vk->in_flight);
    vk->in_flight = NULL;
}

/* The part that is in flight is never the oldest, so its buffer is not written over. */
static void submit(struct vk *vk)
{
    struct vk_part *part = vk->n_commands > 0 && vk->failed >= 0 ? part_of(vk) : NULL;
    vk->counts.commands += (uint64_t)vk->n_commands;
    vk->n_commands = 0;
    vk->n_groups = 0;
    vk->took = false;
    finish(vk);
    if (!part || vk->failed < 0)
        return;
    VkSubmitInfo info = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO, .commandBufferCount = 1, .pCommandBuffers = &part->buffer};
    pthread_mutex_lock(&vk->shared->lock);
    VkResult result = vk->fn.QueueSubmit(vk->queue, 1, &info, vk->fence);
    pthread_mutex_unlock(&vk->shared->lock);
    if (vk_did(vk, result, "computing a step"))
        vk->in_flight = part;
    part->used = ++vk->counts.submits;
}

/* ---- commands ------------------------------------------------------------------------------------------- */

/* Room for one more; NULL: something has failed. */
static struct vk_command *next(struct vk *vk)
{
    if (vk->failed >= 0 && (vk->n_commands == VK_TOGETHER || vk->n_groups > GROUPS_TOGETHER))
        submit(vk);
    vk->took = vk->failed >= 0;
    if (!vk->took)
        return NULL;
    struct vk_command *c = &vk->commands[vk->n_commands];
    vk->uses[vk->n_commands++].n = 0;
    memset(c, 0, sizeof *c); /* they are compared as bytes */
    return c;
}

void vk_run(struct vk *vk, const struct vk_shader *shader, const struct vk_constants *constants, const void *push,
            uint32_t x, uint32_t y, uint32_t z)
{
    must(shader->push_bytes <= VK_PUSH_MAX && shader->push_bytes % 4 == 0);
    vk->took = false;
    if (x == 0 || y == 0 || z == 0)
        return;
    if (x > vk->facts.max_groups || y > vk->facts.max_groups || z > vk->facts.max_groups) {
        vk_did(vk, VK_ERROR_TOO_MANY_OBJECTS, shader->name); /* more rows or outputs than it counts */
        return;
    }
    struct vk_command *c = next(vk);
    if (!c)
        return;
    c->shader = shader;
    if (constants)
        c->constants = *constants;
    c->groups[0] = x, c->groups[1] = y, c->groups[2] = z;
    memcpy(c->push, push, shader->push_bytes);
    vk->n_groups += (uint64_t)x * y * z;
}

bool vk_last(const struct vk *vk, int back, const struct vk_shader *shader, struct vk_call *call_out)
{
    const struct vk_command *c = back < vk->n_commands ? &vk->commands[vk->n_commands - 1 - back] : NULL;
    bool found = c && c->shader == shader && vk->failed >= 0;
    if (found) {
        *call_out = (struct vk_call){.constants = c->constants, .push = c->push};
        memcpy(call_out->groups, c->groups, sizeof c->groups);
    }
    return found;
}

void vk_take_back(struct vk *vk, int n)
{
    must(n <= vk->n_commands);
    for (int i = 0; i < n; i++) {
        const struct vk_command *c = &vk->commands[--vk->n_commands];
        vk->n_groups -= (uint64_t)c->groups[0] * c->groups[1] * c->groups[2];
    }
    vk->took = false;
}

void vk_copy(struct vk *vk, const struct vk_block *to, uint64_t to_off, const struct vk_block *from, uint64_t from_off,
             uint64_t bytes)
{
    must(to_off <= to->bytes && bytes <= to->bytes - to_off);
    must(from_off <= from->bytes && bytes <= from->bytes - from_off);
    struct vk_command *c = bytes > 0 ? next(vk) : NULL;
    if (!c)
        return;
    c->copy.from = from->parts->buffer;
    c->copy.to = to->parts->buffer;
    c->copy.region = (VkBufferCopy){from_off, to_off, bytes};
    vk_uses(vk, (struct vk_use[]){{from->address + from_off, bytes, false}, {to->address + to_off, bytes, true}}, 2);
}

bool vk_pending(const struct vk *vk)
{
    return vk->n_commands > 0 || vk->in_flight;
}

bool vk_watch(struct vk *vk, bool on)
{
    must(!vk_pending(vk));
    if (!vk_watch_set(vk, on))
        return false;
    vk_forget_parts(vk); /* recorded with stamps, or without */
    return true;
}

enum osso_status vk_wait(struct vk *vk, struct osso_error *err)
{
    submit(vk);
    finish(vk);
    return vk->failed < 0 ? vk_failure(vk, err) : OSSO_OK;
}
#else
typedef int vk_record_is_left_out;
#endif
