/* vk.h: one Vulkan device: its memory by address, its shaders, and a list of commands that runs at once. What of Vulkan
 * the rest of the backend needs to know stands here; the library itself is opened at run time (vk_loader.c).
 *
 * Commands (vk_run, vk_copy) take effect as if they ran one by one in the order of the calls; vk_wait waits for them
 * all. Those that share no memory (vk_uses) may run at once. A command that fails makes every later one do nothing, and
 * vk_wait say what it was: from then on the device is only good for vk_close. One thread at a time. */
#ifndef OSSO_BACKEND_VULKAN_VK_H
#define OSSO_BACKEND_VULKAN_VK_H

#include "osso/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A compute shader: entry "main", no descriptors; its one input is a push-constant block of push_bytes. */
struct vk_shader {
    const char *name;
    const uint32_t *words; /* SPIR-V */
    size_t n_words;
    uint32_t push_bytes, local_size; /* the C struct's size; invocations of a group along x */
};

enum { VK_PUSH_MAX = 128 /* what every Vulkan device has */, VK_CONSTANTS = 7 };

/* Values of the specialization constants 1, 2, ... of a shader; constant 0 is the device's soft_fma. */
struct vk_constants {
    uint32_t value[VK_CONSTANTS];
};

/* How a device multiplies matrices of int8 into int32, or (f16) of f16 into f32, where a subgroup's invocations do it
 * together: rows, outputs, columns; a subgroup has each * m invocations. each 0: in no way that linear_i8_tiles or
 * linear_i8_tiles_f16 is made for. */
struct vk_tile {
    uint32_t m, n, k, each;
    bool f16; /* only where there is no shape of int8 */
};

/* A device as it says of itself. */
struct vk_facts {
    int number; /* in vk_list */
    char name[256], driver[320];
    char features[160];                              /* in words: of those below, and of the memory's budget */
    bool cpu;                                        /* a driver that computes on the CPU */
    bool fp64, round_even, keep_denormals, keep_nan; /* the last three: f32 can be told so */
    bool dot4;                                       /* has an instruction for dots of four int8 */
    struct vk_tile tile;
    bool budget;         /* says how much memory is free */
    bool layered;        /* lies on top of another interface (Metal's), which has no atomics at an address */
    bool soft_fma;       /* shaders make their own fused multiply-add */
    uint64_t memory;     /* bytes of the largest heap that is the device's own */
    uint32_t max_groups; /* of a shader in each direction, at least 65,535 */
    uint64_t max_block;  /* bytes of the largest piece of memory */
    uint32_t clock_bits; /* of its time stamps; 0: it has none (known of an open device) */
    float clock_ns;      /* a step of them */
    char lacks[128];     /* a feature that osso needs and it has not; "": it can be used */
};

/* Memory of the device. */
struct vk_block {
    uint64_t address, bytes;
    void *host; /* where the host sees it: VK_LOCAL's too, where all memory is the same and cached; or NULL */
    struct vk_block_parts *parts;
};

enum vk_place {
    VK_LOCAL, /* the device's own, in which it computes */
    VK_INPUT, /* written by the host, read by the device */
    VK_OUTPUT /* written by the device, read by the host */
};

struct vk;

/* Whether shaders make their own fused multiply-add; true when the device is opened, where it has f64. */
void vk_set_soft_fma(struct vk *vk, bool soft);
/* From now on it is a device without vk_facts.tile. */
void vk_forget_tile(struct vk *vk);
/* Which: NULL or "": the best one (a real GPU before a driver on the CPU); "real": the same, but never a driver on the
 * CPU; a number: that of vk_list; else a part of a device's name, letters of either case. "apart" or "apart:" before
 * any of these: the host sees none of the device's own memory, though it may be the same, as it is beside a card (for
 * tests). */
enum osso_status vk_open(const char *which, struct vk **vk_out, struct osso_error *err);
/* Another one over the same device: memory of one is good in commands of the other, and of either alone when the other
 * is closed. Both may be used at once, each by one thread; called by a third one while `first` is in use. */
enum osso_status vk_share(struct vk *first, struct vk **vk_out, struct osso_error *err);
void vk_close(struct vk *vk); /* NULL is fine */
const struct vk_facts *vk_facts(const struct vk *vk);
/* Calls fn for every device of this machine, in their order. OSSO_UNSUPPORTED: no Vulkan here, and err says why. */
enum osso_status vk_list(void (*fn)(void *user, const struct vk_facts *facts), void *user, struct osso_error *err);

/* False: there is no such memory. Its contents are anything. */
bool vk_alloc(struct vk *vk, uint64_t bytes, enum vk_place place, struct vk_block *block_out);
/* After vk_wait. A block of zeros is fine. */
void vk_free(struct vk *vk, struct vk_block *block);
/* Bytes of device memory that could be had now, and that this device has taken for all that share it: of VK_LOCAL. */
uint64_t vk_memory(const struct vk *vk);
uint64_t vk_taken(const struct vk *vk);

/* Groups x, y, z of the shader with this push block. constants NULL: all zero. */
void vk_run(struct vk *vk, const struct vk_shader *shader, const struct vk_constants *constants, const void *push,
            uint32_t x, uint32_t y, uint32_t z);
/* Does the driver make something of this shader? Where not, nothing has happened. */
bool vk_compiles(struct vk *vk, const struct vk_shader *shader, const struct vk_constants *constants);
/* What vk_run was given `back` calls ago (0: the last), where the device has not been given it yet and it was this
 * shader; else false. Good until the next command. */
struct vk_call {
    struct vk_constants constants;
    uint32_t groups[3];
    const void *push;
};
bool vk_last(const struct vk *vk, int back, const struct vk_shader *shader, struct vk_call *call_out);
/* The last n commands, which vk_last knows, are never run: who does what they do in one command begins so. */
void vk_take_back(struct vk *vk, int n);
void vk_copy(struct vk *vk, const struct vk_block *to, uint64_t to_off, const struct vk_block *from, uint64_t from_off,
             uint64_t bytes);
/* A piece of memory that a command reads or writes, or both; at 0: none. */
struct vk_use {
    uint64_t at, bytes;
    bool writes;
};
enum { VK_USES_MAX = 12 };
/* Of the vk_run just before this: all the memory that it shares with other commands. What no command writes may be left
 * out. A command of which this is not said shares memory with all others. */
void vk_uses(struct vk *vk, const struct vk_use *uses, int n);
bool vk_pending(const struct vk *vk); /* was anything recorded that has not run? */
/* What has been done since the device was opened. A part of a step, up to some hundred commands, is recorded when it is
 * none of the last ones, and submitted. */
struct vk_counts {
    uint64_t commands, barriers, recorded, submits;
};
struct vk_counts vk_counts(const struct vk *vk);
/* From now on (or no longer) every command's time is taken, and commands run one by one; what was taken before is
 * forgotten when that begins. After vk_wait. False: the device has no clock, or no memory for it. */
bool vk_watch(struct vk *vk, bool on);
struct vk_time {
    const struct vk_shader *shader; /* NULL: copies */
    struct vk_constants constants;
    uint32_t groups[3];
    uint64_t n; /* commands */
    double ns;
};
/* Of what has run since: a line for all commands of one shader, its constants and groups. Good until the next one runs.
 */
const struct vk_time *vk_times(const struct vk *vk, size_t *n_out);
/* Runs what was recorded and returns when it is done. */
enum osso_status vk_wait(struct vk *vk, struct osso_error *err);

#endif
