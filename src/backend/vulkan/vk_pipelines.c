/* vk_pipelines.c: shaders become pipelines when they are first run. */
#ifdef HAVE_VULKAN
#include "backend/vulkan/vk_parts.h"
#include "backend/vulkan/vk_words.h"

#include "base/mem.h"
#include "base/must.h"

#include <string.h>

bool vk_pipelines_create(struct vk *vk)
{
    VkPushConstantRange range = {.stageFlags = VK_SHADER_STAGE_COMPUTE_BIT, .size = VK_PUSH_MAX};
    VkPipelineLayoutCreateInfo layout = {.sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
                                         .pushConstantRangeCount = 1,
                                         .pPushConstantRanges = &range};
    return VK_MADE(vk, vk->fn.CreatePipelineLayout(vk->device, &layout, NULL, &vk->layout), &vk->layout,
                   "getting ready");
}

void vk_pipelines_free(struct vk *vk)
{
    for (size_t i = 0; i < vk->shared->n_pipelines; i++)
        vk->fn.DestroyPipeline(vk->device, vk->shared->pipelines[i].pipeline, NULL);
    mem_free(vk->shared->pipelines);
    vk->fn.DestroyPipelineLayout(vk->device, vk->layout, NULL);
}

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
    VkResult result = vk->fn.CreateComputePipelines(vk->device, vk->shared->cache, 1, &info, NULL, &p->pipeline);
    vk->fn.DestroyShaderModule(vk->device, info.stage.module, NULL);
    return vk_did(vk, result, p->shader->name);
}

static VkPipeline find(struct vk *vk, struct vk_pipeline *p)
{
    struct vk_shared *s = vk->shared;
    for (size_t i = 0; i < s->n_pipelines; i++)
        if (s->pipelines[i].shader == p->shader && s->pipelines[i].soft_fma == p->soft_fma &&
            memcmp(&s->pipelines[i].constants, &p->constants, sizeof p->constants) == 0)
            return s->pipelines[i].pipeline;
    struct vk_pipeline *list = mem_room(s->pipelines, s->n_pipelines, &s->pipelines_cap, sizeof *list);
    if (!list) {
        vk_did(vk, VK_ERROR_OUT_OF_HOST_MEMORY, p->shader->name);
        return VK_NULL_HANDLE;
    }
    s->pipelines = list;
    if (!compile(vk, p))
        return VK_NULL_HANDLE;
    list[s->n_pipelines++] = *p;
    return p->pipeline;
}

VkPipeline vk_pipeline(struct vk *vk, const struct vk_shader *shader, const struct vk_constants *constants)
{
    struct vk_pipeline p = {.shader = shader, .soft_fma = vk->facts.soft_fma};
    if (constants)
        p.constants = *constants;
    pthread_mutex_lock(&vk->shared->lock);
    VkPipeline pipeline = find(vk, &p);
    pthread_mutex_unlock(&vk->shared->lock);
    return pipeline;
}
bool vk_compiles(struct vk *vk, const struct vk_shader *shader, const struct vk_constants *constants)
{
    if (vk->failed < 0)
        return false;
    bool made = vk_pipeline(vk, shader, constants) != VK_NULL_HANDLE;
    if (!made)
        vk->failed = VK_SUCCESS;
    return made;
}
#else
typedef int vk_pipelines_are_left_out;
#endif
