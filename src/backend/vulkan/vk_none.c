/* vk_none.c: vk.h in a build without Vulkan's headers. There is no device, so nothing but vk_open is ever called. */
#ifndef HAVE_VULKAN
#include "backend/vulkan/vk.h"

#include "base/error.h"

static enum osso_status left_out(struct osso_error *err)
{
    return error_set(err, OSSO_UNSUPPORTED,
                     "this osso was built without GPUs: install libvulkan-dev (so Debian calls it), then build again "
                     "with make");
}

enum osso_status vk_open(const char *which, struct vk **vk_out, struct osso_error *err)
{
    (void)which;
    *vk_out = NULL;
    return left_out(err);
}

enum osso_status vk_share(struct vk *first, struct vk **vk_out, struct osso_error *err)
{
    (void)first;
    *vk_out = NULL;
    return left_out(err);
}

enum osso_status vk_list(void (*fn)(void *user, const struct vk_facts *facts), void *user, struct osso_error *err)
{
    (void)fn, (void)user;
    return left_out(err);
}

void vk_close(struct vk *vk)
{
    (void)vk;
}

const struct vk_facts *vk_facts(const struct vk *vk)
{
    (void)vk;
    return NULL;
}

void vk_set_soft_fma(struct vk *vk, bool soft)
{
    (void)vk, (void)soft;
}

void vk_forget_tile(struct vk *vk)
{
    (void)vk;
}

bool vk_compiles(struct vk *vk, const struct vk_shader *shader, const struct vk_constants *constants)
{
    (void)vk, (void)shader, (void)constants;
    return false;
}

bool vk_alloc(struct vk *vk, uint64_t bytes, enum vk_place place, struct vk_block *block_out)
{
    (void)vk, (void)bytes, (void)place, (void)block_out;
    return false;
}

void vk_free(struct vk *vk, struct vk_block *block)
{
    (void)vk, (void)block;
}

uint64_t vk_memory(const struct vk *vk)
{
    (void)vk;
    return 0;
}

uint64_t vk_taken(const struct vk *vk)
{
    (void)vk;
    return 0;
}

void vk_run(struct vk *vk, const struct vk_shader *shader, const struct vk_constants *constants, const void *push,
            uint32_t x, uint32_t y, uint32_t z)
{
    (void)vk, (void)shader, (void)constants, (void)push, (void)x, (void)y, (void)z;
}

bool vk_last(const struct vk *vk, int back, const struct vk_shader *shader, struct vk_call *call_out)
{
    (void)vk, (void)back, (void)shader, (void)call_out;
    return false;
}

void vk_take_back(struct vk *vk, int n)
{
    (void)vk, (void)n;
}

void vk_copy(struct vk *vk, const struct vk_block *to, uint64_t to_off, const struct vk_block *from, uint64_t from_off,
             uint64_t bytes)
{
    (void)vk, (void)to, (void)to_off, (void)from, (void)from_off, (void)bytes;
}

void vk_uses(struct vk *vk, const struct vk_use *uses, int n)
{
    (void)vk, (void)uses, (void)n;
}

struct vk_counts vk_counts(const struct vk *vk)
{
    (void)vk;
    return (struct vk_counts){0};
}

bool vk_watch(struct vk *vk, bool on)
{
    (void)vk, (void)on;
    return false;
}

const struct vk_time *vk_times(const struct vk *vk, size_t *n_out)
{
    (void)vk;
    *n_out = 0;
    return NULL;
}

bool vk_pending(const struct vk *vk)
{
    (void)vk;
    return false;
}

enum osso_status vk_wait(struct vk *vk, struct osso_error *err)
{
    (void)vk;
    return left_out(err);
}
#else
typedef int vk_none_is_not_needed;
#endif
