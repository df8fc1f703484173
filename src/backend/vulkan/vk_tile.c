/* vk_tile.c: which of a device's shapes of int8 matrices linear_i8_tiles runs with. */
#ifdef HAVE_VULKAN
#include "backend/vulkan/vk_tile.h"

#include "base/mem.h"

/* Of the kernel (shaders/linear_i8_tiles.comp): invocations, rows and outputs of a group, bytes that they share, and of
 * these, those in which the subgroups' sums meet. */
enum { GROUP = 256, SIDE = 64, CHAINS = 4, SHARED = 26624, MEET = 12288 };

static bool fits(const VkCooperativeMatrixPropertiesKHR *p, uint32_t subgroup)
{
    bool types = p->AType == VK_COMPONENT_TYPE_SINT8_KHR && p->BType == VK_COMPONENT_TYPE_SINT8_KHR &&
                 p->CType == VK_COMPONENT_TYPE_SINT32_KHR && p->ResultType == VK_COMPONENT_TYPE_SINT32_KHR;
    bool shape = p->MSize && SIDE % p->MSize == 0 && p->NSize >= 4 && SIDE % p->NSize == 0 &&
                 (p->KSize == 8 || p->KSize == 16 || p->KSize == 32);
    return types && shape && p->scope == VK_SCOPE_SUBGROUP_KHR && !p->saturatingAccumulation &&
           subgroup % p->MSize == 0 && GROUP / subgroup * p->MSize * p->NSize * sizeof(float) <= MEET;
}

/* The most columns at a time, then the most elements. */
static bool better(const VkCooperativeMatrixPropertiesKHR *p, const struct vk_tile *than)
{
    return p->KSize != than->k ? p->KSize > than->k : p->MSize * p->NSize > than->m * than->n;
}

static struct vk_tile best_of(const VkCooperativeMatrixPropertiesKHR *list, uint32_t n, uint32_t subgroup)
{
    struct vk_tile best = {0};
    for (uint32_t i = 0; i < n; i++)
        if (fits(&list[i], subgroup) && better(&list[i], &best))
            best = (struct vk_tile){list[i].MSize, list[i].NSize, list[i].KSize, subgroup / list[i].MSize};
    return best;
}

struct vk_tile vk_tile_of(const struct vk_library *lib, VkPhysicalDevice device)
{
    VkPhysicalDeviceVulkan11Properties v11 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_PROPERTIES};
    VkPhysicalDeviceProperties2 all = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &v11};
    PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR get =
        (PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR)lib->get(
            lib->instance, "vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR");
    struct vk_tile best = {0};
    uint32_t n = 0;
    lib->GetPhysicalDeviceProperties2(device, &all);
    const VkPhysicalDeviceLimits *limits = &all.properties.limits;
    uint32_t subgroup = v11.subgroupSize;
    bool room = limits->maxComputeSharedMemorySize >= SHARED && limits->maxComputeWorkGroupInvocations >= GROUP &&
                limits->maxComputeWorkGroupSize[0] >= GROUP;
    /* A subgroup has one chain, and there are as many of each. */
    if (!get || !room || !subgroup || GROUP % subgroup || GROUP / subgroup % CHAINS ||
        !(v11.subgroupSupportedStages & VK_SHADER_STAGE_COMPUTE_BIT) || get(device, &n, NULL) < 0 || n == 0)
        return best;
    VkCooperativeMatrixPropertiesKHR *list = mem_array(n, sizeof *list);
    for (uint32_t i = 0; list && i < n; i++)
        list[i] = (VkCooperativeMatrixPropertiesKHR){
            .sType = (VkStructureType)VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_PROPERTIES_KHR};
    if (list && get(device, &n, list) >= 0)
        best = best_of(list, n, subgroup);
    mem_free(list);
    return best;
}
#else
typedef int vk_tile_is_left_out;
#endif
