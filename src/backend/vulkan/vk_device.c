/* vk_device.c: which devices there are, and which of them can be used; the device that Vulkan makes of one. */
#ifdef HAVE_VULKAN
#include "backend/vulkan/vk_tile.h"

#include "base/error.h"
#include "base/mem.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Mesa's drivers forget some bytes of each instance, and are gone when LeakSanitizer asks whose they were. */
#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#define LOOK_AWAY() __lsan_disable()
#define LOOK_AGAIN() __lsan_enable()
#else
#define LOOK_AWAY() ((void)0)
#define LOOK_AGAIN() ((void)0)
#endif

enum { MAX_DEVICES = 64 };
#define PORTABILITY "VK_KHR_portability_subset"

/* The features of a device, as a chain. */
struct features {
    VkPhysicalDeviceVulkan12Features v12;
    VkPhysicalDeviceVulkan11Features v11;
    VkPhysicalDeviceFeatures2 all;
    VkPhysicalDeviceShaderIntegerDotProductFeatures dot; /* these two are chained where the device knows them */
    VkPhysicalDeviceCooperativeMatrixFeaturesKHR tile;
};

static void chain(struct features *f, bool dot, bool tile)
{
    *f = (struct features){0};
    f->v12.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES;
    f->v11.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES;
    f->v11.pNext = &f->v12;
    f->all.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2;
    f->all.pNext = &f->v11;
    f->dot.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_INTEGER_DOT_PRODUCT_FEATURES;
    f->tile.sType = (VkStructureType)VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR;
    if (dot)
        f->v12.pNext = &f->dot;
    if (tile) {
        f->tile.pNext = f->v12.pNext;
        f->v12.pNext = &f->tile;
    }
}

/* FEATURE(member of struct features): what every shader may use. */
#define NEEDED(FEATURE)                                                                                                \
    FEATURE(all.features.shaderInt64)                                                                                  \
    FEATURE(all.features.shaderInt16)                                                                                  \
    FEATURE(v11.storageBuffer16BitAccess)                                                                              \
    FEATURE(v12.storageBuffer8BitAccess)                                                                               \
    FEATURE(v12.shaderInt8)                                                                                            \
    FEATURE(v12.bufferDeviceAddress)                                                                                   \
    FEATURE(v12.scalarBlockLayout)

static bool has_extension(const struct vk_library *lib, VkPhysicalDevice device, const char *name)
{
    uint32_t n = 0;
    bool found = false;
    if (lib->EnumerateDeviceExtensionProperties(device, NULL, &n, NULL) < 0 || n == 0)
        return false;
    VkExtensionProperties *list = mem_array(n, sizeof *list);
    if (list && lib->EnumerateDeviceExtensionProperties(device, NULL, &n, list) >= 0)
        for (uint32_t i = 0; i < n; i++)
            found = found || strcmp(list[i].extensionName, name) == 0;
    mem_free(list);
    return found;
}

static void read_features(const struct vk_library *lib, VkPhysicalDevice device, struct vk_facts *facts)
{
    struct features f;
    chain(&f, has_extension(lib, device, VK_KHR_SHADER_INTEGER_DOT_PRODUCT_EXTENSION_NAME),
          has_extension(lib, device, VK_TILE_EXTENSION));
    lib->GetPhysicalDeviceFeatures2(device, &f.all);
    facts->dot4 = f.dot.shaderIntegerDotProduct;
    if (f.tile.cooperativeMatrix && f.v12.vulkanMemoryModel)
        facts->tile = vk_tile_of(lib, device, f.v12.shaderFloat16);
    facts->layered = has_extension(lib, device, PORTABILITY);
    facts->budget = has_extension(lib, device, VK_EXT_MEMORY_BUDGET_EXTENSION_NAME);
    facts->fp64 = f.all.features.shaderFloat64;
#define FEATURE(member)                                                                                                \
    if (!f.member)                                                                                                     \
        snprintf(facts->lacks, sizeof facts->lacks, "%s", strrchr(#member, '.') + 1);
    NEEDED(FEATURE)
#undef FEATURE
}

static void read_memory(const struct vk_library *lib, VkPhysicalDevice device, struct vk_facts *facts)
{
    VkPhysicalDeviceMemoryProperties2 m = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2};
    lib->GetPhysicalDeviceMemoryProperties2(device, &m);
    for (uint32_t i = 0; i < m.memoryProperties.memoryHeapCount; i++) {
        const VkMemoryHeap *heap = &m.memoryProperties.memoryHeaps[i];
        if ((heap->flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT) && heap->size > facts->memory)
            facts->memory = heap->size;
    }
}

/* What osso uses where it is, in words. */
static void name_features(struct vk_facts *facts)
{
    const struct {
        bool there;
        const char *name;
    } all[] = {{facts->dot4, "integer dot products"},
               {facts->round_even, "rounding to even"},
               {facts->keep_denormals, "denormals kept"},
               {facts->keep_nan, "NaN kept"},
               {facts->fp64, "f64"},
               {facts->budget, "memory budget"}};
    size_t n = 0;
    if (facts->tile.each)
        n += (size_t)snprintf(facts->features, sizeof facts->features, "int8 matrices%s (%u x %u x %u)",
                              facts->tile.f16 ? " as f16" : "", facts->tile.m, facts->tile.n, facts->tile.k);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].there)
            n += (size_t)snprintf(facts->features + n, sizeof facts->features - n, "%s%s", n ? ", " : "", all[i].name);
}

void vk_forget_tile(struct vk *vk)
{
    vk->facts.tile = (struct vk_tile){0};
    name_features(&vk->facts);
}

static void read_facts(const struct vk_library *lib, VkPhysicalDevice device, struct vk_facts *facts,
                       VkPhysicalDeviceType *type)
{
    VkPhysicalDeviceVulkan12Properties v12 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_PROPERTIES};
    VkPhysicalDeviceMaintenance3Properties m3 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_3_PROPERTIES,
                                                 .pNext = &v12};
    VkPhysicalDeviceProperties2 all = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2, .pNext = &m3};
    lib->GetPhysicalDeviceProperties2(device, &all);
    const VkPhysicalDeviceProperties *p = &all.properties;
    *facts = (struct vk_facts){.cpu = p->deviceType == VK_PHYSICAL_DEVICE_TYPE_CPU};
    *type = p->deviceType;
    snprintf(facts->name, sizeof facts->name, "%s", p->deviceName);
    if (p->apiVersion < VK_API_VERSION_1_2) {
        snprintf(facts->lacks, sizeof facts->lacks, "Vulkan 1.2");
        return;
    }
    snprintf(facts->driver, sizeof facts->driver, "%.200s %.100s", v12.driverName, v12.driverInfo);
    /* Shaders have f64 beside f32, of which nothing is said. */
    bool alone = v12.denormBehaviorIndependence != VK_SHADER_FLOAT_CONTROLS_INDEPENDENCE_NONE;
    facts->keep_denormals = v12.shaderDenormPreserveFloat32 && alone;
    alone = v12.roundingModeIndependence != VK_SHADER_FLOAT_CONTROLS_INDEPENDENCE_NONE;
    facts->round_even = v12.shaderRoundingModeRTEFloat32 && alone;
    facts->keep_nan = v12.shaderSignedZeroInfNanPreserveFloat32;
    facts->max_block = m3.maxMemoryAllocationSize;
    facts->clock_ns = p->limits.timestampPeriod;
    facts->max_groups = UINT32_MAX;
    for (int i = 0; i < 3; i++)
        if (p->limits.maxComputeWorkGroupCount[i] < facts->max_groups)
            facts->max_groups = p->limits.maxComputeWorkGroupCount[i];
    read_features(lib, device, facts);
    name_features(facts);
    read_memory(lib, device, facts);
}

/* ---- choosing ------------------------------------------------------------------------------------------- */

/* How much rather than another one; 0: not unless it is named. */
static int rank(const struct vk_facts *facts, VkPhysicalDeviceType type)
{
    if (facts->lacks[0])
        return 0;
    switch (type) {
    case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU: return 4;
    case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU: return 3;
    case VK_PHYSICAL_DEVICE_TYPE_CPU: return 1;
    default: return 2;
    }
}

static bool is_number(const char *s)
{
    return *s && strspn(s, "0123456789") == strlen(s) && strlen(s) < 9;
}

static bool has_part(const char *name, const char *part)
{
    size_t n = strlen(part), i = 0;
    for (; *name; name++) {
        for (i = 0; i < n && tolower((unsigned char)name[i]) == tolower((unsigned char)part[i]); i++)
            ;
        if (i == n)
            return true;
    }
    return false;
}

struct choice {
    VkPhysicalDevice device;
    struct vk_facts facts;
    int rank;
};

static void consider(const struct vk_library *lib, const char *which, int number, VkPhysicalDevice device,
                     struct choice *best)
{
    VkPhysicalDeviceType type;
    struct choice c = {.device = device};
    read_facts(lib, device, &c.facts, &type);
    c.facts.number = number;
    c.rank = rank(&c.facts, type);
    bool any = !which || !*which, real = !any && strcmp(which, "real") == 0;
    bool named = !any && !real && (is_number(which) ? atoi(which) == number : has_part(c.facts.name, which));
    if (named && c.rank == 0)
        c.rank = 1; /* so that it is said what it lacks */
    if ((any || named || (real && !c.facts.cpu)) && c.rank > best->rank)
        *best = c;
}

static enum osso_status no_such_device(const char *which, uint32_t n, struct osso_error *err)
{
    if (n == 0)
        return error_set(err, OSSO_UNSUPPORTED,
                         "Vulkan finds no device on this machine: install the driver of the GPU (Debian's "
                         "mesa-vulkan-drivers has many)");
    if (which && is_number(which))
        return error_set(err, OSSO_NOTFOUND, "there is no device %s: this machine has %u, counted from 0", which, n);
    if (which && *which && strcmp(which, "real") != 0)
        return error_set(err, OSSO_NOTFOUND, "no device of this machine has \"%s\" in its name", which);
    return error_set(err, OSSO_UNSUPPORTED, "none of the %u Vulkan devices of this machine can be used", n);
}

static enum osso_status devices_of(const struct vk_library *lib, VkPhysicalDevice *devices, uint32_t *n,
                                   struct osso_error *err)
{
    *n = MAX_DEVICES;
    LOOK_AWAY();
    VkResult result = lib->EnumeratePhysicalDevices(lib->instance, n, devices);
    LOOK_AGAIN();
    return result < 0 ? error_set(err, OSSO_UNSUPPORTED, "Vulkan cannot list its devices: %s", vk_result_text(result))
                      : OSSO_OK;
}

enum osso_status vk_choose(struct vk *vk, const char *which, struct osso_error *err)
{
    VkPhysicalDevice devices[MAX_DEVICES];
    struct choice best = {0};
    uint32_t n;
    enum osso_status status = devices_of(&vk->lib, devices, &n, err);
    if (status)
        return status;
    for (uint32_t i = 0; i < n; i++)
        consider(&vk->lib, which, (int)i, devices[i], &best);
    if (!best.device)
        return no_such_device(which, n, err);
    if (best.facts.lacks[0])
        return error_set(err, OSSO_UNSUPPORTED, "%s lacks %s, which osso needs: a newer driver may have it",
                         best.facts.name, best.facts.lacks);
    vk->physical = best.device;
    vk->facts = best.facts;
    return OSSO_OK;
}

enum osso_status vk_list(void (*fn)(void *user, const struct vk_facts *facts), void *user, struct osso_error *err)
{
    VkPhysicalDevice devices[MAX_DEVICES];
    struct vk_library lib;
    uint32_t n = 0;
    enum osso_status status = vk_library_open(&lib, err);
    if (status)
        return status;
    status = devices_of(&lib, devices, &n, err);
    for (uint32_t i = 0; i < n && !status; i++) {
        VkPhysicalDeviceType type;
        struct vk_facts facts;
        read_facts(&lib, devices[i], &facts, &type);
        facts.number = (int)i;
        fn(user, &facts);
    }
    vk_library_close(&lib);
    return status;
}

/* ---- making it ------------------------------------------------------------------------------------------ */

static bool find_family(struct vk *vk)
{
    VkQueueFamilyProperties families[32];
    uint32_t n = sizeof families / sizeof *families;
    vk->lib.GetPhysicalDeviceQueueFamilyProperties(vk->physical, &n, families);
    for (uint32_t i = 0; i < n; i++)
        if (families[i].queueFlags & VK_QUEUE_COMPUTE_BIT) {
            vk->family = i;
            vk->facts.clock_bits = families[i].timestampValidBits;
            return true;
        }
    return false;
}

enum osso_status vk_create_device(struct vk *vk, struct osso_error *err)
{
    float priority = 1;
    struct features f;
    const char *extensions[4];
    uint32_t n = 0;
    chain(&f, vk->facts.dot4, vk->facts.tile.each);
#define FEATURE(member) f.member = VK_TRUE;
    NEEDED(FEATURE)
#undef FEATURE
    f.all.features.shaderFloat64 = vk->facts.fp64;
    f.dot.shaderIntegerDotProduct = vk->facts.dot4;
    f.tile.cooperativeMatrix = f.v12.vulkanMemoryModel = vk->facts.tile.each > 0;
    f.v12.shaderFloat16 = vk->facts.tile.f16;
    if (vk->facts.tile.each)
        extensions[n++] = VK_TILE_EXTENSION;
    if (vk->facts.budget)
        extensions[n++] = VK_EXT_MEMORY_BUDGET_EXTENSION_NAME;
    if (vk->facts.dot4)
        extensions[n++] = VK_KHR_SHADER_INTEGER_DOT_PRODUCT_EXTENSION_NAME;
    if (vk->facts.layered)
        extensions[n++] = PORTABILITY; /* who offers it wants it named */
    if (!find_family(vk))
        return error_set(err, OSSO_UNSUPPORTED, "%s has no queue for computing", vk->facts.name);
    VkDeviceQueueCreateInfo queue = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                     .queueFamilyIndex = vk->family,
                                     .queueCount = 1,
                                     .pQueuePriorities = &priority};
    VkDeviceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                               .pNext = &f.all,
                               .queueCreateInfoCount = 1,
                               .pQueueCreateInfos = &queue,
                               .enabledExtensionCount = n,
                               .ppEnabledExtensionNames = extensions};
    VkResult result = vk->lib.CreateDevice(vk->physical, &info, NULL, &vk->device);
    if (result < 0) {
        vk->device = VK_NULL_HANDLE;
        return error_set(err, OSSO_DEVICE, "%s cannot be opened: %s", vk->facts.name, vk_result_text(result));
    }
#define LOAD(name) vk->fn.name = (PFN_vk##name)vk->lib.GetDeviceProcAddr(vk->device, "vk" #name);
#define THERE(name) &&vk->fn.name
    VK_DEVICE_FUNCTIONS(LOAD)
    if (!(true VK_DEVICE_FUNCTIONS(THERE))) {
        if (vk->fn.DestroyDevice)
            vk->fn.DestroyDevice(vk->device, NULL);
        vk->device = VK_NULL_HANDLE;
        return error_set(err, OSSO_UNSUPPORTED, "%s: its driver lacks functions of Vulkan 1.2", vk->facts.name);
    }
#undef LOAD
#undef THERE
    vk->fn.GetDeviceQueue(vk->device, vk->family, 0, &vk->queue);
    return OSSO_OK;
}

#else
typedef int vk_device_is_left_out;
#endif
