/* vk_record.c: shaders become pipelines when they are first run; commands are recorded with a barrier after each. */
#ifdef HAVE_VULKAN
#include "backend/vulkan/vk_parts.h"
#include "backend/vulkan/vk_words.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/must.h"

#include <string.h>

enum { TOGETHER = 128 };

bool vk_did(struct vk *vk, VkResult result, const char *what)
{
    if (result >= 0)
        return true;
    if (vk->failed >= 0) {
        vk->failed = result;
        vk->failed_what = what;
    }
    return false;
}

enum osso_status vk_failure(const struct vk *vk, struct osso_error *err)
{
    bool memory = vk->failed == VK_ERROR_OUT_OF_DEVICE_MEMORY || vk->failed == VK_ERROR_OUT_OF_HOST_MEMORY;
    return error_set(err, OSSO_DEVICE, "%s, %s: %s; %s", vk->facts.name, vk->failed_what, vk_result_text(vk->failed),
                     memory ? "ask for less with -c, or compute on the CPU with --device cpu"
                            : "start again, or compute on the CPU with --device cpu");
}

bool vk_record_create(struct vk *vk)
{
    VkPushConstantRange range = {.stageFlags = VK_SHADER_STAGE_COMPUTE_BIT, .size = VK_PUSH_MAX};
    VkPipelineLayoutCreateInfo layout = {.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
                                         .pushConstantRangeCount = 1,
                                         .pPushConstantRanges = &range};
    VkCommandPoolCreateInfo pool = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                    .queueFamilyIndex = vk->family};
    VkFenceCreateInfo fence = {.sType = VK_STRUCTURE_TYPE_FENCE_CREATE_INFO};
    const char *what = "getting ready";
    if (!vk_did(vk, vk->fn.CreatePipelineLayout(vk->device, &layout, NULL, &vk->layout), what) ||
        !vk_did(vk, vk->fn.CreateCommandPool(vk->device, &pool, NULL, &vk->pool), what) ||
        !vk_did(vk, vk->fn.CreateFence(vk->device, &fence, NULL, &vk->fence), what))
        return false;
    VkCommandBufferAllocateInfo commands = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
                                            .commandPool = vk->pool,
                                            .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
                                            .commandBufferCount = 1};
    return vk_did(vk, vk->fn.AllocateCommandBuffers(vk->device, &commands, &vk->commands), what);
}

void vk_record_free(struct vk *vk)
{
    for (size_t i = 0; i < vk->n_pipelines; i++)
        vk->fn.DestroyPipeline(vk->device, vk->pipelines[i].pipeline, NULL);
    mem_free(vk->pipelines);
    vk->fn.DestroyFence(vk->device, vk->fence, NULL);
    vk->fn.DestroyCommandPool(vk->device, vk->pool, NULL);
    vk->fn.DestroyPipelineLayout(vk->device, vk->layout, NULL);
}

/* ---- pipelines ------------------------------------------------------------------------------------------ */

static bool make_module(struct vk *vk, const struct vk_shader *shader, VkShaderModule *module_out)
{
    const struct vk_facts *f = &vk->facts;
    struct vk_modes modes = {f->round_even, f->keep_denormals, f->keep_nan, f->fp64};
    uint32_t *words = mem_alloc((shader->n_words + VK_WORDS_MORE) * sizeof *words);
    size_t n = words ? vk_words(shader->words, shader->n_words, &modes, words) : 0;
    must(!words || n > 0);
    VkShaderModuleCreateInfo module = {
        .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO, .codeSize = n * sizeof *words, .pCode = words};
    VkResult result = n > 0 ? vk->fn.CreateShaderModule(vk->device, &module, NULL, module_out)
                            : VK_ERROR_OUT_OF_HOST_MEMORY;
    mem_free(words);
    return vk_did(vk, result, shader->name);
}

static bool compile(struct vk *vk, struct vk_pipeline *p)
{
    VkSpecializationMapEntry entries[1 + VK_CONSTANTS];
    uint32_t values[1 + VK_CONSTANTS] = {p->soft_fma};
    memcpy(values + 1, p->constants.value, sizeof p->constants.value);
    for (uint32_t i = 0; i <= VK_CONSTANTS; i++)
        entries[i] = (VkSpecializationMapEntry){i, i * (uint32_t)sizeof *values, sizeof *values};
    VkSpecializationInfo constants = {1 + VK_CONSTANTS, entries, sizeof values, values};
    VkComputePipelineCreateInfo info = {.sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
                                        .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                                                  .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                                                  .pName = "main",
                                                  .pSpecializationInfo = &constants},
                                        .layout = vk->layout};
    if (!make_module(vk, p->shader, &info.stage.module))
        return false;
    VkResult result = vk->fn.CreateComputePipelines(vk->device, VK_NULL_HANDLE, 1, &info, NULL, &p->pipeline);
    vk->fn.DestroyShaderModule(vk->device, info.stage.module, NULL);
    return vk_did(vk, result, p->shader->name);
}

/* NULL: it could not be made. */
static VkPipeline pipeline_of(struct vk *vk, const struct vk_shader *shader, const struct vk_constants *constants)
{
    struct vk_pipeline p = {.shader = shader, .soft_fma = vk->facts.soft_fma};
    if (constants)
        p.constants = *constants;
    for (size_t i = 0; i < vk->n_pipelines; i++)
        if (vk->pipelines[i].shader == shader && vk->pipelines[i].soft_fma == p.soft_fma &&
            memcmp(&vk->pipelines[i].constants, &p.constants, sizeof p.constants) == 0)
            return vk->pipelines[i].pipeline;
    struct vk_pipeline *list = mem_room(vk->pipelines, vk->n_pipelines, &vk->pipelines_cap, sizeof *list);
    if (!list) {
        vk_did(vk, VK_ERROR_OUT_OF_HOST_MEMORY, shader->name);
        return VK_NULL_HANDLE;
    }
    vk->pipelines = list;
    if (!compile(vk, &p))
        return VK_NULL_HANDLE;
    list[vk->n_pipelines++] = p;
    return p.pipeline;
}

/* ---- commands ------------------------------------------------------------------------------------------- */

/* Ready to take a command. */
static bool recording(struct vk *vk)
{
    VkCommandBufferBeginInfo info = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
                                     .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT};
    if (vk->failed < 0)
        return false;
    if (!vk->recording)
        vk->recording = vk_did(vk, vk->fn.BeginCommandBuffer(vk->commands, &info), "beginning a step");
    return vk->recording;
}

/* What follows sees what was written. Commands that ran in one go for many seconds would be taken for a device that
 * hangs, so they go in parts. */
static void barrier(struct vk *vk)
{
    VkMemoryBarrier all = {.sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
                           .srcAccessMask = VK_ACCESS_MEMORY_WRITE_BIT,
                           .dstAccessMask = VK_ACCESS_MEMORY_READ_BIT | VK_ACCESS_MEMORY_WRITE_BIT};
    VkPipelineStageFlags stages = VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT;
    vk->fn.CmdPipelineBarrier(vk->commands, stages, stages | VK_PIPELINE_STAGE_HOST_BIT, 0, 1, &all, 0, NULL, 0, NULL);
    if (++vk->n_commands == TOGETHER)
        vk_wait(vk, NULL); /* a failure is remembered */
}

void vk_run(struct vk *vk, const struct vk_shader *shader, const struct vk_constants *constants, const void *push,
            uint32_t x, uint32_t y, uint32_t z)
{
    must(shader->push_bytes <= VK_PUSH_MAX && shader->push_bytes % 4 == 0);
    if (x == 0 || y == 0 || z == 0 || !recording(vk))
        return;
    if (x > vk->facts.max_groups || y > vk->facts.max_groups || z > vk->facts.max_groups) {
        vk_did(vk, VK_ERROR_TOO_MANY_OBJECTS, shader->name); /* more rows or outputs than it counts */
        return;
    }
    VkPipeline pipeline = pipeline_of(vk, shader, constants);
    if (!pipeline)
        return;
    vk->fn.CmdBindPipeline(vk->commands, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline);
    vk->fn.CmdPushConstants(vk->commands, vk->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0, shader->push_bytes, push);
    vk->fn.CmdDispatch(vk->commands, x, y, z);
    barrier(vk);
}

void vk_copy(struct vk *vk, const struct vk_block *to, uint64_t to_off, const struct vk_block *from, uint64_t from_off,
             uint64_t bytes)
{
    VkBufferCopy region = {from_off, to_off, bytes};
    must(to_off <= to->bytes && bytes <= to->bytes - to_off);
    must(from_off <= from->bytes && bytes <= from->bytes - from_off);
    if (bytes == 0 || !recording(vk))
        return;
    vk->fn.CmdCopyBuffer(vk->commands, from->parts->buffer, to->parts->buffer, 1, &region);
    barrier(vk);
}

bool vk_pending(const struct vk *vk)
{
    return vk->recording;
}

void vk_set_soft_fma(struct vk *vk, bool soft)
{
    vk->facts.soft_fma = soft;
}

enum osso_status vk_wait(struct vk *vk, struct osso_error *err)
{
    static const char what[] = "computing a step";
    if (vk->recording && vk->failed >= 0) {
        VkSubmitInfo submit = {
            .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO, .commandBufferCount = 1, .pCommandBuffers = &vk->commands};
        vk->recording = false;
        vk->n_commands = 0;
        if (vk_did(vk, vk->fn.EndCommandBuffer(vk->commands), what) &&
            vk_did(vk, vk->fn.QueueSubmit(vk->queue, 1, &submit, vk->fence), what) &&
            vk_did(vk, vk->fn.WaitForFences(vk->device, 1, &vk->fence, VK_TRUE, UINT64_MAX), what) &&
            vk_did(vk, vk->fn.ResetFences(vk->device, 1, &vk->fence), what))
            vk_did(vk, vk->fn.ResetCommandPool(vk->device, vk->pool, 0), what);
    }
    return vk->failed < 0 ? vk_failure(vk, err) : OSSO_OK;
}
#else
typedef int vk_record_is_left_out;
#endif
