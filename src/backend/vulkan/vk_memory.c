/* vk_memory.c: blocks of memory: a buffer with memory of its own, known by its device address. */
#ifdef HAVE_VULKAN
#include "backend/vulkan/vk_parts.h"

#include "base/mem.h"

#include <stdlib.h>

/* The kinds of memory that a place would like, best first; 0 ends: anything. */
static const VkMemoryPropertyFlags wanted[][3] = {
    [VK_LOCAL] = {VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT, 0},
    [VK_INPUT] = {VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT, 0},
    [VK_OUTPUT] = {VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT |
                       VK_MEMORY_PROPERTY_HOST_CACHED_BIT,
                   VK_MEMORY_PROPERTY_HOST_VISIBLE_BIT | VK_MEMORY_PROPERTY_HOST_COHERENT_BIT, 0},
};

/* -1: none. */
static int type_with(const struct vk *vk, uint32_t allowed, VkMemoryPropertyFlags flags)
{
    for (uint32_t i = 0; i < vk->memory.memoryTypeCount; i++)
        if ((allowed >> i & 1) && (vk->memory.memoryTypes[i].propertyFlags & flags) == flags)
            return (int)i;
    return -1;
}

static int type_for(const struct vk *vk, uint32_t allowed, enum vk_place place)
{
    int type = -1;
    for (int i = 0; type < 0 && wanted[place][i]; i++)
        type = type_with(vk, allowed, wanted[place][i]);
    return type < 0 && place == VK_LOCAL ? type_with(vk, allowed, 0) : type;
}

static void count(struct vk *vk, uint64_t more, uint64_t less)
{
    pthread_mutex_lock(&vk->shared->lock);
    vk->shared->taken += more - less;
    pthread_mutex_unlock(&vk->shared->lock);
}

static bool bind(struct vk *vk, uint64_t bytes, enum vk_place place, struct vk_block *block)
{
    struct vk_block_parts *p = block->parts;
    const VkMemoryPropertyFlags all = wanted[VK_OUTPUT][0];
    VkBufferCreateInfo buffer = {.sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
                                 .size = bytes,
                                 .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_TRANSFER_SRC_BIT |
                                          VK_BUFFER_USAGE_TRANSFER_DST_BIT | VK_BUFFER_USAGE_SHADER_DEVICE_ADDRESS_BIT};
    VkMemoryRequirements need;
    if (vk->fn.CreateBuffer(vk->device, &buffer, NULL, &p->buffer) < 0) {
        p->buffer = VK_NULL_HANDLE; /* it may be anything */
        return false;
    }
    vk->fn.GetBufferMemoryRequirements(vk->device, p->buffer, &need);
    int type = type_for(vk, need.memoryTypeBits, place);
    VkMemoryAllocateFlagsInfo flags = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_FLAGS_INFO,
                                       .flags = VK_MEMORY_ALLOCATE_DEVICE_ADDRESS_BIT};
    VkMemoryAllocateInfo info = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
                                 .pNext = &flags,
                                 .allocationSize = need.size,
                                 .memoryTypeIndex = (uint32_t)type};
    if (type < 0 || vk->fn.AllocateMemory(vk->device, &info, NULL, &p->memory) < 0) {
        p->memory = VK_NULL_HANDLE;
        return false;
    }
    if (vk->fn.BindBufferMemory(vk->device, p->buffer, p->memory, 0) < 0)
        return false;
    p->taken = place == VK_LOCAL ? need.size : 0;
    count(vk, p->taken, 0);
    bool seen = place != VK_LOCAL || (!vk->apart && (vk->memory.memoryTypes[type].propertyFlags & all) == all);
    if (seen && vk->fn.MapMemory(vk->device, p->memory, 0, VK_WHOLE_SIZE, 0, &block->host) < 0)
        return false;
    VkBufferDeviceAddressInfo at = {.sType = VK_STRUCTURE_TYPE_BUFFER_DEVICE_ADDRESS_INFO, .buffer = p->buffer};
    block->address = vk->fn.GetBufferDeviceAddress(vk->device, &at);
    return block->address != 0;
}

bool vk_alloc(struct vk *vk, uint64_t bytes, enum vk_place place, struct vk_block *block_out)
{
    bytes = bytes ? bytes : 1;
    *block_out = (struct vk_block){.bytes = bytes};
    if (bytes > vk->facts.max_block)
        return false;
    block_out->parts = mem_alloc(sizeof *block_out->parts);
    if (block_out->parts && bind(vk, bytes, place, block_out))
        return true;
    vk_free(vk, block_out);
    return false;
}

void vk_free(struct vk *vk, struct vk_block *block)
{
    if (block->parts) {
        vk_forget_parts(vk);
        vk->fn.DestroyBuffer(vk->device, block->parts->buffer, NULL); /* VK_NULL_HANDLE is fine in both */
        vk->fn.FreeMemory(vk->device, block->parts->memory, NULL);
        count(vk, 0, block->parts->taken);
        mem_free(block->parts);
    }
    *block = (struct vk_block){0};
}

/* OSSO_TEST_GPU_MEMORY: bytes that tests pretend a device to have free; 0: none were named. */
static uint64_t pretended(void)
{
    const char *bytes = getenv("OSSO_TEST_GPU_MEMORY");
    return bytes ? strtoull(bytes, NULL, 10) : 0;
}

/* Some of what is free stays so: for the driver itself and for what others draw. */
static uint64_t but_some(uint64_t bytes)
{
    const uint64_t most = (uint64_t)512 << 20, part = bytes / 16;
    return bytes - (part < most ? part : most);
}

uint64_t vk_taken(const struct vk *vk)
{
    struct vk_shared *s = vk->shared;
    pthread_mutex_lock(&s->lock);
    uint64_t taken = s->taken;
    pthread_mutex_unlock(&s->lock);
    return taken;
}

uint64_t vk_memory(const struct vk *vk)
{
    VkPhysicalDeviceMemoryBudgetPropertiesEXT budget = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT};
    VkPhysicalDeviceMemoryProperties2 m = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2,
                                           .pNext = vk->facts.budget ? &budget : NULL};
    if (pretended())
        return pretended();
    int type = type_with(vk, UINT32_MAX, VK_MEMORY_PROPERTY_DEVICE_LOCAL_BIT);
    uint32_t heap = type < 0 ? 0 : vk->memory.memoryTypes[type].heapIndex;
    vk->lib.GetPhysicalDeviceMemoryProperties2(vk->physical, &m);
    if (!vk->facts.budget)
        return but_some(m.memoryProperties.memoryHeaps[heap].size - vk_taken(vk));
    bool left = budget.heapBudget[heap] > budget.heapUsage[heap];
    return but_some(left ? budget.heapBudget[heap] - budget.heapUsage[heap] : 0);
}
#else
typedef int vk_memory_is_left_out;
#endif
