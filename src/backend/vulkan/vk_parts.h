/* vk_parts.h: what the files of struct vk share: Vulkan's functions and the object itself. */
#ifndef OSSO_BACKEND_VULKAN_VK_PARTS_H
#define OSSO_BACKEND_VULKAN_VK_PARTS_H

#include "backend/vulkan/vk.h"

#include <pthread.h>

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
    FN(CreatePipelineCache)                                                                                            \
    FN(DestroyPipelineCache)                                                                                           \
    FN(GetPipelineCacheData)                                                                                           \
    FN(CreateComputePipelines)                                                                                         \
    FN(DestroyPipeline)                                                                                                \
    FN(CreateCommandPool)                                                                                              \
    FN(DestroyCommandPool)                                                                                             \
    FN(AllocateCommandBuffers)                                                                                         \
    FN(BeginCommandBuffer)                                                                                             \
    FN(EndCommandBuffer)                                                                                               \
    FN(CmdBindPipeline)                                                                                                \
    FN(CmdPushConstants)                                                                                               \
    FN(CmdDispatch)                                                                                                    \
    FN(CmdCopyBuffer)                                                                                                  \
    FN(CmdPipelineBarrier)                                                                                             \
    FN(CmdResetQueryPool)                                                                                              \
    FN(CmdWriteTimestamp)                                                                                              \
    FN(CreateQueryPool)                                                                                                \
    FN(DestroyQueryPool)                                                                                               \
    FN(GetQueryPoolResults)                                                                                            \
    FN(CreateFence)                                                                                                    \
    FN(DestroyFence)                                                                                                   \
    FN(ResetFences)                                                                                                    \
    FN(WaitForFences)                                                                                                  \
    FN(QueueSubmit)                                                                                                    \
    FN(DeviceWaitIdle)

#define VK_MEMBER(name) PFN_vk##name name;
/* The library and an instance of it. */
struct vk_library {
    PFN_vkGetInstanceProcAddr get;
    VkInstance instance;
    VK_GLOBAL_FUNCTIONS(VK_MEMBER)
    VK_INSTANCE_FUNCTIONS(VK_MEMBER)
};
struct vk_functions {
    VK_DEVICE_FUNCTIONS(VK_MEMBER)
};
#undef VK_MEMBER

/* vk_find.c: the function of that library which finds all others, NULL where it has none. False: there is no such
 * library. */
bool vk_find(const char *library, PFN_vkGetInstanceProcAddr *get_out);
/* Opens the library and makes an instance. After success it must be closed. */
enum osso_status vk_library_open(struct vk_library *lib, struct osso_error *err);
void vk_library_close(struct vk_library *lib);
/* What went wrong, in words: "the device is lost". */
const char *vk_result_text(VkResult result);

struct vk_block_parts {
    VkBuffer buffer;
    VkDeviceMemory memory;
    uint64_t taken; /* of the device's own */
};

struct vk_pipeline {
    const struct vk_shader *shader;
    struct vk_constants constants;
    bool soft_fma;
    VkPipeline pipeline;
};

/* A command, as bytes: equal ones do the same. */
struct vk_command {
    const struct vk_shader *shader; /* NULL: a copy */
    struct vk_constants constants;
    uint32_t groups[3];
    union {
        uint8_t push[VK_PUSH_MAX];
        struct {
            VkBuffer to, from;
            VkBufferCopy region;
        } copy;
    };
};

/* n 0: all memory. */
struct vk_uses {
    struct vk_use use[VK_USES_MAX];
    int n;
};

/* At most VK_TOGETHER commands in a buffer that may be submitted again and again; n 0: none. A step has a part for each
 * layer whose experts the host computes. */
enum { VK_TOGETHER = 512, VK_PARTS = 128 };
struct vk_part {
    struct vk_command *commands;
    int n;
    VkCommandBuffer buffer;
    uint64_t used; /* counts.submits then */
};

/* What tests change, before anything has run: in which order the commands between two barriers run (0: as they came,
 * VK_BACKWARDS, else a seed), and a use that is forgotten, counted from 1 on (0: none). */
enum { VK_BACKWARDS = 1 };
struct vk_testing {
    uint64_t order;
    int n_uses, forget;
};

/* What vk_watch has seen. */
struct vk_watch {
    bool on;
    VkQueryPool pool;
    struct vk_time *list;
    size_t n, cap;
};

/* What all of a device's struct vk have in common. */
struct vk_shared {
    pthread_mutex_t lock; /* of all of it, and of the queue */
    int users;
    uint64_t taken; /* vk_taken */
    struct vk_pipeline *pipelines;
    size_t n_pipelines, pipelines_cap;
    VkPipelineCache cache;
    size_t cache_kept; /* bytes of it that an earlier run has left */
};

struct vk {
    struct vk_shared *shared;
    struct vk_library lib;
    struct vk_functions fn;
    struct vk_facts facts;
    VkPhysicalDevice physical;
    VkPhysicalDeviceMemoryProperties memory;
    bool apart;      /* vk_open */
    uint32_t family; /* of the queue */
    VkDevice device;
    VkQueue queue;
    VkPipelineLayout layout;
    VkCommandPool pool;
    VkFence fence;
    struct vk_part *in_flight; /* the part that is with the device; NULL: none */
    /* What has not gone to the device: commands and, of each, what it shares with others. */
    struct vk_command *commands;
    struct vk_uses *uses;
    int n_commands;
    uint64_t n_groups; /* of all of them */
    bool took;         /* the last vk_run or vk_copy is among them */
    struct vk_part parts[VK_PARTS];
    struct vk_counts counts;
    struct vk_testing testing;
    struct vk_watch watch;
    VkResult failed;         /* the first failure */
    const char *failed_what; /* what was being done then */
};

/* Remembers a failure; true where there is none. */
bool vk_did(struct vk *vk, VkResult result, const char *what);
/* The same of a call that makes a thing: where it fails, what it has left in the handle is anything. `call` is made
 * first. */
#define VK_MADE(vk, call, handle, what) (vk_did(vk, call, what) || (*(handle) = VK_NULL_HANDLE, false))
/* The error that is remembered. */
enum osso_status vk_failure(const struct vk *vk, struct osso_error *err);
/* vk_device.c: the one that `which` says (vk_open), and Vulkan's object for it with its functions and queue. */
enum osso_status vk_choose(struct vk *vk, const char *which, struct osso_error *err);
enum osso_status vk_create_device(struct vk *vk, struct osso_error *err);
/* vk_pipelines.c */
bool vk_pipelines_create(struct vk *vk);
void vk_pipelines_free(struct vk *vk);
/* NULL: it could not be made. */
VkPipeline vk_pipeline(struct vk *vk, const struct vk_shader *shader, const struct vk_constants *constants);
/* vk_cache.c */
bool vk_cache_create(struct vk *vk);
void vk_cache_free(struct vk *vk);
/* vk_hazards.c */
/* The commands from `first` on that may run at once: the number of the first that may not. */
int vk_together(const struct vk *vk, int first);
void vk_shuffle(uint64_t order, int *list, int n);
/* vk_times.c: what vk_watch does but for parts that are there; of a part that is being recorded: before its first
 * command and behind command i; of one that is done. */
bool vk_watch_set(struct vk *vk, bool on);
void vk_watch_begin(struct vk *vk, const struct vk_part *part);
void vk_watch_mark(struct vk *vk, const struct vk_part *part, int i);
void vk_watch_read(struct vk *vk, const struct vk_part *part);
void vk_watch_free(struct vk *vk);
/* vk_record.c */
bool vk_record_create(struct vk *vk);
void vk_record_free(struct vk *vk);
/* Until the device has nothing to do, whoever gave it. */
void vk_wait_all(struct vk *vk);
/* Memory that they may name has changed its meaning. */
void vk_forget_parts(struct vk *vk);

#endif
