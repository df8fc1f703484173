/* vk_parts.h: what the files of struct vk share: Vulkan's functions and the object itself. */
#ifndef OSSO_BACKEND_VULKAN_VK_PARTS_H
#define OSSO_BACKEND_VULKAN_VK_PARTS_H

#include "backend/vulkan/vk.h"

#define VK_NO_PROTOTYPES
#include <vulkan/vulkan.h>

/* FN(name without vk): of the library before there is an instance, of an instance, of a device. */
#define VK_GLOBAL_FUNCTIONS(FN) FN(CreateInstance) FN(EnumerateInstanceVersion) FN(EnumerateInstanceExtensionProperties)
#define VK_INSTANCE_FUNCTIONS(FN)                                                                                      \
    FN(DestroyInstance)                                                                                                \
    FN(EnumeratePhysicalDevices)                                                                                       \
    FN(GetPhysicalDeviceProperties2)                                                                                   \
    FN(GetPhysicalDeviceFeatures2)                                                                                     \
    FN(GetPhysicalDeviceMemoryProperties2)                                                                             \
    FN(GetPhysicalDeviceQueueFamilyProperties)                                                                         \
    FN(EnumerateDeviceExtensionProperties)                                                                             \
    FN(CreateDevice)                                                                                                   \
    FN(GetDeviceProcAddr)
#define VK_DEVICE_FUNCTIONS(FN)                                                                                        \
    FN(DestroyDevice)                                                                                                  \
    FN(GetDeviceQueue)                                                                                                 \
    FN(AllocateMemory)                                                                                                 \
    FN(FreeMemory)                                                                                                     \
    FN(MapMemory)                                                                                                      \
    FN(CreateBuffer)                                                                                                   \
    FN(DestroyBuffer)                                                                                                  \
    FN(GetBufferMemoryRequirements)                                                                                    \
    FN(BindBufferMemory)                                                                                               \
    FN(GetBufferDeviceAddress)                                                                                         \
    FN(CreateShaderModule)                                                                                             \
    FN(DestroyShaderModule)                                                                                            \
    FN(CreatePipelineLayout)                                                                                           \
    FN(DestroyPipelineLayout)                                                                                          \
    FN(CreateComputePipelines)                                                                                         \
    FN(DestroyPipeline)                                                                                                \
    FN(CreateCommandPool)                                                                                              \
    FN(DestroyCommandPool)                                                                                             \
    FN(ResetCommandPool)                                                                                               \
    FN(AllocateCommandBuffers)                                                                                         \
    FN(BeginCommandBuffer)                                                                                             \
    FN(EndCommandBuffer)                                                                                               \
    FN(CmdBindPipeline)                                                                                                \
    FN(CmdPushConstants)                                                                                               \
    FN(CmdDispatch)                                                                                                    \
    FN(CmdCopyBuffer)                                                                                                  \
    FN(CmdPipelineBarrier)                                                                                             \
    FN(CreateFence)                                                                                                    \
    FN(DestroyFence)                                                                                                   \
    FN(ResetFences)                                                                                                    \
    FN(WaitForFences)                                                                                                  \
    FN(QueueSubmit)                                                                                                    \
    FN(DeviceWaitIdle)

#define VK_MEMBER(name) PFN_vk##name name;
/* The library and an instance of it. */
struct vk_library {
    void *handle;
    PFN_vkGetInstanceProcAddr get;
    VkInstance instance;
    VK_GLOBAL_FUNCTIONS(VK_MEMBER)
    VK_INSTANCE_FUNCTIONS(VK_MEMBER)
};
struct vk_functions {
    VK_DEVICE_FUNCTIONS(VK_MEMBER)
};
#undef VK_MEMBER

/* Opens the library and makes an instance. After success it must be closed. */
enum osso_status vk_library_open(struct vk_library *lib, struct osso_error *err);
void vk_library_close(struct vk_library *lib);
/* What went wrong, in words: "the device is lost". */
const char *vk_result_text(VkResult result);

struct vk_block_parts {
    VkBuffer buffer;
    VkDeviceMemory memory;
};

struct vk_pipeline {
    const struct vk_shader *shader;
    struct vk_constants constants;
    bool soft_fma;
    VkPipeline pipeline;
};

struct vk {
    struct vk_library lib;
    struct vk_functions fn;
    struct vk_facts facts;
    VkPhysicalDevice physical;
    VkPhysicalDeviceMemoryProperties memory;
    bool apart;      /* vk_open */
    bool has_budget; /* VK_EXT_memory_budget */
    uint32_t family; /* of the queue */
    VkDevice device;
    VkQueue queue;
    /* vk_record.c */
    VkPipelineLayout layout;
    VkCommandPool pool;
    VkCommandBuffer commands;
    VkFence fence;
    bool recording;
    int n_commands; /* since recording began */
    struct vk_pipeline *pipelines;
    size_t n_pipelines, pipelines_cap;
    VkResult failed;         /* the first failure */
    const char *failed_what; /* what was being done then */
};

/* Remembers a failure; true where there is none. */
bool vk_did(struct vk *vk, VkResult result, const char *what);
bool vk_record_create(struct vk *vk);
void vk_record_free(struct vk *vk);
/* The error that is remembered. */
enum osso_status vk_failure(const struct vk *vk, struct osso_error *err);

#endif
