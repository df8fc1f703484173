/* vulkan_calls.c: see vulkan_calls.h. It stands in the way of vk_find, by which osso finds all of Vulkan. */
#include "backend/vulkan_calls.h"

#if __has_include(<vulkan/vulkan.h>)
#ifndef HAVE_VULKAN
#define HAVE_VULKAN
#endif
#include "backend/vulkan/vk_tile.h"
bool real_find(const char *library, PFN_vkGetInstanceProcAddr *get_out);
#define vk_find real_find
#include "../../src/backend/vulkan/vk_find.c"
#undef vk_find

#include <stdatomic.h>

enum { REMEMBERED = 1 << 16 };
static atomic_int made, fail_at, held;
static const char *names[REMEMBERED], *failed, *hidden;
static void (*around)(bool begins);
static bool int8_hidden;

static void tell(bool begins)
{
    if (around)
        around(begins);
}

/* Counts a call; true: this one fails. */
static bool enters(const char *name)
{
    int n = atomic_fetch_add(&made, 1) + 1;
    if (n <= REMEMBERED)
        names[n - 1] = name;
    if (n == fail_at)
        failed = name;
    tell(true);
    return n == fail_at;
}

/* What a call leaves behind when it fails is nobody's to use. */
#define NOTHING(out) ((void)0)
#define HANDLE(out) (*(out) = (void *)(uintptr_t)0xdead0)

/* CALL(name, parameters, arguments, what it leaves when it fails, what it then says) */
#define MAKES(CALL, name)                                                                                              \
    CALL(Create##name, (VkDevice d, const Vk##name##CreateInfo *i, const VkAllocationCallbacks *c, Vk##name *out),     \
         (d, i, c, out), HANDLE(out), VK_ERROR_OUT_OF_HOST_MEMORY)
#define CALLS(CALL)                                                                                                    \
    CALL(EnumerateInstanceVersion, (uint32_t * n), (n), NOTHING(n), VK_ERROR_OUT_OF_HOST_MEMORY)                       \
    CALL(EnumerateInstanceExtensionProperties, (const char *l, uint32_t *n, VkExtensionProperties *p), (l, n, p),      \
         NOTHING(p), VK_ERROR_OUT_OF_HOST_MEMORY)                                                                      \
    CALL(CreateInstance, (const VkInstanceCreateInfo *i, const VkAllocationCallbacks *c, VkInstance *out),             \
         (i, c, out), HANDLE(out), VK_ERROR_INCOMPATIBLE_DRIVER)                                                       \
    CALL(EnumeratePhysicalDevices, (VkInstance i, uint32_t * n, VkPhysicalDevice * p), (i, n, p), NOTHING(p),          \
         VK_ERROR_INITIALIZATION_FAILED)                                                                               \
    CALL(EnumerateDeviceExtensionProperties,                                                                           \
         (VkPhysicalDevice d, const char *l, uint32_t *n, VkExtensionProperties *p), (d, l, n, p), NOTHING(p),         \
         VK_ERROR_OUT_OF_HOST_MEMORY)                                                                                  \
    CALL(CreateDevice,                                                                                                 \
         (VkPhysicalDevice d, const VkDeviceCreateInfo *i, const VkAllocationCallbacks *c, VkDevice *out),             \
         (d, i, c, out), HANDLE(out), VK_ERROR_INITIALIZATION_FAILED)                                                  \
    CALL(AllocateMemory,                                                                                               \
         (VkDevice d, const VkMemoryAllocateInfo *i, const VkAllocationCallbacks *c, VkDeviceMemory *out),             \
         (d, i, c, out), HANDLE(out), VK_ERROR_OUT_OF_DEVICE_MEMORY)                                                   \
    CALL(MapMemory, (VkDevice d, VkDeviceMemory m, VkDeviceSize o, VkDeviceSize s, VkMemoryMapFlags f, void **out),    \
         (d, m, o, s, f, out), HANDLE(out), VK_ERROR_MEMORY_MAP_FAILED)                                                \
    CALL(BindBufferMemory, (VkDevice d, VkBuffer b, VkDeviceMemory m, VkDeviceSize o), (d, b, m, o), NOTHING(b),       \
         VK_ERROR_OUT_OF_DEVICE_MEMORY)                                                                                \
    MAKES(CALL, Buffer)                                                                                                \
    MAKES(CALL, ShaderModule)                                                                                          \
    MAKES(CALL, PipelineLayout)                                                                                        \
    MAKES(CALL, PipelineCache)                                                                                         \
    MAKES(CALL, CommandPool)                                                                                           \
    MAKES(CALL, Fence)                                                                                                 \
    CALL(GetPipelineCacheData, (VkDevice d, VkPipelineCache p, size_t * n, void *data), (d, p, n, data), NOTHING(n),   \
         VK_ERROR_OUT_OF_HOST_MEMORY)                                                                                  \
    CALL(CreateComputePipelines,                                                                                       \
         (VkDevice d, VkPipelineCache p, uint32_t n, const VkComputePipelineCreateInfo *i,                             \
          const VkAllocationCallbacks *c, VkPipeline *out),                                                            \
         (d, p, n, i, c, out), HANDLE(out), VK_ERROR_OUT_OF_DEVICE_MEMORY)                                             \
    CALL(AllocateCommandBuffers, (VkDevice d, const VkCommandBufferAllocateInfo *i, VkCommandBuffer *out),             \
         (d, i, out), HANDLE(out), VK_ERROR_OUT_OF_DEVICE_MEMORY)                                                      \
    CALL(BeginCommandBuffer, (VkCommandBuffer b, const VkCommandBufferBeginInfo *i), (b, i), NOTHING(b),               \
         VK_ERROR_OUT_OF_DEVICE_MEMORY)                                                                                \
    CALL(EndCommandBuffer, (VkCommandBuffer b), (b), NOTHING(b), VK_ERROR_OUT_OF_HOST_MEMORY)                          \
    CALL(ResetFences, (VkDevice d, uint32_t n, const VkFence *f), (d, n, f), NOTHING(f),                               \
         VK_ERROR_OUT_OF_DEVICE_MEMORY)                                                                                \
    CALL(WaitForFences, (VkDevice d, uint32_t n, const VkFence *f, VkBool32 all, uint64_t ns), (d, n, f, all, ns),     \
         NOTHING(f), VK_ERROR_DEVICE_LOST)                                                                             \
    CALL(QueueSubmit, (VkQueue q, uint32_t n, const VkSubmitInfo *i, VkFence f), (q, n, i, f), NOTHING(f),             \
         VK_ERROR_DEVICE_LOST)                                                                                         \
    CALL(DeviceWaitIdle, (VkDevice d), (d), NOTHING(d), VK_ERROR_DEVICE_LOST)

/* What calls make is held until it is destroyed. DESTROY(type, by which call) */
#define HOLDS(name) (strncmp(name, "Create", 6) == 0 || strcmp(name, "AllocateMemory") == 0)
#define DESTROYED(DESTROY)                                                                                             \
    DESTROY(Buffer, DestroyBuffer)                                                                                     \
    DESTROY(ShaderModule, DestroyShaderModule)                                                                         \
    DESTROY(PipelineLayout, DestroyPipelineLayout)                                                                     \
    DESTROY(PipelineCache, DestroyPipelineCache)                                                                       \
    DESTROY(CommandPool, DestroyCommandPool)                                                                           \
    DESTROY(Fence, DestroyFence)                                                                                       \
    DESTROY(Pipeline, DestroyPipeline)                                                                                 \
    DESTROY(DeviceMemory, FreeMemory)

#define CALL(name, parameters, arguments, leaves, error)                                                               \
    static PFN_vk##name real_##name;                                                                                   \
    static VKAPI_ATTR VkResult VKAPI_CALL my_##name parameters                                                         \
    {                                                                                                                  \
        VkResult result = error;                                                                                       \
        if (enters(#name))                                                                                             \
            leaves;                                                                                                    \
        else                                                                                                           \
            result = real_##name arguments;                                                                            \
        held += result >= 0 && HOLDS(#name);                                                                           \
        tell(false);                                                                                                   \
        return result;                                                                                                 \
    }
CALLS(CALL)
#undef CALL

#define DESTROY(type, name)                                                                                            \
    static PFN_vk##name real_##name;                                                                                   \
    static VKAPI_ATTR void VKAPI_CALL my_##name(VkDevice d, Vk##type what, const VkAllocationCallbacks *c)             \
    {                                                                                                                  \
        tell(true);                                                                                                    \
        held -= what != VK_NULL_HANDLE;                                                                                \
        real_##name(d, what, c);                                                                                       \
        tell(false);                                                                                                   \
    }
DESTROYED(DESTROY)
#undef DESTROY

static PFN_vkDestroyInstance real_DestroyInstance;
static VKAPI_ATTR void VKAPI_CALL my_DestroyInstance(VkInstance instance, const VkAllocationCallbacks *c)
{
    held -= instance != VK_NULL_HANDLE;
    real_DestroyInstance(instance, c);
}

static PFN_vkDestroyDevice real_DestroyDevice;
static VKAPI_ATTR void VKAPI_CALL my_DestroyDevice(VkDevice device, const VkAllocationCallbacks *c)
{
    held -= device != VK_NULL_HANDLE;
    real_DestroyDevice(device, c);
}

/* The device's shapes of matrices, or those that are not of int8. */
static PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR real_GetPhysicalDeviceCooperativeMatrixPropertiesKHR;
static VKAPI_ATTR VkResult VKAPI_CALL my_GetPhysicalDeviceCooperativeMatrixPropertiesKHR(
    VkPhysicalDevice d, uint32_t *n, VkCooperativeMatrixPropertiesKHR *list)
{
    VkResult result = real_GetPhysicalDeviceCooperativeMatrixPropertiesKHR(d, n, list);
    uint32_t left = 0;
    if (!int8_hidden || !list || result < 0)
        return result;
    for (uint32_t i = 0; i < *n; i++)
        if (list[i].AType != VK_COMPONENT_TYPE_SINT8_KHR)
            list[left++] = list[i];
    *n = left;
    return result;
}

/* ---- finding them ----------------------------------------------------------------------------------------- */

static PFN_vkVoidFunction mine(const char *name, PFN_vkVoidFunction real);

static PFN_vkGetDeviceProcAddr real_GetDeviceProcAddr;
static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL my_GetDeviceProcAddr(VkDevice device, const char *name)
{
    return mine(name, real_GetDeviceProcAddr(device, name));
}

static PFN_vkVoidFunction mine(const char *name, PFN_vkVoidFunction real)
{
    if (!real || (hidden && strcmp(name + 2, hidden) == 0))
        return NULL;
#define TAKE(function)                                                                                                 \
    if (strcmp(name, "vk" #function) == 0) {                                                                           \
        real_##function = (PFN_vk##function)real;                                                                      \
        return (PFN_vkVoidFunction)my_##function;                                                                      \
    }
#define CALL(function, parameters, arguments, leaves, error) TAKE(function)
#define DESTROY(type, function) TAKE(function)
    CALLS(CALL)
    DESTROYED(DESTROY)
    TAKE(GetPhysicalDeviceCooperativeMatrixPropertiesKHR)
    TAKE(DestroyInstance)
    TAKE(DestroyDevice)
    TAKE(GetDeviceProcAddr)
    return real;
}

static PFN_vkGetInstanceProcAddr real_get;
static VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL get(VkInstance instance, const char *name)
{
    return mine(name, real_get(instance, name));
}

bool vk_find(const char *library, PFN_vkGetInstanceProcAddr *get_out)
{
    bool found = real_find(library, &real_get);
    *get_out = real_get ? get : NULL;
    return found;
}

/* ---- what tests ask for ----------------------------------------------------------------------------------- */

void calls_fail_at(int n)
{
    made = 0;
    failed = NULL;
    fail_at = n;
}

int calls_made(void)
{
    return made;
}

const char *calls_failed(void)
{
    return failed;
}

const char *calls_name(int n)
{
    return n <= made && n <= REMEMBERED ? names[n - 1] : NULL;
}

void calls_hide(const char *name)
{
    hidden = name;
}

void calls_hide_int8(bool hide)
{
    int8_hidden = hide;
}

int calls_held(void)
{
    return held;
}

void calls_around(void (*fn)(bool begins))
{
    around = fn;
}
#else
typedef int vulkan_calls_are_left_out;
#endif
