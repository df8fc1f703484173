/* gpu_probe.c: what the device makes of some numbers, beside what the CPU does. A device whose fma rounds once computes
 * with it; one whose fma rounds twice gets the shaders' own; one that has the bits of neither is refused. Matrices
 * that do not have the bits of the kernel without them are done without. */
#include "backend/vulkan/gpu.h"

#include "base/error.h"
#include "base/mem.h"

#include <math.h>
#include <string.h>

enum { N = 64, OWN_FMA = 0, FMA, PRODUCT, SUM, QUOTIENT, ROOT, EXP, N_RESULTS };

/* Products that end just beside a rounding, so that rounding them first shows; and small numbers. */
static void triple(int i, float *a, float *b, float *c)
{
    float e = ldexpf(1, -(i % 12) - 1), tiny = ldexpf(1, -126 - i % 20);
    *a = i % 4 == 3 ? tiny : 1 + e + ldexpf(1, -23) * (float)i;
    *b = i % 4 == 3 ? 0.75f + e : 1 - e + ldexpf(1, -23) * (float)(i % 7);
    *c = i % 4 == 3 ? -tiny / 2 : i % 2 ? ldexpf(1, -25 - i % 9) : -ldexpf(1 + e, -24 - i % 5) - 1;
}

static void expected(const struct backend *cpu, float a, float b, float c, float *out)
{
    out[OWN_FMA] = out[FMA] = fmaf(a, b, c);
    out[PRODUCT] = a * b;
    out[SUM] = a + c;
    out[QUOTIENT] = a / b;
    out[ROOT] = sqrtf(a);
    cpu->exp(cpu, &a, 1, &out[EXP]);
}

static const char *const names[N_RESULTS] = {"fma", "fma", "a product", "a sum", "a quotient", "a square root", "exp"};

/* The first kind of result that differs, the device's own fma left out; N_RESULTS: none. */
static int compare(const struct backend *cpu, const float *in, const float *have, bool *fuses)
{
    int wrong = N_RESULTS;
    *fuses = true;
    for (int i = 0; i < N; i++) {
        float want[N_RESULTS];
        expected(cpu, in[i], in[N + i], in[2 * N + i], want);
        for (int k = 0; k < N_RESULTS; k++) {
            if (memcmp(&want[k], &have[k * N + i], sizeof want[k]) == 0)
                continue;
            if (k == OWN_FMA)
                *fuses = false;
            else if (k < wrong)
                wrong = k;
        }
    }
    return wrong;
}

/* Runs the shader once. */
static enum osso_status run(struct gpu *g, const float *in, float *have, struct osso_error *err)
{
    uint64_t at = gpu_input(g, in, 3 * N * sizeof *in);
    struct gpu_piece out;
    if (!at || !gpu_take(g, &g->outputs, N_RESULTS * N * sizeof *have, &out))
        return error_nomem(err, N_RESULTS * N * sizeof *have, "the first values on the device");
    struct vk_probe push = {at, at + N * sizeof *in, at + 2 * N * sizeof *in, out.address, N};
    vk_run(g->vk, &vk_shader_probe, NULL, &push, gpu_groups(N, 64), 1, 1);
    enum osso_status status = vk_wait(g->vk, err);
    if (!status)
        memcpy(have, out.host, N_RESULTS * N * sizeof *have);
    return status;
}

/* A product for linear_i8_tiles, in either form: rows, outputs and chains that end within a tile; codes and activations
 * of both signs, and of output 0 and row 0 the largest sum that a block can have, but for one code, so that it is odd:
 * who keeps fewer bits of a sum than f32 has does not pass. */
enum {
    TILED_ROWS = 70,
    TILED_OUTPUTS = 75,
    TILED_BLOCKS = 6,
    TILED_COLS = TILED_BLOCKS * QUANT_BLOCK,
    TILED_VALUES = TILED_ROWS * TILED_OUTPUTS,
    Q8_BLOCK = 34
};
struct tiled {
    int8_t q[TILED_ROWS * TILED_COLS]; /* first: aligned */
    float d[TILED_ROWS * TILED_BLOCKS];
    uint8_t weights[TILED_OUTPUTS * TILED_BLOCKS * Q8_BLOCK]; /* Q8_0 */
};

static void fill_tiled(struct tiled *t)
{
    uint32_t state = 19;
    for (size_t i = 0; i < sizeof t->weights; i++)
        t->weights[i] = (uint8_t)((state = state * 1664525 + 1013904223) >> 24);
    for (size_t i = 0; i < TILED_OUTPUTS * TILED_BLOCKS;
         i++) { /* the scale, an f16 between 1 and 2, and a code's largest */
        t->weights[i * Q8_BLOCK + 1] = 0x3c;
        t->weights[i * Q8_BLOCK + 2 + i % 32] = i % 3 ? 0x81 : 0x7f;
    }
    for (size_t i = 0; i < sizeof t->q; i++)
        t->q[i] = (int8_t)((int)((state = state * 1664525 + 1013904223) >> 24) % 255 - 127);
    memset(t->q, 127, TILED_COLS);
    for (size_t b = 0; b < TILED_BLOCKS; b++) {
        memset(t->weights + b * Q8_BLOCK + 2, 0x80, QUANT_BLOCK);
        t->weights[b * Q8_BLOCK + 2 + 7 * b % QUANT_BLOCK] = 0x81;
    }
    for (int i = 0; i < TILED_ROWS * TILED_BLOCKS; i++)
        t->d[i] = ldexpf(1 + ldexpf(1, -9) * (float)(i % 511), i % 9 - 4);
}

/* The same product by the kernel without matrices, and with them. */
static enum osso_status multiply_both(struct gpu *g, uint64_t at, const struct gpu_piece out[2], struct osso_error *err)
{
    struct vk_linear push = {.data = at + offsetof(struct tiled, weights),
                             .matrices = at, /* absent, as are ids */
                             .ids = at,
                             .x = at,
                             .d = at + offsetof(struct tiled, d),
                             .row_stride = TILED_BLOCKS * Q8_BLOCK,
                             .cols = TILED_COLS,
                             .rows = TILED_OUTPUTS,
                             .y_stride = TILED_OUTPUTS,
                             .divide = 1,
                             .factor = 1,
                             .has_factor = 2 * TILED_ROWS};
    struct vk_constants constants = {{DT_Q8_0, DT_F32, DT_F32}}, tiled = gpu_tiled(g, constants);
    if (!vk_compiles(g->vk, GPU_TILES(g), &tiled)) {
        vk_forget_tile(g->vk);
        return OSSO_OK;
    }
    push.y = out[0].address;
    vk_run(g->vk, GPU_DOTS(g, linear_i8_rows), &constants, &push, gpu_groups(TILED_OUTPUTS, VK_TILE_I8),
           gpu_groups(TILED_ROWS, VK_TILE_I8), 1);
    push.y = out[1].address;
    vk_run(g->vk, GPU_TILES(g), &tiled, &push, gpu_groups(TILED_OUTPUTS, gpu_tile_outputs(g)),
           gpu_groups(TILED_ROWS, VK_TILE), 1);
    return vk_wait(g->vk, err);
}

static enum osso_status probe_tile(struct gpu *g, struct osso_error *err)
{
    struct gpu_piece out[2];
    if (vk_facts(g->vk)->tile.each == 0)
        return OSSO_OK;
    struct tiled *t = mem_alloc(sizeof *t);
    if (!t)
        return error_nomem(err, sizeof *t, "the first product on the device");
    fill_tiled(t);
    uint64_t at = gpu_input(g, t, sizeof *t);
    mem_free(t);
    if (!at || !gpu_take(g, &g->outputs, TILED_VALUES * sizeof(float), &out[0]) ||
        !gpu_take(g, &g->outputs, TILED_VALUES * sizeof(float), &out[1]))
        return error_nomem(err, sizeof *t, "the first product on the device");
    enum osso_status status = multiply_both(g, at, out, err);
    if (!status && vk_facts(g->vk)->tile.each && memcmp(out[0].host, out[1].host, TILED_VALUES * sizeof(float)) != 0)
        vk_forget_tile(g->vk);
    return status;
}

enum osso_status gpu_probe(struct gpu *g, struct osso_error *err)
{
    float in[3 * N], have[N_RESULTS * N];
    bool fuses = false;
    for (int i = 0; i < N; i++)
        triple(i, &in[i], &in[N + i], &in[2 * N + i]);
    enum osso_status status = run(g, in, have, err);
    int wrong = status ? N_RESULTS : compare(g->cpu, in, have, &fuses);
    if (!status && fuses && vk_facts(g->vk)->soft_fma) {
        vk_set_soft_fma(g->vk, false);
        status = run(g, in, have, err);
        wrong = status ? N_RESULTS : compare(g->cpu, in, have, &fuses);
    }
    if (!status && wrong == N_RESULTS)
        status = probe_tile(g, err);
    if (status || wrong == N_RESULTS)
        return status;
    return error_set(err, OSSO_UNSUPPORTED,
                     "%s rounds %s otherwise than the CPU, and results must not depend on where they are computed: use "
                     "--device cpu",
                     vk_facts(g->vk)->name, names[wrong]);
}
