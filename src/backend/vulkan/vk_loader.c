/* vk_loader.c: libvulkan, opened at run time, and an instance of it. */
#ifdef HAVE_VULKAN
#include "backend/vulkan/vk_parts.h"

#include "base/error.h"

#include <string.h>

#ifdef __APPLE__
static const char library_name[] = "libvulkan.1.dylib";
#else
static const char library_name[] = "libvulkan.so.1";
#endif

const char *vk_result_text(VkResult result)
{
    switch (result) {
    case VK_ERROR_OUT_OF_HOST_MEMORY: return "the driver has no memory left";
    case VK_ERROR_OUT_OF_DEVICE_MEMORY: return "the device has no memory left";
    case VK_ERROR_DEVICE_LOST: return "the device is lost";
    case VK_ERROR_INITIALIZATION_FAILED: return "the driver could not start";
    case VK_ERROR_INCOMPATIBLE_DRIVER: return "there is no driver that fits";
    case VK_ERROR_FEATURE_NOT_PRESENT: return "a feature is missing";
    case VK_ERROR_EXTENSION_NOT_PRESENT: return "an extension is missing";
    case VK_ERROR_TOO_MANY_OBJECTS: return "the driver has no more objects to give";
    case VK_TIMEOUT: return "the device does not answer";
    default: return "the driver reports an error";
    }
}

#define LOAD(name) lib->name = (PFN_vk##name)lib->get(lib->instance, "vk" #name);
#define THERE(name) &&lib->name
static bool load_global(struct vk_library *lib)
{
    VK_GLOBAL_FUNCTIONS(LOAD)
    return true VK_GLOBAL_FUNCTIONS(THERE);
}

static bool load_instance(struct vk_library *lib)
{
    VK_INSTANCE_FUNCTIONS(LOAD)
    return true VK_INSTANCE_FUNCTIONS(THERE);
}
#undef LOAD
#undef THERE

/* Drivers that lie on top of another interface (Metal's) are only shown to those who ask for them. */
static bool shows_portable(const struct vk_library *lib)
{
    VkExtensionProperties list[128];
    uint32_t n = sizeof list / sizeof *list;
    if (lib->EnumerateInstanceExtensionProperties(NULL, &n, list) < 0)
        return false;
    for (uint32_t i = 0; i < n; i++)
        if (strcmp(list[i].extensionName, VK_KHR_PORTABILITY_ENUMERATION_EXTENSION_NAME) == 0)
            return true;
    return false;
}

static enum osso_status create_instance(struct vk_library *lib, struct osso_error *err)
{
    static const char *const extensions[] = {VK_KHR_PORTABILITY_ENUMERATION_EXTENSION_NAME};
    VkApplicationInfo app = {
        .sType = VK_STRUCTURE_TYPE_APPLICATION_INFO, .pApplicationName = "osso", .apiVersion = VK_API_VERSION_1_2};
    VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO, .pApplicationInfo = &app};
    uint32_t version = 0;
    if (lib->EnumerateInstanceVersion(&version) < 0 || version < VK_API_VERSION_1_2)
        return error_set(err, OSSO_UNSUPPORTED, "%s is older than Vulkan 1.2: install a newer one", library_name);
    if (shows_portable(lib)) {
        info.flags = VK_INSTANCE_CREATE_ENUMERATE_PORTABILITY_BIT_KHR;
        info.enabledExtensionCount = 1;
        info.ppEnabledExtensionNames = extensions;
    }
    VkResult result = lib->CreateInstance(&info, NULL, &lib->instance);
    if (result < 0)
        lib->instance = VK_NULL_HANDLE;
    if (result < 0)
        return error_set(err, OSSO_UNSUPPORTED,
                         "Vulkan cannot start: %s (install the driver of the GPU; Debian's mesa-vulkan-drivers has "
                         "many)",
                         vk_result_text(result));
    return load_instance(lib) ? OSSO_OK
                              : error_set(err, OSSO_UNSUPPORTED, "%s lacks functions of Vulkan 1.2", library_name);
}

enum osso_status vk_library_open(struct vk_library *lib, struct osso_error *err)
{
    *lib = (struct vk_library){0};
    if (!vk_find(library_name, &lib->get))
        return error_set(err, OSSO_UNSUPPORTED,
                         "a GPU needs %s, which is not on this machine: install libvulkan1 (so Debian calls it) and "
                         "the driver of the GPU",
                         library_name);
    enum osso_status status = OSSO_OK;
    if (!lib->get || !load_global(lib))
        status = error_set(err, OSSO_UNSUPPORTED, "%s lacks functions of Vulkan 1.2: install a newer one",
                           library_name);
    if (!status)
        status = create_instance(lib, err);
    if (status)
        vk_library_close(lib);
    return status;
}

void vk_library_close(struct vk_library *lib)
{
    if (lib->instance && lib->DestroyInstance)
        lib->DestroyInstance(lib->instance, NULL);
    *lib = (struct vk_library){0};
}
#else
typedef int vk_loader_is_left_out; /* a build without Vulkan's headers: vk_none.c says so */
#endif
