/* vk_tile.h: VK_KHR_cooperative_matrix, of which Vulkan's headers of 2022 (Debian 12's) know nothing. */
#ifndef OSSO_BACKEND_VULKAN_VK_TILE_H
#define OSSO_BACKEND_VULKAN_VK_TILE_H

#include "backend/vulkan/vk_parts.h"

#define VK_TILE_EXTENSION "VK_KHR_cooperative_matrix"
#ifndef VK_KHR_cooperative_matrix
enum {
    VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR = 1000506000,
    VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_PROPERTIES_KHR = 1000506001,
    VK_COMPONENT_TYPE_FLOAT16_KHR = 0,
    VK_COMPONENT_TYPE_FLOAT32_KHR = 1,
    VK_COMPONENT_TYPE_SINT8_KHR = 3,
    VK_COMPONENT_TYPE_SINT32_KHR = 5,
    VK_SCOPE_SUBGROUP_KHR = 3
};
typedef struct {
    VkStructureType sType;
    void *pNext;
    VkBool32 cooperativeMatrix, cooperativeMatrixRobustBufferAccess;
} VkPhysicalDeviceCooperativeMatrixFeaturesKHR;
typedef struct {
    VkStructureType sType;
    void *pNext;
    uint32_t MSize, NSize, KSize;
    uint32_t AType, BType, CType, ResultType; /* enum VkComponentTypeKHR */
    VkBool32 saturatingAccumulation;
    uint32_t scope; /* enum VkScopeKHR */
} VkCooperativeMatrixPropertiesKHR;
typedef VkResult(VKAPI_PTR *PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR)(VkPhysicalDevice, uint32_t *,
                                                                                   VkCooperativeMatrixPropertiesKHR *);
#endif

/* vk_tile.c: the shape for a device that has the extension, its feature and Vulkan's memory model; each 0: none fits.
 * f16: its shaders may compute in f16. */
struct vk_tile vk_tile_of(const struct vk_library *lib, VkPhysicalDevice device, bool f16);

#endif
