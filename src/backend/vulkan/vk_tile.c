/* vk_tile.c: which of a device's shapes of matrices linear_i8_tiles runs with, or its form in f16. */
#ifdef HAVE_VULKAN
#include "backend/vulkan/vk_tile.h"

#include "backend/vulkan/shaders.h"
#include "base/mem.h"

/* Of both kernels (shaders/linear_i8_tiles.comp): invocations, rows of a group, chains. */
enum { GROUP = 256, ROWS = 64, CHAINS = 4 };

/* What a form of the kernel multiplies and adds up; outputs of a group, bytes that it shares, and of these, those in
 * which the subgroups' sums meet. In the order in which they are wanted. */
static const struct form {
    bool f16;
    uint32_t code, sum; /* enum VkComponentTypeKHR */
    uint32_t outputs, shared, meet;
} forms[] = {
    {false, VK_COMPONENT_TYPE_SINT8_KHR, VK_COMPONENT_TYPE_SINT32_KHR, VK_TILE, 26624, 12288},
    {true, VK_COMPONENT_TYPE_FLOAT16_KHR, VK_COMPONENT_TYPE_FLOAT32_KHR, VK_TILE_F16, 32256, 10240},
};

static bool fits(const struct form *f, const VkCooperativeMatrixPropertiesKHR *p, uint32_t subgroup)
{
    bool types = p->AType == f->code && p->BType == f->code && p->CType == f->sum && p->ResultType == f->sum;
    bool shape = p->MSize && ROWS % p->MSize == 0 && p->NSize >= 4 && f->outputs % p->NSize == 0 &&
                 (p->KSize == 8 || p->KSize == 16 || p->KSize == 32);
    return types && shape && p->scope == VK_SCOPE_SUBGROUP_KHR && !p->saturatingAccumulation &&
           subgroup % p->MSize == 0 && GROUP / subgroup * p->MSize * p->NSize * sizeof(float) <= f->meet;
}

/* The most columns at a time, then the most elements. */
static bool better(const VkCooperativeMatrixPropertiesKHR *p, const struct vk_tile *than)
{
    return p->KSize != than->k ? p->KSize > than->k : p->MSize * p->NSize > than->m * than->n;
}

static struct vk_tile best_of(const struct form *f, const VkCooperativeMatrixPropertiesKHR *list, uint32_t n,
                              uint32_t subgroup)
{
    struct vk_tile best = {0};
    for (uint32_t i = 0; i < n; i++)
        if (fits(f, &list[i], subgroup) && better(&list[i], &best))
            best = (struct vk_tile){list[i].MSize, list[i].NSize, list[i].KSize, subgroup / list[i].MSize, f->f16};
    return best;
}

struct vk_tile vk_tile_of(const struct vk_library *lib, VkPhysicalDevice device, bool f16)
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
    bool room = limits->maxComputeWorkGroupInvocations >= GROUP && limits->maxComputeWorkGroupSize[0] >= GROUP;
    /* A subgroup has one chain, and there are as many of each. */
    if (!get || !room || !subgroup || GROUP % subgroup || GROUP / subgroup % CHAINS ||
        !(v11.subgroupSupportedStages & VK_SHADER_STAGE_COMPUTE_BIT) || get(device, &n, NULL) < 0 || n == 0)
        return best;
    VkCooperativeMatrixPropertiesKHR *list = mem_array(n, sizeof *list);
    for (uint32_t i = 0; list && i < n; i++)
        list[i] = (VkCooperativeMatrixPropertiesKHR){
            .sType = (VkStructureType)VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_PROPERTIES_KHR};
    bool listed = list && get(device, &n, list) >= 0;
    for (size_t i = 0; listed && !best.each && i < sizeof forms / sizeof *forms; i++)
        if ((f16 || !forms[i].f16) && limits->maxComputeSharedMemorySize >= forms[i].shared)
            best = best_of(&forms[i], list, n, subgroup);
    mem_free(list);
    return best;
}
#else
typedef int vk_tile_is_left_out;
#endif
