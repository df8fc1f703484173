/* kernels.c: every kernel of kernels.def, every ISA this machine has, as a share of the machine's ceilings.
 *
 *   make bench-kernels && build/release/bench/kernels [threads [filter]]
 *
 * One activation row (decode) is stated in GB/s of weights read, from matrices larger than the caches; many rows
 * (prefill) in int8 or f32 operations per second. Kernel and ceiling are measured in turn, best of several: other
 * programs on the machine slow down both. */
#define _DEFAULT_SOURCE
#include "backend/cpu/kernels.h"
#include "base/mem.h"
#include "base/rng.h"
#include "measure/ceiling.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HIDDEN = 2880, MANY = 192, ROUNDS = 7, EXPERTS = 32, PICKS = 4 };
static const int row_counts[] = {1, 8, 64, MANY};
enum { WEIGHT_BYTES = 256 << 20 };

struct bench {
    struct team *pool;
    const struct backend *be;
    uint8_t *weights; /* WEIGHT_BYTES of valid blocks of any format */
    struct act act;
    real *y;
    uint8_t *workspaces;
    size_t workspace_bytes;
    const char *filter;
};

/* Bytes that are harmless in every format: as f16, bf16 and f32 small numbers, as MXFP4 scales near 1. */
static void fill_weights(uint8_t *p, size_t bytes)
{
    struct rng r;
    rng_seed(&r, 1);
    for (size_t i = 0; i < bytes; i += 8) {
        uint64_t word = (rng_next(&r) & 0x0303030303030303u) | 0x3838383838383838u;
        memcpy(p + i, &word, 8);
    }
}

struct linear_run {
    struct bench *b;
    struct view view;
    struct act act; /* as wide as the view */
    int n;
};

static void linear_member(const struct member *member, void *arg)
{
    struct linear_run *run = arg;
    struct bench *b = run->b;
    struct hand hand = {b->be, member, b->workspaces + (size_t)member->id * b->workspace_bytes};
    b->be->linear(&hand, &run->view, NULL, &run->act, run->n, NULL, b->y, run->view.rows);
}

static struct view make_view(const struct bench *b, enum dtype t, bool transposed, int64_t max_rows)
{
    const struct dtype_info *info = dtype_info(t);
    struct view v = {.dtype = t, .data = b->weights, .cols = HIDDEN / info->block * info->block, .group = 64};
    int64_t row_bytes = v.cols / info->block * info->block_bytes, apart = 0;
    for (int i = 0; i < 2; i++) { /* scales and offsets of a row lie behind each other, one for each group or block */
        enum dtype_place place = i ? info->offsets : info->scales;
        if (place >= PLACE_U8)
            v.side[i] = (struct side){place == PLACE_U8 ? DT_U8 : DT_BF16, b->weights,
                                      place == PLACE_U8 ? v.cols / 32 : v.cols / 64 * 2};
        apart += v.side[i].stride;
    }
    v.rows = WEIGHT_BYTES / (row_bytes + apart) / 32 * 32;
    v.rows = v.rows > max_rows ? max_rows : v.rows;
    v.row_stride = row_bytes;
    for (int i = 0; i < 2; i++)
        if (v.side[i].data)
            v.side[i].data += v.rows * (row_bytes + (i ? v.side[0].stride : 0));
    if (transposed) {
        v.row_stride = info->block_bytes;
        v.col_stride = v.rows * info->block_bytes;
    }
    return v;
}

static void bench_linear(struct bench *b, const char *name, enum dtype t, bool i8, bool transposed, int n)
{
    if (b->filter && !strstr(name, b->filter))
        return;
    struct linear_run run = {b, make_view(b, t, transposed, n == 1 ? INT64_MAX : HIDDEN), b->act, n};
    double bytes = (double)view_bytes(&run.view), best = 0, ceiling = 0;
    run.act.width = run.view.cols;
    run.act.q = i8 ? b->act.q : NULL;
    bool slow = strcmp(b->be->name, "scalar") == 0;
    if (slow)
        run.view.rows /= 16, bytes /= 16;
    for (int i = 0; i < (slow ? 1 : ROUNDS); i++) {
        double c = n == 1 ? ceiling_read(b->pool, b->weights, WEIGHT_BYTES) : ceiling_int8(b->pool, b->be->name);
        double rate = (n == 1 ? bytes : 2.0 * n * (double)run.view.rows * (double)run.view.cols) /
                      ceiling_time(b->pool, linear_member, &run);
        ceiling = c > ceiling ? c : ceiling;
        best = rate > best ? rate : best;
    }
    if (n == 1)
        printf("%-12s %-22s 1 row    %8.2f GB/s  %5.1f %% of reading at %.1f GB/s\n", b->be->name, name, best * 1e-9,
               100 * best / ceiling, ceiling * 1e-9);
    else if (i8 && ceiling > 0)
        printf("%-12s %-22s %d rows  %8.1f GOP/s %5.1f %% of int8 dots at %.1f GOP/s\n", b->be->name, name, n,
               best * 1e-9, 100 * best / ceiling, ceiling * 1e-9);
    else
        printf("%-12s %-22s %d rows  %8.1f GOP/s\n", b->be->name, name, n, best * 1e-9);
    fflush(stdout);
}

/* The experts of one 20b layer after another, one row: 4 of 32 experts, gate, up, SwiGLU, down. */
struct expert_run {
    struct bench *b;
    struct moe moe;
    bool hf;
};

static void get_expert(const struct expert_source *source, int layer, int id, struct expert *out)
{
    const struct expert_run *run = source->model;
    struct bench *b = run->b;
    int64_t bytes = (int64_t)HIDDEN * HIDDEN / 2, scale_bytes = (int64_t)HIDDEN * HIDDEN / 32, row = HIDDEN / 2;
    uint8_t *base = b->weights + ((int64_t)(layer * PICKS + id) % 18) * 3 * (bytes + scale_bytes);
    memset(out, 0, sizeof *out);
    if (run->hf) { /* gate and up rows interleave */
        out->gate = (struct view){.dtype = DT_MXFP4_HF,
                                  .data = base,
                                  .side = {{DT_U8, base + 3 * bytes, 2 * HIDDEN / 32}},
                                  .rows = HIDDEN,
                                  .cols = HIDDEN,
                                  .row_stride = 2 * row};
        out->up = out->gate;
        out->up.data += row;
        out->up.side[0].data += HIDDEN / 32;
        out->down = out->gate;
        out->down.data = base + 2 * bytes;
        out->down.side[0].data = base + 3 * bytes + 2 * scale_bytes;
        out->down.row_stride = row;
        out->down.side[0].stride = HIDDEN / 32;
        return;
    }
    out->gate = (struct view){
        .dtype = DT_MXFP4, .data = base, .rows = HIDDEN, .cols = HIDDEN, .row_stride = HIDDEN / 32 * 17};
    out->up = out->gate;
    out->up.data = base + bytes + scale_bytes;
    out->down = out->gate;
    out->down.data = base + 2 * (bytes + scale_bytes);
}

static void experts_member(const struct member *member, void *arg)
{
    struct expert_run *run = arg;
    struct bench *b = run->b;
    struct hand hand = {b->be, member, b->workspaces + (size_t)member->id * b->workspace_bytes};
    for (int layer = 0; layer < 4;
         layer++) { /* no sync, which would count waiting: h is read half made, at full speed */
        struct moe moe = run->moe;
        moe.layer = layer;
        b->be->experts_in(&hand, &moe);
        b->be->experts_out(&hand, &moe);
    }
}

static void bench_experts(struct bench *b, bool hf)
{
    const char *name = hf ? "experts_mxfp4_hf" : "experts_mxfp4";
    if ((b->filter && !strstr(name, b->filter)) || strcmp(b->be->name, "scalar") == 0)
        return;
    static int32_t ids[PICKS] = {0, 1, 2, 3}, start[EXPERTS + 1], slots[PICKS] = {0, 1, 2, 3};
    static real weights[PICKS] = {0.25f, 0.25f, 0.25f, 0.25f}, delta[HIDDEN];
    for (int e = 0; e <= EXPERTS; e++)
        start[e] = e < PICKS ? e : PICKS;
    struct routing routing = {1, PICKS, EXPERTS, ids, weights, start, slots};
    static real hf_values[PICKS * HIDDEN];
    static int8_t hq[PICKS * HIDDEN];
    static float hd[PICKS * HIDDEN / 32];
    static int32_t hs[PICKS * HIDDEN / 32];
    struct act h = {HIDDEN, hf_values, hq, hd, hs, false};
    struct expert_run run = {.b = b, .hf = hf};
    struct expert_source source = {get_expert, &run};
    run.moe = (struct moe){.source = &source,
                           .end_expert = EXPERTS,
                           .hidden = HIDDEN,
                           .intermediate = HIDDEN,
                           .swiglu = {.alpha = 1.702f, .limit = 7, .shift = 1},
                           .routing = &routing,
                           .in = &b->act,
                           .h = &h,
                           .delta = delta};
    double bytes = 4.0 * PICKS * 3 * HIDDEN * HIDDEN / 32 * 17, best = 0, ceiling = 0;
    for (int i = 0; i < ROUNDS; i++) {
        double c = ceiling_read(b->pool, b->weights, WEIGHT_BYTES),
               rate = bytes / ceiling_time(b->pool, experts_member, &run);
        ceiling = c > ceiling ? c : ceiling;
        best = rate > best ? rate : best;
    }
    printf("%-12s %-22s 1 row    %8.2f GB/s  %5.1f %% of reading at %.1f GB/s\n", b->be->name, name, best * 1e-9,
           100 * best / ceiling, ceiling * 1e-9);
}

/* 8 heads of 64 dims over pages beyond the caches: bytes of K and V. */
struct attend_run {
    struct bench *b;
    const struct kernels *k;
    enum kv_type type;
    int pages, span; /* pages visited, of which `span` are different */
};

enum { GROUP = 8, DIM = 64, KV_HEADS = 8 };

static void attend_member(const struct member *member, void *arg)
{
    struct attend_run *run = arg;
    real q[GROUP * DIM] = {0}, space[GROUP * (2 + DIM + 2 * KV_PAGE)];
    struct page_sums sums = {space, space + GROUP, space + 2 * GROUP, space + GROUP * (2 + DIM),
                             space + GROUP * (2 + DIM + KV_PAGE)};
    size_t half = kv_half_bytes(run->type, DIM);
    int64_t lo, hi;
    member_share(member, run->pages, &lo, &hi);
    for (int64_t p = lo; p < hi; p++) {
        int64_t at_once = run->pages /
                          KV_HEADS; /* one head after the other, as a token's attention goes: never adjacent */
        const uint8_t *at = run->b->weights + (size_t)((p % at_once * KV_HEADS + p / at_once) % run->span) * 2 * half;
        struct page_slice slice = {.type = run->type,
                                   .head_dim = DIM,
                                   .hi = KV_PAGE,
                                   .k = at,
                                   .v = at + half,
                                   .group = GROUP,
                                   .scale = 0.125f,
                                   .q = q,
                                   .next = at + KV_HEADS * 2 * half};
        run->k->attend_page(&slice, &sums);
    }
}

static void bench_attend(struct bench *b, const struct kernels *k, enum kv_type type, int span, const char *name)
{
    if (b->filter && !strstr(name, b->filter))
        return;
    struct attend_run run = {b, k, type, strcmp(b->be->name, "scalar") == 0 ? 64 : 3840, span};
    double page_bytes = 2.0 * (double)kv_half_bytes(type, DIM), best = 0;
    for (int i = 0; i < ROUNDS; i++) {
        double rate = run.pages * page_bytes / ceiling_time(b->pool, attend_member, &run);
        best = rate > best ? rate : best;
    }
    printf("%-12s %-22s 8 heads  %8.2f GB/s of K and V, %.1f GFLOP/s\n", b->be->name, name, best * 1e-9,
           best / page_bytes * 2 * KV_PAGE * DIM * 2 * GROUP * 1e-9);
}

static void bench_isa(struct bench *b, const char *isa)
{
    const struct kernels *k = kernels_cpu(isa);
    b->be = backend_cpu(isa);
    for (size_t i = 0; i < sizeof row_counts / sizeof row_counts[0]; i++) {
        int n = row_counts[i];
#define LINEAR_I8(name, dtype) bench_linear(b, #name, dtype, true, false, n);
#define LINEAR(name, dtype) bench_linear(b, #name, dtype, false, false, n);
#define LINEAR_T(name, dtype) bench_linear(b, #name, dtype, false, true, n);
#define KERNEL(name, type)
#include "backend/cpu/kernels.def"
#undef KERNEL
    }
    bench_experts(b, false);
    bench_experts(b, true);
    bench_attend(b, k, KV_F16, 3840, "attend_page f16");
    bench_attend(b, k, KV_F16, 8, "attend_page f16 cached");
    bench_attend(b, k, KV_BF16, 3840, "attend_page bf16");
    bench_attend(b, k, KV_F32, 3840, "attend_page f32");
    bench_attend(b, k, KV_Q8_0, 3840, "attend_page q8_0");
}

int main(int argc, char **argv)
{
    struct osso_error err;
    struct bench b = {.filter = argc > 2 ? argv[2] : NULL};
    int threads = argc > 1 ? atoi(argv[1]) : cpu_count();
    if (team_create(threads, &b.pool, &err) != OSSO_OK) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    int64_t blocks = HIDDEN / QUANT_BLOCK;
    b.weights = mem_pages(WEIGHT_BYTES + 4096);
    b.y = mem_pages(((size_t)WEIGHT_BYTES / 1440 + (size_t)MANY * HIDDEN) * sizeof *b.y);
    b.act = (struct act){HIDDEN,
                         mem_pages((size_t)MANY * HIDDEN * sizeof(real)),
                         mem_pages((size_t)MANY * HIDDEN),
                         mem_pages((size_t)(MANY * blocks) * 4),
                         mem_pages((size_t)(MANY * blocks) * 4),
                         false};
    fill_weights(b.weights, WEIGHT_BYTES);
    struct rng r;
    rng_seed(&r, 2);
    /* Large: with scales around 2^-71 small ones end in denormals, which are slow. */
    for (int64_t i = 0; i < (int64_t)MANY * HIDDEN; i++)
        b.act.f[i] = (real)((rng_unit(&r) - 0.5) * 0x1p70);
    for (int i = 0; i < MANY; i++)
        quantize_i8_f32__scalar(b.act.f + i * HIDDEN, HIDDEN, b.act.q + i * HIDDEN, b.act.d + i * blocks,
                                b.act.sum + i * blocks);
    char cpu[256];
    cpu_name(cpu, sizeof cpu);
    printf("%s, %d threads\n", cpu, threads);
    for (int i = 0; backend_cpu_isa(i); i++)
        if (backend_cpu_available(backend_cpu_isa(i))) {
            b.workspace_bytes = backend_cpu(backend_cpu_isa(i))->workspace_bytes(MANY, HIDDEN, HIDDEN, 64, 64);
            b.workspace_bytes = (b.workspace_bytes + 63) & ~(size_t)63;
            b.workspaces = mem_pages(b.workspace_bytes * (size_t)threads);
            bench_isa(&b, backend_cpu_isa(i));
            mem_pages_free(b.workspaces, b.workspace_bytes * (size_t)threads);
        }
    team_free(b.pool);
    return 0;
}
