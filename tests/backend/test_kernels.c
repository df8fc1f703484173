/* Every kernel variant that this machine has, against scalar: the same bits. Generated from kernels.def, so a new
 * kernel or format is tested by being listed. What scalar itself computes is checked in test_scalar.c. */
#define _DEFAULT_SOURCE /* anonymous mappings */
#include "kernel_data.h"

enum { MAX_ACTS = LINEAR_ACTS + 9, MAX_OUT = MAX_ACTS * 37 };

/* The table before the one under test, or NULL: a kernel that both have was tested there, or is scalar's own (ARM's
 * ISAs share most). */
static const struct kernels *weaker;
#define IS_NEW(k, name) (!weaker || (k)->name != weaker->name)

/* On an emulated CPU every count of rows, columns and activations still has its turn, but not each with each
 * (`tests/arm.sh all` and `tests/x86.sh all` have them all): is the i-th of so many to be left out? */
static bool left_out(int i, int of)
{
    return test_quick() == 2 && i % of != 0;
}

/* Calls fn for every ISA stronger than scalar that is here. */
static void each_isa(void (*fn)(const struct kernels *k, const char *isa))
{
    weaker = kernels_cpu("scalar");
    for (int i = 1; backend_cpu_isa(i); i++)
        if (backend_cpu_available(backend_cpu_isa(i))) {
            fn(kernels_cpu(backend_cpu_isa(i)), backend_cpu_isa(i));
            weaker = kernels_cpu(backend_cpu_isa(i));
        } else
            print_message("[   NOTE   ] %s is not available here\n", backend_cpu_isa(i));
    weaker = NULL;
}

static void *linear_space(int64_t cols)
{
    void *p = NULL;
    assert_int_equal(posix_memalign(&p, 64, linear_workspace_bytes(cols)), 0);
    return p;
}

struct linear_case {
    const char *name;
    linear_fn *scalar, *fast;
    enum dtype dtype;
    bool i8, transposed;
};

/* Outputs [lo, hi) from a gathered list, against scalar. */
static void compare_linear(const struct linear_case *c, const struct view *w, int64_t lo, int64_t hi,
                           const struct gather *in, void *workspace)
{
    static float want[MAX_OUT], got[MAX_OUT + 8];
    char what[160];
    size_t n = (size_t)in->n * (size_t)(hi - lo);
    assert_true(n <= MAX_OUT);
    memset(got, 0x55, sizeof got);
    c->scalar(w, lo, hi, in, want, hi - lo, workspace);
    c->fast(w, lo, hi, in, got, hi - lo, workspace);
    snprintf(what, sizeof what, "%s rows %d..%d cols %d, %d activations", c->name, (int)lo, (int)hi, (int)w->cols,
             in->n);
    assert_same(want, got, n, what);
    struct gather again = *in; /* the workspace still knows the rows */
    again.again = true;
    memset(got, 0x55, sizeof got);
    c->fast(w, lo, hi, &again, got, hi - lo, workspace);
    assert_same(want, got, n, what);
    for (int i = 0; i < 8; i++) /* and nothing beyond */
        assert_memory_equal(&got[n + (size_t)i], "\x55\x55\x55\x55", 4);
}

static void one_shape(const struct linear_case *c, int64_t rows, int64_t cols, int n, enum fill w_fill,
                      enum fill x_fill)
{
    struct rng r;
    rng_seed(&r, (uint64_t)(rows * 1000003 + cols * 1009 + n * 31 + (int)w_fill * 7 + (int)x_fill));
    struct matrix m = matrix_make(c->dtype, rows, cols, (int64_t)rng_below(&r, 3), w_fill, &r), t = {0};
    struct act a = act_make(cols, n, x_fill, &r);
    void *workspace = linear_space(cols);
    int32_t list[MAX_ACTS];
    for (int i = 0; i < n; i++)
        list[i] = (int32_t)rng_below(&r, (uint64_t)n * 4);
    if (c->transposed)
        t = matrix_transpose(&m, 1 + (int64_t)rng_below(&r, 2));
    const struct view *view = c->transposed ? &t.view : &m.view;
    struct gather plain = {&a, NULL, 1, n, NULL, false}, gathered = {&a, list, 4, n, m.data.data, false};
    compare_linear(c, view, 0, rows, &plain, workspace);
    compare_linear(c, view, rows / 3, rows, &gathered, workspace);
    free(workspace);
    act_free(&a);
    matrix_free(&m);
    if (c->transposed)
        matrix_free(&t);
}

static void linear_shapes(const struct linear_case *c)
{
    static const int64_t block_cols[] = {32, 64, 96, 128, 160, 256, 416, 2880};
    static const int64_t plain_cols[] = {1, 2, 15, 16, 17, 31, 32, 33, 47, 100, 128, 259};
    static const int row_counts[] = {1, 2, 3, 4, 5, 8, 15, 16, 17, 33, 70},
                     act_counts[] = {1, 2, 3, 4, 5, 7, 8, 13, 65};
    int block = dtype_info(c->dtype)->block;
    bool blocks = block > 1;
    int64_t cols[12];
    int n_cols = blocks ? 8 : 12;
    for (int i = 0; i < n_cols;
         i++) /* the same counts of blocks, whatever a block is; the longest row stays below 3,000 */
        cols[i] = !blocks                ? plain_cols[i]
                  : block_cols[i] < 1000 ? block_cols[i] / 32 * block
                                         : block_cols[i] / block * block;
    for (int i = 0; i < n_cols; i++) {
        for (int j = 0; j < 11; j++) {
            int n = act_counts[(i * 5 + j * 3) % 9];
            if ((cols[i] < 1000 || row_counts[j] <= 5) && !left_out(i + j, 2))
                one_shape(c, row_counts[j], cols[i], n, FILL_NORMAL, FILL_NORMAL);
        }
        for (int n = 0; n < 9; n++)
            if (cols[i] < 1000 && !left_out(i + n, 3))
                one_shape(c, 6, cols[i], act_counts[n], FILL_MIXED, FILL_MIXED);
    }
    one_shape(c, 37, blocks ? 5 * block : 41, MAX_ACTS, FILL_NORMAL, FILL_MIXED); /* more than one helping */
    one_shape(c, 19, (600 / block + 1) * block, 103, FILL_NORMAL, FILL_MIXED);    /* of long rows fewer are one */
    one_shape(c, 3, (1400 / block + 1) * block, 103, FILL_NORMAL, FILL_NORMAL);   /* and of longer ones */
    for (int w = 0; w < FILL_COUNT; w++)
        for (int x = 0; x < FILL_COUNT; x++)
            if (w == x || !left_out(w + x, 3))
                one_shape(c, 7, cols[4], w == x ? 6 : 1, (enum fill)w, (enum fill)x);
}

static void linear_isa(const struct kernels *k, const char *isa)
{
    (void)isa;
#define LINEAR_I8(name, dtype)                                                                                         \
    if (IS_NEW(k, name))                                                                                               \
        linear_shapes(&(struct linear_case){#name, kernels_cpu("scalar")->name, k->name, dtype, true, false});
#define LINEAR(name, dtype)                                                                                            \
    if (IS_NEW(k, name))                                                                                               \
        linear_shapes(&(struct linear_case){#name, kernels_cpu("scalar")->name, k->name, dtype, false, false});
#define LINEAR_T(name, dtype)                                                                                          \
    if (IS_NEW(k, name))                                                                                               \
        linear_shapes(&(struct linear_case){#name, kernels_cpu("scalar")->name, k->name, dtype, false, true});
#define KERNEL(name, type)
#include "backend/cpu/kernels.def"
#undef KERNEL
}

static void test_linear(void **state)
{
    (void)state;
    each_isa(linear_isa);
}

/* Every scale byte of MXFP4, in both layouts: 0 and 1 are denormals, 255 is NaN. */
static void scale_bytes_isa(const struct kernels *k, const char *isa)
{
    (void)isa;
    struct linear_case cases[] = {
        {"linear_i8_mxfp4", linear_i8_any__scalar, k->linear_i8_mxfp4, DT_MXFP4, true, false},
        {"linear_i8_mxfp4_hf", linear_i8_any__scalar, k->linear_i8_mxfp4_hf, DT_MXFP4_HF, true, false},
        {"linear_f32_mxfp4", linear_f32_any__scalar, k->linear_f32_mxfp4, DT_MXFP4, false, false},
        {"linear_f32_mxfp4_hf", linear_f32_any__scalar, k->linear_f32_mxfp4_hf, DT_MXFP4_HF, false, false}};
    for (int c = 0; c < 4; c++)
        for (int fill = 0; fill < 2; fill++) {
            struct rng r;
            rng_seed(&r, 5);
            struct matrix m = matrix_make(cases[c].dtype, 64, 160, 1, FILL_NORMAL, &r);
            struct act a = act_make(160, 5, fill ? FILL_HUGE : FILL_NORMAL, &r);
            void *workspace = linear_space(160);
            for (int i = 0; i < 64 * 5; i++) {
                int row = i / 5, b = i % 5;
                if (cases[c].dtype == DT_MXFP4)
                    m.data.data[row * m.view.row_stride + b * 17] = (uint8_t)i;
                else
                    m.side[0].data[row * m.view.side[0].stride + b] = (uint8_t)i;
            }
            compare_linear(&cases[c], &m.view, 0, 64, &(struct gather){&a, NULL, 1, 1, NULL, false}, workspace);
            compare_linear(&cases[c], &m.view, 0, 64, &(struct gather){&a, NULL, 1, 5, NULL, false}, workspace);
            free(workspace);
            act_free(&a);
            matrix_free(&m);
        }
}

static void test_scale_bytes(void **state)
{
    (void)state;
    each_isa(scale_bytes_isa);
}

/* The bytes of a block that hold codes and not scales. */
struct code_range {
    int from, to;
};

static struct code_range code_range(enum dtype t)
{
    const struct dtype_info *info = dtype_info(t);
    switch (t) {
    case DT_AFFINE3:
    case DT_AFFINE5:
    case DT_AFFINE2:
    case DT_AFFINE6: return (struct code_range){0, info->block_bytes};
    case DT_Q5_0: return (struct code_range){2, info->block_bytes};
    case DT_Q5_1: return (struct code_range){4, info->block_bytes};
    case DT_IQ4_XS: return (struct code_range){8, info->block_bytes};
    case DT_Q2_K: return (struct code_range){16, 80};
    case DT_Q3_K: return (struct code_range){0, 96};
    case DT_Q4_K:
    case DT_Q5_K: return (struct code_range){16, info->block_bytes};
    case DT_Q6_K: return (struct code_range){0, 192};
    default: /* the scale comes first, where it is part of a block */
        return (struct code_range){info->block_bytes % 16, info->block_bytes};
    }
}

/* The largest codes times the largest activations, all of one sign or by turns: where int16 sums would break first. */
static void extremes_isa(const struct kernels *k, const char *isa)
{
    (void)isa;
    enum { ROWS = 40, N = 9 };
    static const uint8_t codes[] = {0x77, 0xff, 0x7f, 0xf7, 0x80};
#define LINEAR_I8(name, dtype)                                                                                         \
    {#name, kernels_cpu("scalar")->name, IS_NEW(k, name) ? k->name : NULL, dtype, true, false},
#define KERNEL(name, type)
#define LINEAR(name, dtype)
#define LINEAR_T(name, dtype)
    const struct linear_case cases[] = {
#include "backend/cpu/kernels.def"
    };
#undef KERNEL
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++)
        for (size_t i = 0; i < sizeof codes && cases[c].fast; i++)
            for (int signs = 0; signs < 3; signs++) {
                struct rng r;
                rng_seed(&r, i);
                const struct dtype_info *info = dtype_info(cases[c].dtype);
                const int cols = info->block > 160 ? info->block : 160 / info->block * info->block;
                const struct code_range at = code_range(cases[c].dtype);
                struct matrix m = matrix_make(cases[c].dtype, ROWS, cols, 0, FILL_NORMAL, &r);
                struct act a = act_make(cols, N, FILL_NORMAL, &r);
                void *workspace = linear_space(cols);
                for (int b = 0; b < ROWS * cols / info->block; b++)
                    memset(m.data.data + b * info->block_bytes + at.from, codes[i], (size_t)(at.to - at.from));
                for (int j = 0; j < cols * N; j++)
                    a.q[j] = signs == 0 || (signs == 2 && j % 2) ? 127 : -127;
                for (int j = 0; j < cols * N / 32; j++)
                    a.sum[j] = signs == 0 ? 32 * 127 : signs == 1 ? -32 * 127 : 0;
                for (int n = 1; n <= N; n++)
                    if (!left_out(n + (int)i + signs, 3))
                        compare_linear(&cases[c], &m.view, 0, ROWS, &(struct gather){.act = &a, .divide = 1, .n = n},
                                       workspace);
                free(workspace);
                act_free(&a);
                matrix_free(&m);
            }
}

static void test_extremes(void **state)
{
    (void)state;
    each_isa(extremes_isa);
}

/* The rows of a long list give the bits that each gives alone: chunking and company do not matter. */
static void one_row_isa(const struct kernels *k, const char *isa)
{
    (void)isa;
#define LINEAR_I8(name, dtype) {#name, NULL, IS_NEW(k, name) ? k->name : NULL, dtype, true, false},
#define LINEAR(name, dtype) {#name, NULL, IS_NEW(k, name) ? k->name : NULL, dtype, false, false},
#define LINEAR_T(name, dtype) {#name, NULL, IS_NEW(k, name) ? k->name : NULL, dtype, false, true},
#define KERNEL(name, type)
    const struct linear_case cases[] = {
#include "backend/cpu/kernels.def"
    };
#undef KERNEL
    enum { N = 75, ROWS = 37 };
    static float all[N * ROWS], one[ROWS];
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        struct rng r;
        if (!cases[c].fast)
            continue;
        int64_t cols = dtype_info(cases[c].dtype)->block > 32 ? 768 : 608;
        rng_seed(&r, c);
        struct matrix m = matrix_make(cases[c].dtype, ROWS, cols, 0, FILL_MIXED, &r), t = {0};
        if (cases[c].transposed)
            t = matrix_transpose(&m, 1);
        struct act a = act_make(cols, N, FILL_MIXED, &r);
        const struct view *view = cases[c].transposed ? &t.view : &m.view;
        void *workspace = linear_space(cols);
        cases[c].fast(view, 0, ROWS, &(struct gather){&a, NULL, 1, N, NULL, false}, all, ROWS, workspace);
        for (int32_t i = 0; i < N; i++) {
            cases[c].fast(view, 0, ROWS, &(struct gather){&a, &i, 1, 1, NULL, false}, one, ROWS, workspace);
            assert_same(one, all + i * ROWS, ROWS, cases[c].name);
            for (int64_t o = 0; o < ROWS; o += 7) {
                float single;
                cases[c].fast(view, o, o + 1, &(struct gather){&a, &i, 1, 1, NULL, false}, &single, 1, workspace);
                assert_same(&one[o], &single, 1, cases[c].name);
            }
        }
        free(workspace);
        act_free(&a);
        matrix_free(&m);
        if (cases[c].transposed)
            matrix_free(&t);
    }
}

static void test_one_row(void **state)
{
    (void)state;
    one_row_isa(kernels_cpu("scalar"), "scalar");
    each_isa(one_row_isa);
}

/* A transposed export gives the bits of the same values row by row. */
static void transposed_isa(const struct kernels *k, const char *isa)
{
    (void)isa;
    struct {
        enum dtype dtype;
        linear_fn *plain, *transposed;
    } pairs[] = {{DT_F32, k->linear_f32_f32, k->linear_t_f32_f32},
                 {DT_F16, k->linear_f32_f16, k->linear_t_f32_f16},
                 {DT_BF16, k->linear_f32_bf16, k->linear_t_f32_bf16}};
    static float a_out[6 * 41], b_out[6 * 41];
    const bool is_new[] = {IS_NEW(k, linear_f32_f32) || IS_NEW(k, linear_t_f32_f32),
                           IS_NEW(k, linear_f32_f16) || IS_NEW(k, linear_t_f32_f16),
                           IS_NEW(k, linear_f32_bf16) || IS_NEW(k, linear_t_f32_bf16)};
    for (int p = 0; p < 3; p++)
        for (int64_t cols = 1; is_new[p] && cols < 200; cols += 23) {
            struct rng r;
            rng_seed(&r, (uint64_t)cols);
            struct matrix m = matrix_make(pairs[p].dtype, 41, cols, 0, FILL_MIXED, &r), t = matrix_transpose(&m, 2);
            struct act a = act_make(cols, 6, FILL_MIXED, &r);
            void *workspace = linear_space(cols);
            pairs[p].plain(&m.view, 0, 41, &(struct gather){&a, NULL, 1, 6, NULL, false}, a_out, 41, workspace);
            pairs[p].transposed(&t.view, 0, 41, &(struct gather){&a, NULL, 1, 6, NULL, false}, b_out, 41, workspace);
            assert_same(a_out, b_out, 6 * 41, dtype_info(pairs[p].dtype)->name);
            free(workspace);
            act_free(&a);
            matrix_free(&m);
            matrix_free(&t);
        }
}

static void test_transposed(void **state)
{
    (void)state;
    transposed_isa(kernels_cpu("scalar"), "scalar");
    each_isa(transposed_isa);
}

/* Elementwise kernels and the norm, at every length up to 70 and at odd addresses. */
static void vectors_isa(const struct kernels *k, const char *isa)
{
    (void)isa;
    enum { N = 80 };
    float buffer[3][N + 1], want[N + 1], got[N + 1], *x = buffer[0] + 1, *y = buffer[1] + 1, *g = buffer[2] + 1;
    if (!IS_NEW(k, norm_f32) && !IS_NEW(k, exp_f32) && !IS_NEW(k, swiglu_f32) && !IS_NEW(k, axpy_f32) &&
        !IS_NEW(k, narrow_f16))
        return;
    for (int fill = 0; fill < FILL_COUNT; fill++)
        for (int n = 1; n <= 70; n++) {
            struct rng r;
            rng_seed(&r, (uint64_t)(fill * 100 + n));
            for (int i = 0; i < N; i++) {
                x[i] = random_value(&r, (enum fill)fill) * (float)(rng_below(&r, 40) + 1);
                y[i] = random_value(&r, (enum fill)fill) * (float)(rng_below(&r, 40) + 1);
                g[i] = random_value(&r, FILL_NORMAL);
            }
            memset(want, 0x55, sizeof want);
            memset(got, 0x55, sizeof got);
            norm_f32__scalar(x, g, 1e-5f, n, want);
            k->norm_f32(x, g, 1e-5f, n, got);
            assert_same(want, got, N, "norm_f32");
            exp_f32__scalar(x, n, want);
            k->exp_f32(x, n, got);
            assert_same(want, got, N, "exp_f32");
            for (int plain = 0; plain < 2; plain++) {
                const struct swiglu s = plain ? (struct swiglu){1, INFINITY, 0} : (struct swiglu){1.702f, 7, 1};
                swiglu_f32__scalar(x, y, n, s, want);
                k->swiglu_f32(x, y, n, s, got);
                assert_same(want, got, N, plain ? "swiglu_f32 of a plain block" : "swiglu_f32");
            }
            memcpy(want, y, N * 4);
            memcpy(got, y, N * 4);
            axpy_f32__scalar(g[0], x, n, want);
            k->axpy_f32(g[0], x, n, got);
            assert_same(want, got, N, "axpy_f32");
            memset(want, 0x55, sizeof want);
            memset(got, 0x55, sizeof got);
            narrow_f16__scalar(x, n, (uint16_t *)want + 1);
            k->narrow_f16(x, n, (uint16_t *)got + 1);
            assert_same(want, got, N, "narrow_f16");
        }
}

/* Bit patterns all over the float range, through the exponential and as f16, where NaN's bits count, too. */
static void patterns_isa(const struct kernels *k, const char *isa)
{
    enum { N = 4096 };
    static float x[N], want[N], got[N];
    static uint16_t want_f16[N], got_f16[N];
    if (!IS_NEW(k, exp_f32) && !IS_NEW(k, narrow_f16))
        return;
    for (uint32_t base = 0; base < 1u << 20; base += test_quick() == 2 ? 5 * N : N) {
        for (uint32_t i = 0; i < N; i++) {
            uint32_t u = (base + i) * 4093u;
            memcpy(&x[i], &u, 4);
        }
        exp_f32__scalar(x, N, want);
        k->exp_f32(x, N, got);
        assert_same(want, got, N, "exp_f32");
        narrow_f16__scalar(x, N, want_f16);
        k->narrow_f16(x, N, got_f16);
        for (int i = 0; i < N; i++)
            if (want_f16[i] != got_f16[i])
                fail_msg("%s, narrow_f16: %a is %x, expected %x", isa, (double)x[i], got_f16[i], want_f16[i]);
    }
}

static void quantize_isa(const struct kernels *k, const char *isa)
{
    (void)isa;
    for (int fill = 0; fill < FILL_COUNT && IS_NEW(k, quantize_i8_f32); fill++)
        for (int64_t width = 32; width <= 352; width += 32) {
            struct rng r;
            rng_seed(&r, (uint64_t)width);
            struct act a = act_make(width, 1, (enum fill)fill, &r);
            int8_t q[352];
            float d[11];
            int32_t sum[11];
            k->quantize_i8_f32(a.f, width, q, d, sum);
            assert_memory_equal(q, a.q, (size_t)width);
            assert_same(a.d, d, (size_t)width / 32, "quantize_i8_f32 d");
            assert_memory_equal(sum, a.sum, (size_t)width / 32 * 4);
            act_free(&a);
        }
}

static void test_vectors(void **state)
{
    (void)state;
    each_isa(vectors_isa);
    each_isa(patterns_isa);
    each_isa(quantize_isa);
}

/* One page with junk (NaN and infinities) wherever it is not visible. */
struct page_case {
    enum kv_type type;
    int head_dim, group, lo, hi;
    enum fill fill;
    bool rows; /* heads of several rows: each sees a part of [lo, hi) of its own */
};

/* K or V as values [head_dim][KV_PAGE] or [KV_PAGE][head_dim]: junk where it is not visible, as kv_append would leave
 * it. */
static void fill_half(const struct page_case *c, bool transposed, float junk, uint8_t *half, struct rng *r)
{
    int blocks = c->head_dim / QUANT_BLOCK;
    for (int j = 0; j < KV_PAGE; j++)
        for (int d = 0; d < c->head_dim; d++) {
            bool seen = j >= c->lo && j < c->hi;
            float f = seen ? random_value(r, c->fill) : junk;
            uint16_t h = c->type == KV_F16 ? f16_from_f32(f) : bf16_from_f32(f);
            int i = transposed ? d * KV_PAGE + j : j * c->head_dim + d;
            if (c->type == KV_Q8_0)
                half[i] = (uint8_t)rng_below(r, 256);
            else if (c->type == KV_F32)
                memcpy(half + 4 * i, &f, 4);
            else
                memcpy(half + 2 * i, &h, 2);
        }
    for (int j = 0; j < KV_PAGE && c->type == KV_Q8_0; j++)
        for (int b = 0; b < blocks; b++) {
            bool seen = j >= c->lo && j < c->hi;
            uint16_t h = f16_from_f32(seen ? random_value(r, c->fill) / 64 : junk);
            int i = transposed ? b * KV_PAGE + j : j * blocks + b;
            memcpy(half + kv_scales_off(c->head_dim) + 2 * i, &h, 2);
        }
}

static void compare_page(const struct kernels *kernels, const struct page_case *c)
{
    enum { G = 17, D = 160 };
    static float q[G * D], out[2][G * (2 + D + 2 * KV_PAGE)];
    int los[G], his[G];
    struct rng r;
    rng_seed(&r, (uint64_t)(c->lo * 131 + c->hi + c->head_dim * 7 + c->group + (int)c->type));
    size_t bytes = kv_half_bytes(c->type, c->head_dim);
    struct guarded k = guarded_make(bytes), v = guarded_make(bytes);
    fill_half(c, true, NAN, k.data, &r);
    fill_half(c, false, INFINITY, v.data, &r);
    for (int i = 0; i < c->group * c->head_dim; i++)
        q[i] = random_value(&r, c->fill) * 3;
    for (int h = 0; h < c->group; h++) { /* of short ranges no position is seen by all */
        los[h] = c->rows ? c->lo + (2 * h < c->hi - c->lo ? 2 * h : c->hi - c->lo - 1) : c->lo;
        his[h] = c->rows ? c->hi - 2 * (c->group - 1 - h) : c->hi;
        his[h] = his[h] > los[h] ? his[h] : los[h] + 1;
    }
    struct page_slice page = {.type = c->type,
                              .head_dim = c->head_dim,
                              .lo = c->lo,
                              .hi = c->hi,
                              .k = k.data,
                              .v = v.data,
                              .group = c->group,
                              .los = c->rows ? los : NULL,
                              .his = c->rows ? his : NULL,
                              .scale = 0.25f,
                              .q = q};
    struct page_sums sums[2];
    for (int i = 0; i < 2; i++) {
        sums[i].m = out[i];
        sums[i].l = sums[i].m + c->group;
        sums[i].acc = sums[i].l + c->group;
        sums[i].score = sums[i].acc + c->group * c->head_dim;
        sums[i].p = sums[i].score + c->group * KV_PAGE;
    }
    attend_page__scalar(&page, &sums[0]);
    kernels->attend_page(&page, &sums[1]);
    assert_same(sums[0].m, sums[1].m, (size_t)c->group, "page m");
    assert_same(sums[0].l, sums[1].l, (size_t)c->group, "page l");
    assert_same(sums[0].acc, sums[1].acc, (size_t)(c->group * c->head_dim), "page acc");
    for (int h = 0; h < c->group; h++) {
        assert_same(sums[0].score + h * KV_PAGE + los[h], sums[1].score + h * KV_PAGE + los[h],
                    (size_t)(his[h] - los[h]), "score");
        assert_true(c->fill == FILL_NAN || !isnan(sums[1].l[h]));
        float big[2][D + 2];
        for (int i = 0; i < 2; i++) {
            big[i][0] = (const float[]){0.3f, -200, 90}[h % 3];
            big[i][1] = 1;
            memset(big[i] + 2, 0, D * 4);
            (i ? kernels->attend_merge : attend_merge__scalar)(sums[0].m[h], sums[0].l[h],
                                                               sums[0].acc + h * c->head_dim, c->head_dim, &big[i][0],
                                                               &big[i][1], big[i] + 2);
        }
        assert_same(big[0], big[1], (size_t)c->head_dim + 2, "attend_merge");
    }
    guarded_free(&k);
    guarded_free(&v);
}

static void attend_isa(const struct kernels *k, const char *isa)
{
    (void)isa;
    static const enum kv_type types[] = {KV_F16, KV_BF16, KV_F32, KV_Q8_0};
    static const int dims[] = {64, 16, 8, 24, 80, 128, 2, 32, 96}, groups[] = {8, 1, 2, 3, 4, 9, 17, 6};
    static const int ranges[][2] = {{0, 1},   {0, 128}, {127, 128}, {5, 6}, {3, 77},
                                    {16, 32}, {15, 33}, {100, 128}, {0, 17}};
    if (!IS_NEW(k, attend_page) && !IS_NEW(k, attend_merge))
        return;
    for (int t = 0; t < 4; t++)
        for (int d = 0; d < 9; d++)
            for (int g = 0; g < 8 && (types[t] != KV_Q8_0 || dims[d] % QUANT_BLOCK == 0); g++)
                for (int i = 0; i < 9; i++)
                    if (!left_out(t + d + g + i, 3))
                        compare_page(k, &(struct page_case){types[t], dims[d], groups[g], ranges[i][0], ranges[i][1],
                                                            i == 4 ? FILL_ZERO : FILL_NORMAL, (g + i) % 2});
    for (int rows = 0; rows < 2; rows++) {
        compare_page(k, &(struct page_case){KV_F16, 64, 8, 3, 120, FILL_NAN, rows});
        compare_page(k, &(struct page_case){KV_F32, 64, 8, 3, 120, FILL_TINY, rows});
        compare_page(k, &(struct page_case){KV_Q8_0, 64, 8, 3, 120, FILL_NAN, rows});
        compare_page(k, &(struct page_case){KV_Q8_0, 64, 8, 3, 120, FILL_TINY, rows});
    }
}

static void test_attend(void **state)
{
    (void)state;
    attend_isa(kernels_cpu("scalar"), "scalar"); /* junk must not leak there either */
    each_isa(attend_isa);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linear),  cmocka_unit_test(test_scale_bytes), cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_one_row), cmocka_unit_test(test_transposed),  cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_attend),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
