/* gpu_probe.c: what the device makes of some numbers, beside what the CPU does. A device whose fma rounds once computes
 * with it; one whose fma rounds twice gets the shaders' own; one that has the bits of neither is refused. */
#include "backend/vulkan/gpu.h"

#include "base/error.h"

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
    if (status || wrong == N_RESULTS)
        return status;
    return error_set(err, OSSO_UNSUPPORTED,
                     "%s rounds %s otherwise than the CPU, and results must not depend on where they are computed: use "
                     "--device cpu",
                     vk_facts(g->vk)->name, names[wrong]);
}
