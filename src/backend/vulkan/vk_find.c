/* vk_find.c: where Vulkan's library is on this machine. Test programs have one of their own, which counts calls. */
#ifdef HAVE_VULKAN
#include "backend/vulkan/vk_parts.h"

#include <dlfcn.h>
#include <string.h>

/* A pointer to data becomes one to code: POSIX promises it. The library stays loaded: drivers leave threads and
 * handlers behind that point into it. */
bool vk_find(const char *library, PFN_vkGetInstanceProcAddr *get_out)
{
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL),
         *function = handle ? dlsym(handle, "vkGetInstanceProcAddr") : NULL;
    memcpy(get_out, &function, sizeof function);
    return handle != NULL;
}
#else
typedef int vk_find_is_left_out;
#endif
