/* vk_failure.c: the first failure of a device, which is the one that is told. */
#ifdef HAVE_VULKAN
#include "backend/vulkan/vk_parts.h"

#include "base/error.h"

bool vk_did(struct vk *vk, VkResult result, const char *what)
{
    if (result >= 0)
        return true;
    if (vk->failed >= 0) {
        vk->failed = result;
        vk->failed_what = what;
    }
    return false;
}

enum osso_status vk_failure(const struct vk *vk, struct osso_error *err)
{
    bool memory = vk->failed == VK_ERROR_OUT_OF_DEVICE_MEMORY || vk->failed == VK_ERROR_OUT_OF_HOST_MEMORY;
    return error_set(err, OSSO_DEVICE, "%s, %s: %s; %s", vk->facts.name, vk->failed_what, vk_result_text(vk->failed),
                     memory ? "ask for less with -c, or compute on the CPU with --device cpu"
                            : "start again, or compute on the CPU with --device cpu");
}
#else
typedef int vk_failure_is_left_out;
#endif
