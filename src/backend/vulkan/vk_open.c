/* vk_open.c: opening a device, sharing it, closing it. */
#ifdef HAVE_VULKAN
#include "backend/vulkan/vk_parts.h"

#include "base/error.h"
#include "base/mem.h"

#include <string.h>

/* Of the one who opens it; its device is there already. */
static enum osso_status create_shared(struct vk *vk, struct osso_error *err)
{
    VkPhysicalDeviceMemoryProperties2 m = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2};
    vk->lib.GetPhysicalDeviceMemoryProperties2(vk->physical, &m);
    vk->memory = m.memoryProperties;
    vk->facts.soft_fma = vk->facts.fp64; /* exact wherever there is f64, whatever the device's fma does */
    return vk_cache_create(vk) && vk_pipelines_create(vk) && vk_record_create(vk) ? OSSO_OK : vk_failure(vk, err);
}

enum osso_status vk_open(const char *which, struct vk **vk_out, struct osso_error *err)
{
    struct vk *vk = mem_alloc(sizeof *vk);
    struct vk_shared *shared = mem_alloc(sizeof *shared);
    *vk_out = NULL;
    if (!vk || !shared) {
        mem_free(vk);
        mem_free(shared);
        return error_nomem(err, sizeof *vk + sizeof *shared, "a device");
    }
    vk->shared = shared;
    shared->users = 1;
    pthread_mutex_init(&shared->lock, NULL);
    vk->apart = which && strncmp(which, "apart", 5) == 0 && (!which[5] || which[5] == ':');
    if (vk->apart)
        which += which[5] ? 6 : 5;
    enum osso_status status = vk_library_open(&vk->lib, err);
    if (!status)
        status = vk_choose(vk, which, err);
    if (!status)
        status = vk_create_device(vk, err);
    if (!status)
        status = create_shared(vk, err);
    if (status) {
        vk_close(vk);
        return status;
    }
    *vk_out = vk;
    return OSSO_OK;
}

enum osso_status vk_share(struct vk *first, struct vk **vk_out, struct osso_error *err)
{
    struct vk *vk = mem_alloc(sizeof *vk);
    *vk_out = NULL;
    if (!vk)
        return error_nomem(err, sizeof *vk, "a device");
    vk->shared = first->shared;
    vk->lib = first->lib;
    vk->fn = first->fn;
    vk->facts = first->facts;
    vk->physical = first->physical;
    vk->memory = first->memory;
    vk->apart = first->apart;
    vk->family = first->family;
    vk->device = first->device;
    vk->queue = first->queue;
    vk->layout = first->layout;
    pthread_mutex_lock(&vk->shared->lock);
    vk->shared->users++;
    pthread_mutex_unlock(&vk->shared->lock);
    if (!vk_record_create(vk)) {
        enum osso_status status = vk_failure(vk, err);
        vk_close(vk);
        return status;
    }
    *vk_out = vk;
    return OSSO_OK;
}

/* What all users had in common, and no longer has any. */
static void close_shared(struct vk *vk)
{
    if (vk->device) {
        vk_cache_free(vk);
        vk_pipelines_free(vk);
        vk->fn.DestroyDevice(vk->device, NULL);
    }
    vk_library_close(&vk->lib);
    pthread_mutex_destroy(&vk->shared->lock);
    mem_free(vk->shared);
}

void vk_close(struct vk *vk)
{
    if (!vk)
        return;
    if (vk->device) {
        vk_wait_all(vk);
        vk_record_free(vk);
        vk_watch_free(vk);
    }
    pthread_mutex_lock(&vk->shared->lock);
    bool last = --vk->shared->users == 0;
    pthread_mutex_unlock(&vk->shared->lock);
    if (last)
        close_shared(vk);
    mem_free(vk);
}

const struct vk_facts *vk_facts(const struct vk *vk)
{
    return &vk->facts;
}

struct vk_counts vk_counts(const struct vk *vk)
{
    return vk->counts;
}
#else
typedef int vk_open_is_left_out;
#endif
