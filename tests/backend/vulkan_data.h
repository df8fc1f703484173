/* vulkan_data.h: a Vulkan device for tests of its kernels: arrays go into memory that both sides see, kernels run one
 * by one, and what they write is compared with scalar's. Behind every array lie bytes that nobody may change. */
#ifndef OSSO_TEST_VULKAN_DATA_H
#define OSSO_TEST_VULKAN_DATA_H

#include "backend/vulkan/shaders.h"
#include "ops_data.h"

enum { ARENA_BYTES = 64 << 20, GAP = 64, GAP_BYTE = 0xa5, MAX_ARRAYS = 128 };

static struct vk *vk;
static struct vk_block arena;
static bool tried;
static struct {
    size_t used, gap[MAX_ARRAYS];
    int n;
} arrays;

/* Opens the device once, until it is closed; a test without one is skipped. */
static inline void need_device(void)
{
    static struct osso_error err;
    if (!tried && vk_open(getenv("OSSO_TEST_DEVICE"), &vk, &err) == OSSO_OK) {
        assert_true(vk_alloc(vk, ARENA_BYTES, VK_OUTPUT, &arena));
        print_message("[   NOTE   ] %s, %s, %s fma; %s\n", vk_facts(vk)->name, vk_facts(vk)->driver,
                      vk_facts(vk)->soft_fma ? "soft" : "its own", vk_facts(vk)->features);
    }
    tried = true;
    if (!vk)
        skip_test(err.text);
}

static inline void close_device(void)
{
    if (vk)
        vk_free(vk, &arena);
    vk_close(vk);
    vk = NULL;
    tried = false;
}

static inline void forget_arrays(void)
{
    arrays.used = 0;
    arrays.n = 0;
}

/* A copy of an array in the device's memory, or (from NULL) room with junk in it. */
static inline uint64_t there(const void *from, size_t bytes)
{
    size_t at = arrays.used;
    assert_true(arrays.n < MAX_ARRAYS && at + bytes + 2 * GAP <= ARENA_BYTES);
    uint8_t *p = (uint8_t *)arena.host + at;
    if (from)
        memcpy(p, from, bytes);
    else
        memset(p, 0x55, bytes);
    memset(p + bytes, GAP_BYTE, GAP);
    arrays.gap[arrays.n++] = at + bytes;
    arrays.used = (at + bytes + GAP + 63) / 64 * 64;
    return arena.address + at;
}

/* What lies there now. */
static inline void *back(uint64_t address)
{
    return (uint8_t *)arena.host + (address - arena.address);
}

/* The forms that this device has of a kernel: it, and with its instruction for dots of four bytes. */
#define FORMS(name)                                                                                                    \
    (const struct vk_shader *const[])                                                                                  \
    {                                                                                                                  \
        &vk_shader_##name, &vk_shader_##name##_dot4                                                                    \
    }
static inline int n_forms(void)
{
    return vk_facts(vk)->dot4 ? 2 : 1;
}
/* Likewise of linear_i8_rows, which has one more, by matrices, for some formats. Each with outputs and rows of a group.
 */
struct rows_form {
    const struct vk_shader *shader;
    uint32_t outputs, rows;
};
/* The device's form of linear_i8_tiles. */
static inline struct rows_form tiles_form(void)
{
    return vk_facts(vk)->tile.f16 ? (struct rows_form){&vk_shader_linear_i8_tiles_f16, VK_TILE_F16, VK_TILE}
                                  : (struct rows_form){&vk_shader_linear_i8_tiles, VK_TILE, VK_TILE};
}
static inline int n_rows_forms(enum dtype t, struct rows_form forms[3])
{
    int n = 0;
    for (; n < n_forms(); n++)
        forms[n] = (struct rows_form){FORMS(linear_i8_rows)[n], VK_TILE_I8, VK_TILE_I8};
    if (vk_facts(vk)->tile.each && vk_tiles_format(t))
        forms[n++] = tiles_form();
    return n;
}

#define UP(n, m) (uint32_t)(((n) + (m)-1) / (m))

/* The kernel, or what stands in the folder OSSO_TEST_SHADERS in its place: tools/mutate breaks kernels there. */
static inline const struct vk_shader *in_place_of(const struct vk_shader *shader)
{
    enum { SHADERS = 64 };
    static struct vk_shader others[SHADERS];
    static int n;
    const char *folder = getenv("OSSO_TEST_SHADERS");
    char path[512];
    for (int i = 0; i < n; i++)
        if (strcmp(others[i].name, shader->name) == 0)
            return &others[i];
    if (!folder)
        return shader;
    snprintf(path, sizeof path, "%s/%s.spv", folder, shader->name);
    FILE *f = fopen(path, "rb");
    uint32_t *words = malloc(1 << 20);
    assert_true(f && words && n < SHADERS);
    others[n] = *shader;
    others[n].n_words = fread(words, 4, 1 << 18, f);
    others[n].words = words;
    fclose(f);
    return &others[n++];
}

/* Runs a kernel with constants 1 and 2 (3 is the type that matrix_side of kernel_data.h gives), and looks behind every
 * array. */
static inline void run_z(const struct vk_shader *shader, uint32_t one, uint32_t two, const void *push, uint32_t x,
                         uint32_t y, uint32_t z)
{
    struct osso_error err;
    const struct vk_tile *t = &vk_facts(vk)->tile;
    bool tiles = shader == tiles_form().shader;
    struct vk_constants constants = {{one, two, DT_BF16}};
    if (tiles)
        constants = (struct vk_constants){{one, two, DT_BF16, t->m, t->n, t->k, t->each}};
    vk_run(vk, in_place_of(shader), &constants, push, x, y, z);
    check_ok(vk_wait(vk, &err), err);
    for (int i = 0; i < arrays.n; i++)
        for (int b = 0; b < GAP; b++)
            if (((const uint8_t *)arena.host)[arrays.gap[i] + (size_t)b] != GAP_BYTE)
                fail_msg("%s wrote behind the end of array %d", shader->name, i);
}

/* A matrix in the device's memory: its side is that of scales, then offsets. */
struct placed {
    uint64_t data, side[2];
};

static inline struct placed place(const struct matrix *m)
{
    const struct view *v = &m->view;
    const struct dtype_info *info = dtype_info(v->dtype);
    size_t row = (size_t)(v->cols / info->block * info->block_bytes);
    size_t bytes = v->col_stride
                       ? (size_t)((v->cols - 1) * v->col_stride + (v->rows - 1) * v->row_stride + info->block_bytes)
                       : (size_t)((v->rows - 1) * v->row_stride) + row;
    struct placed p = {there(v->data, bytes), {0, 0}};
    for (int i = 0; i < 2; i++)
        if (v->side[i].data)
            p.side[i] = there(v->side[i].data, (size_t)((v->rows - 1) * v->side[i].stride +
                                                        view_scales(v) * dtype_info(v->side[i].dtype)->block_bytes));
    return p;
}

/* Everything of a linear kernel's arguments that the view says. */
static inline struct vk_linear linear_args(const struct view *v)
{
    return (struct vk_linear){
        .row_stride = (uint32_t)v->row_stride,
        .side_stride = (uint32_t)v->side[0].stride,
        .offsets_stride = (uint32_t)v->side[1].stride,
        .col_stride = (uint32_t)(v->col_stride ? v->col_stride : dtype_info(v->dtype)->block_bytes),
        .group = (uint32_t)v->group,
        .factor = v->factor ? *v->factor : 0,
        .has_factor = v->factor != NULL,
        .bias_stride = 4,
        .cols = (uint32_t)v->cols,
        .rows = (uint32_t)v->rows,
        .divide = 1};
}

/* Of activations at x, and no list of matrices. */
static inline void unlisted(struct vk_linear *p, uint64_t x)
{
    p->x = p->ids = p->matrices = x;
}

static inline void run(const struct vk_shader *shader, uint32_t one, uint32_t two, const void *push, uint32_t x,
                       uint32_t y)
{
    run_z(shader, one, two, push, x, y, 1);
}

/* Does the device keep such values? osso refuses one that flushes denormals; kernels are tried on it with others. */
static inline bool kind_fits(enum fill kind)
{
    static int keeps = -1; /* not asked yet */
    const float tiny[1] = {1e-40f}, zero[1] = {0};
    if (keeps < 0) {
        struct vk_add p = {there(tiny, sizeof tiny), there(zero, sizeof zero), there(NULL, sizeof zero), 1};
        run(&vk_shader_add, 0, 0, &p, 1, 1);
        keeps = memcmp(back(p.sum), tiny, sizeof tiny) == 0;
        forget_arrays();
    }
    return keeps || (kind != FILL_TINY && kind != FILL_MIXED);
}

/* A kind, or one in the place of what the device does not keep. */
static inline enum fill kind_near(enum fill kind)
{
    return kind_fits(kind) ? kind : FILL_NORMAL;
}

/* The int8 form, or what a kernel made of it, compared; d's NaNs are all one. */
static inline void assert_same_i8(const struct act *want, int64_t values, const int8_t *q, const float *d,
                                  const int32_t *sum, const char *what)
{
    assert_same(want->d, d, (size_t)values / QUANT_BLOCK, what);
    if (memcmp(want->q, q, (size_t)values) != 0)
        fail_msg("%s: other codes", what);
    if (memcmp(want->sum, sum, (size_t)values / QUANT_BLOCK * 4) != 0)
        fail_msg("%s: other sums of codes", what);
}

/* Who computes what is expected: scalar, alone. */
static inline const struct hand *reference_hand(void)
{
    static struct member member = {0, 1, NULL};
    static struct hand hand;
    if (!hand.backend) {
        hand.backend = backend_cpu("scalar");
        hand.member = &member;
        hand.workspace = malloc(hand.backend->workspace_bytes(64, 1024, 1024, 64, 256));
    }
    return &hand;
}

#endif
