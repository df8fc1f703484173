/* vk_cache.c: compiled shaders from run to run: what the driver gives for its pipelines lies in a file of this person's
 * cache, $XDG_CACHE_HOME/osso/gpu-UUID.bin, and is given back to the same device and driver. A file that is not whole,
 * or of another device or driver, is as if it were not there. Nothing depends on it but the time that a start takes. */
#define _POSIX_C_SOURCE 200809L
#ifdef HAVE_VULKAN
#include "backend/vulkan/vk_parts.h"

#include "base/buf.h"
#include "base/crc32c.h"
#include "base/file.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

enum { LIMIT = 64 << 20 };

/* What stands before the driver's bytes. */
struct header {
    char magic[8];
    uint8_t uuid[VK_UUID_SIZE]; /* of the cache's form, which is the driver's */
    uint32_t vendor, device, driver, crc;
    uint64_t bytes;
};

static struct header header_of(const struct vk *vk, const void *data, size_t bytes)
{
    VkPhysicalDeviceProperties2 p = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2};
    struct header h = {.magic = "ossogpu1", .bytes = bytes, .crc = crc32c(0, data, bytes)};
    vk->lib.GetPhysicalDeviceProperties2(vk->physical, &p);
    memcpy(h.uuid, p.properties.pipelineCacheUUID, sizeof h.uuid);
    h.vendor = p.properties.vendorID;
    h.device = p.properties.deviceID;
    h.driver = p.properties.driverVersion;
    return h;
}

/* NULL: there is no place for it. mem_free it. */
static char *path_of(const struct vk *vk)
{
    char *cache = file_of_person("XDG_CACHE_HOME", ".cache");
    struct header h = header_of(vk, NULL, 0);
    struct buf path = {0};
    if (!cache)
        return NULL;
    buf_printf(&path, "%s/osso/gpu-", cache);
    mem_free(cache);
    for (size_t i = 0; i < VK_UUID_SIZE; i++)
        buf_printf(&path, "%02x", h.uuid[i]);
    buf_puts(&path, ".bin");
    return buf_take(&path);
}

/* The driver's bytes of a file; NULL: none that are good. */
static const void *checked(const struct vk *vk, const char *file, size_t n, size_t *bytes_out)
{
    struct header h;
    if (n < sizeof h)
        return NULL;
    *bytes_out = n - sizeof h;
    memcpy(&h, file, sizeof h);
    struct header want = header_of(vk, file + sizeof h, *bytes_out);
    return memcmp(&h, &want, sizeof h) == 0 ? file + sizeof h : NULL;
}

bool vk_cache_create(struct vk *vk)
{
    struct osso_error none;
    char *path = path_of(vk), *file = NULL;
    size_t n = 0, bytes = 0;
    const void *data = NULL;
    if (path && file_read(path, LIMIT, &file, &n, &none) == OSSO_OK)
        data = checked(vk, file, n, &bytes);
    VkPipelineCacheCreateInfo info = {.sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO,
                                      .initialDataSize = data ? bytes : 0,
                                      .pInitialData = data};
    vk->shared->cache_kept = data ? bytes : 0;
    bool done = VK_MADE(vk, vk->fn.CreatePipelineCache(vk->device, &info, NULL, &vk->shared->cache), &vk->shared->cache,
                        "getting ready");
    mem_free(file);
    mem_free(path);
    return done;
}

static void save(const struct vk *vk, char *path, const void *data, size_t bytes)
{
    struct header h = header_of(vk, data, bytes);
    struct buf file = {0};
    struct osso_error none;
    char *slash = strrchr(path, '/');
    *slash = 0;
    bool there = file_make_dirs(path, &none) == OSSO_OK;
    *slash = '/';
    buf_add(&file, (const char *)&h, sizeof h);
    buf_add(&file, data, bytes);
    size_t n = file.len;
    char *whole = buf_take(&file);
    if (there && whole)
        save_atomic(path, whole, n, &none);
    mem_free(whole);
}

/* A cache that cannot be written is none. */
static void write_file(struct vk *vk)
{
    size_t bytes = 0;
    char *path = path_of(vk);
    void *data = NULL;
    if (path && vk->fn.GetPipelineCacheData(vk->device, vk->shared->cache, &bytes, NULL) >= 0 && bytes > 0 &&
        bytes < LIMIT)
        data = mem_alloc(bytes);
    if (data && vk->fn.GetPipelineCacheData(vk->device, vk->shared->cache, &bytes, data) == VK_SUCCESS)
        save(vk, path, data, bytes);
    mem_free(data);
    mem_free(path);
}

void vk_cache_free(struct vk *vk)
{
    if (vk->shared->cache && vk->failed >= 0 && vk->shared->n_pipelines > 0)
        write_file(vk);
    vk->fn.DestroyPipelineCache(vk->device, vk->shared->cache, NULL);
}
#else
typedef int vk_cache_is_left_out;
#endif
