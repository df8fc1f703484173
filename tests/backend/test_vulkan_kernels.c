/* Every kernel of the Vulkan backend against scalar: the same bits, for random, zero, huge, tiny, mixed, NaN and
 * infinite inputs, at one row and at many, at widths that leave tails. Without a device each test is skipped and says
 * why. */
#define _DEFAULT_SOURCE /* anonymous mappings */
#include "vulkan_data.h"

#include "backend/cpu/scalar/scalar.h"

/* ---- single operations ------------------------------------------------------------------------------------ */

enum { PROBES = 1 << 16, RESULTS = 7 };

/* Bits of every kind: any at all, ones near each other, halfway cases, small integers. */
static float any_value(struct rng *r)
{
    uint32_t bits = (uint32_t)(rng_next(r) >> 32);
    float f;
    switch (rng_below(r, 6)) {
    case 0: bits &= 0x807fffff; break; /* denormal, or zero */
    case 1: bits &= 0xfff00000; break; /* few digits: exact and halfway results */
    case 2: bits = (bits & 0x8fffffff) | 0x38000000; break;
    case 3: return (float)(int)(bits >> 28) - 8;
    case 4: return random_value(r, FILL_NORMAL) * 100;
    default: break;
    }
    memcpy(&f, &bits, 4);
    return f;
}

static void test_arithmetic(void **state)
{
    static float a[PROBES], b[PROBES], c[PROBES], want[PROBES];
    (void)state;
    need_device();
    if (!kind_fits(FILL_TINY))
        return; /* results of any size; osso refuses such a device by the same kernel */
    struct rng r;
    rng_seed(&r, 19);
    for (int i = 0; i < PROBES; i++)
        a[i] = any_value(&r), b[i] = any_value(&r), c[i] = i % 3 ? any_value(&r) : -a[i] * b[i];
    forget_arrays();
    struct vk_probe p = {there(a, sizeof a), there(b, sizeof b), there(c, sizeof c), there(NULL, RESULTS * sizeof a),
                         PROBES};
    run(&vk_shader_probe, 0, 0, &p, UP(PROBES, 64), 1);
    const float *got = back(p.out);
    for (int kind = vk_facts(vk)->soft_fma ? 1 : 0; kind < RESULTS; kind++) {
        static const char *const names[RESULTS] = {"fma",      "fma of kernels", "product", "sum",
                                                   "quotient", "root",           "exp"};
        for (int i = 0; i < PROBES; i++)
            want[i] = kind < 2    ? fmaf(a[i], b[i], c[i])
                      : kind == 2 ? a[i] * b[i]
                      : kind == 3 ? a[i] + c[i]
                      : kind == 4 ? a[i] / b[i]
                      : kind == 5 ? sqrtf(a[i])
                                  : real_exp(a[i]);
        for (int i = 0; i < PROBES; i++)
            if (!same_bits(&want[i], &got[kind * PROBES + i], 1))
                fail_msg("%s of %a, %a, %a is %a, expected %a", names[kind], (double)a[i], (double)b[i], (double)c[i],
                         (double)got[kind * PROBES + i], (double)want[i]);
    }
}

/* What the device's ceilings are measured with: all the memory is read, and dots of four bytes are
 * the same by the device's instruction for them. */
static void test_ceilings(void **state)
{
    enum { WORDS = 4 * 1031, TIMES = 5 };
    static uint32_t words[WORDS], want[1024];
    (void)state;
    need_device();
    static const int at[] = {-1, 0, 1, 128 * 4, WORDS / 2, WORDS - 1};
    for (int i = 0; i < (int)(sizeof at / sizeof *at); i++) { /* the one sum that it says a word of */
        memset(words, 0, sizeof words);
        if (at[i] >= 0)
            words[at[i]] = 0x9e3779b9;
        forget_arrays();
        struct vk_ceiling_read p = {there(words, sizeof words), there(NULL, 4), WORDS / 4};
        run(&vk_shader_ceiling_read, 0, 0, &p, 1 + (uint32_t)i % 3, 1);
        assert_int_equal(*(const uint32_t *)back(p.out), at[i] < 0 ? 0x55555555 : 1);
    }
    for (uint32_t t = 0; t < 1024; t++) {
        uint32_t b = t * 0x9e3779b9u | 0x01010101u, all = 0;
        for (uint32_t j = 0; j < 8; j++) {
            int32_t sum = (int32_t)(b + j);
            for (int i = 0; i < TIMES; i++) {
                int32_t dot = 0;
                for (int k = 0; k < 32; k += 8)
                    dot += (int8_t)((uint32_t)sum >> k) * (int8_t)(b >> k);
                sum += dot;
            }
            all ^= (uint32_t)sum;
        }
        want[t] = all;
    }
    for (int form = 0; form < n_forms(); form++) {
        forget_arrays();
        struct vk_ceiling_dot p = {there(NULL, sizeof want), TIMES};
        run(FORMS(ceiling_dot)[form], 0, 0, &p, UP(1024, 128), 1);
        assert_memory_equal(back(p.out), want, sizeof want);
    }
}

/* ---- rows ------------------------------------------------------------------------------------------------- */

static void norm_and_quantize(int64_t width, int n, enum fill kind)
{
    struct rng r;
    rng_seed(&r, (uint64_t)(width * 100 + n * 10 + (int)kind));
    struct act x = act_make(width, n, kind, &r), want = act_make(width, n, FILL_ZERO, &r);
    int32_t *rows_of = malloc((size_t)n * sizeof *rows_of);
    float *gain = malloc((size_t)width * 4), eps = 1e-5f;
    size_t bytes = (size_t)(width * n) * 4, blocks = (size_t)(width * n / QUANT_BLOCK);
    fill(&r, gain, (size_t)width, 2);
    for (int i = 0; i < n; i++)
        rows_of[i] = n - 1 - i;
    for (int listed = 0; listed < 2; listed++) {
        forget_arrays();
        reference_hand()->backend->norm(reference_hand(), x.f, listed ? rows_of : NULL, gain, eps, width, n, &want);
        struct vk_norm p = {.x = there(x.f, bytes),
                            .gain = there(gain, (size_t)width * 4),
                            .y = there(NULL, bytes),
                            .width = (uint32_t)width,
                            .eps = eps};
        p.rows_of = listed ? there(rows_of, (size_t)n * 4) : p.x;
        run(&vk_shader_norm, 0, 0, &p, (uint32_t)n, 1);
        assert_same(want.f, back(p.y), (size_t)(width * n), "norm");
        if (width % QUANT_BLOCK)
            continue;
        p.q = there(NULL, (size_t)(width * n)), p.d = there(NULL, blocks * 4), p.sums = there(NULL, blocks * 4);
        run(&vk_shader_norm, 0, 0, &p, (uint32_t)n, 1);
        assert_same(want.f, back(p.y), (size_t)(width * n), "norm with its int8 form");
        assert_same_i8(&want, width * n, back(p.q), back(p.d), back(p.sums), "norm");
        struct vk_quantize q = {p.y, there(NULL, (size_t)(width * n)), there(NULL, blocks * 4), there(NULL, blocks * 4),
                                (uint32_t)blocks};
        run(&vk_shader_quantize, 0, 0, &q, UP(blocks, 64), 1);
        assert_same_i8(&want, width * n, back(q.q), back(q.d), back(q.sum), "quantize");
        q.x = there(x.f, bytes); /* and as they come */
        run(&vk_shader_quantize, 0, 0, &q, UP(blocks, 64), 1);
        assert_same_i8(&x, width * n, back(q.q), back(q.d), back(q.sum), "quantize of rows without a norm");
    }
    act_free(&x);
    act_free(&want);
    free(rows_of);
    free(gain);
}

/* The same of a sum, which is stored in the place of its first part or elsewhere. */
static void norm_of_sum(int64_t width, int n, enum fill kind)
{
    struct rng r;
    rng_seed(&r, (uint64_t)(width * 101 + n * 10 + (int)kind));
    struct act x = act_make(width, n, kind, &r), delta = act_make(width, n, kind_near(FILL_MIXED), &r);
    struct act want = act_make(width, n, FILL_ZERO, &r);
    size_t bytes = (size_t)(width * n) * 4, blocks = (size_t)(width * n / QUANT_BLOCK);
    float *gain = malloc((size_t)width * 4), *sum = malloc(bytes);
    bool form = width % QUANT_BLOCK == 0;
    fill(&r, gain, (size_t)width, 2);
    reference_hand()->backend->add(reference_hand(), x.f, delta.f, width, n, sum);
    reference_hand()->backend->norm(reference_hand(), sum, NULL, gain, 1e-5f, width, n, &want);
    for (int apart = 0; apart < 2; apart++) {
        forget_arrays();
        struct vk_norm p = {.x = there(x.f, bytes),
                            .gain = there(gain, (size_t)width * 4),
                            .y = there(NULL, bytes),
                            .delta = there(delta.f, bytes),
                            .q = form ? there(NULL, (size_t)(width * n)) : 0,
                            .d = there(NULL, blocks * 4 + 4),
                            .sums = there(NULL, blocks * 4 + 4),
                            .width = (uint32_t)width,
                            .eps = 1e-5f};
        p.sum = apart ? there(NULL, bytes) : p.x;
        p.rows_of = p.x;
        run(&vk_shader_norm, 0, 0, &p, (uint32_t)n, 1);
        assert_same(sum, back(p.sum), (size_t)(width * n), "the sum that is normalized");
        assert_same(want.f, back(p.y), (size_t)(width * n), "norm of a sum");
        if (form)
            assert_same_i8(&want, width * n, back(p.q), back(p.d), back(p.sums), "norm of a sum");
    }
    act_free(&x), act_free(&delta), act_free(&want);
    free(gain), free(sum);
}

static void test_norm(void **state)
{
    (void)state;
    need_device();
    for (int kind = 0; kind < FILL_COUNT; kind++) {
        if (!kind_fits((enum fill)kind))
            continue;
        norm_and_quantize(96, 1, (enum fill)kind);
        norm_and_quantize(64, 9, (enum fill)kind);
        norm_and_quantize(77, 3, (enum fill)kind);
        norm_of_sum(320, 2, (enum fill)kind);
        norm_of_sum(2144, 1, (enum fill)kind); /* more than lies in shared memory at once */
        norm_of_sum(77, 3, (enum fill)kind);
    }
}

static void test_rows(void **state)
{
    enum { HEADS = 5, DIM = 34, ROWS = 7, WIDTH = HEADS * DIM, N = ROWS * WIDTH };
    float x[N], y[N], angles[ROWS * DIM], want[N];
    struct rng r;
    (void)state;
    need_device();
    const struct hand *h = reference_hand();
    for (int kind = 0; kind < FILL_COUNT; kind++) {
        if (!kind_fits((enum fill)kind))
            continue;
        rng_seed(&r, (uint64_t)kind);
        for (int i = 0; i < N; i++)
            x[i] = random_value(&r, (enum fill)kind), y[i] = random_value(&r, kind_near(FILL_MIXED));
        fill(&r, angles, ROWS * DIM, 1);
        forget_arrays();
        memcpy(want, x, sizeof x);
        h->backend->rope(h, want, ROWS, HEADS, DIM, angles);
        struct vk_rope p = {there(x, sizeof x), there(angles, sizeof angles), HEADS, DIM};
        run(&vk_shader_rope, 0, 0, &p, UP(WIDTH / 2, 64), ROWS);
        assert_same(want, back(p.x), N, "rope");

        h->backend->add(h, x, y, WIDTH, ROWS, want);
        struct vk_add a = {there(x, sizeof x), there(y, sizeof y), 0, WIDTH};
        a.sum = a.x;
        run(&vk_shader_add, 0, 0, &a, UP(WIDTH, 64), ROWS);
        assert_same(want, back(a.sum), N, "add");

        memcpy(want, y, sizeof y);
        axpy_f32__scalar(0.7f, x, N, want);
        struct vk_axpy b = {there(x, sizeof x), a.delta, WIDTH, WIDTH, WIDTH, 0.7f};
        run(&vk_shader_axpy, 0, 0, &b, UP(WIDTH, 64), ROWS);
        assert_same(want, back(b.y), N, "axpy");
    }
}

/* ---- matrices --------------------------------------------------------------------------------------------- */

/* In every form that it has, each from y_values of `junk` on. */
static void run_linear(bool i8, bool many, enum dtype t, const struct vk_linear *p, int n, const float *want,
                       size_t y_values, const char *what)
{
    struct rows_form tiles[3];
    int forms = !i8 ? 1 : many ? n_rows_forms(t, tiles) : n_forms();
    for (int form = 0; form < forms; form++) {
        uint32_t outputs = !i8 ? 4 : many ? tiles[form].outputs : VK_FEW_OUTPUTS;
        uint32_t per = !many ? 1 : i8 ? tiles[form].rows : VK_TILE_F32;
        const struct vk_shader *shader = i8     ? (many ? tiles[form].shader : FORMS(linear_i8)[form])
                                         : many ? &vk_shader_linear_f32_rows
                                                : &vk_shader_linear_f32;
        memset(back(p->y), 0x55, y_values * 4);
        run(shader, t, DT_F32, p, UP(p->rows, outputs), UP((uint32_t)n, per));
        assert_same(want, back(p->y), y_values, what);
    }
}

/* The kernels for many rows read weights by the same functions: some formats of every kind will do. */
static bool tiled(enum dtype t, bool i8)
{
    return t == DT_MXFP4 || getenv("OSSO_TEST_FORMATS") || t == (i8 ? DT_Q2_K : DT_BF16);
}

/* Both forms of one matrix, and (of formats without codes) its transposed twin; y rows lie apart. */
static void one_linear(enum dtype t, int64_t rows, int64_t cols, int n, enum fill w_kind, enum fill x_kind)
{
    struct rng r;
    rng_seed(&r, (uint64_t)(rows * 1000 + cols * 10 + n + (int)w_kind * 7 + (int)x_kind));
    bool codes = dtype_has_i8(dtype_info(t)), plain = !codes;
    int64_t pad = plain || t == DT_Q8_0 ? 4 : 2 * (int64_t)rng_below(&r, 3), y_stride = rows + 3;
    struct matrix m = matrix_make(t, rows, cols, pad, w_kind, &r), turned = {0};
    static const float factor = 1.3f;
    if (dtype_info(t)->per_scale == 0 && cols % 64 == 0 && n == 2)
        m.view.group = 64; /* then every second scale is not looked at */
    if (n == 3)
        m.view.factor = &factor;
    if (plain)
        turned = matrix_transpose(&m, 2);
    struct act x = act_make(cols, n, x_kind, &r);
    size_t y_values = (size_t)(y_stride * n);
    float *bias = malloc((size_t)rows * 4), *want = malloc(y_values * 4);
    fill(&r, bias, (size_t)rows, 1);
    for (int form = 0; form < 3; form++) {
        bool i8 = form == 1;
        if ((i8 && (!codes || cols % QUANT_BLOCK)) || (form == 2 && !plain))
            continue;
        if (form == 0 && t > DT_MXFP4_HF && !getenv("OSSO_TEST_FORMATS"))
            continue;
        const struct matrix *which = form == 2 ? &turned : &m;
        forget_arrays();
        struct vk_linear p = linear_args(&which->view);
        struct placed w = place(which);
        p.data = w.data, p.side = w.side[0], p.offsets = w.side[1], p.y_stride = (uint32_t)y_stride;
        p.bias = n % 2 ? there(bias, (size_t)rows * 4) : 0;
        unlisted(&p, i8 ? there(x.q, (size_t)(cols * n)) : there(x.f, (size_t)(cols * n) * 4));
        p.d = i8 ? there(x.d, (size_t)(cols / QUANT_BLOCK * n) * 4) : 0;
        p.y = there(NULL, y_values * 4);
        memset(want, 0x55, y_values * 4);
        struct act in = i8 ? x : act_f32(&x);
        reference_hand()->backend->linear(reference_hand(), &which->view, n % 2 ? bias : NULL, &in, n, NULL, want,
                                          y_stride);
        char what[128];
        snprintf(what, sizeof what, "%s %s, %d x %d, %d rows", dtype_info(t)->name,
                 form == 2 ? "transposed"
                 : i8      ? "in integers"
                           : "in f32",
                 (int)rows, (int)cols, n);
        run_linear(i8, false, t, &p, n, want, y_values, what);
        p.has_factor += 2 * (uint32_t)n;
        if (n > 1 && tiled(t, i8))
            run_linear(i8, true, t, &p, n, want, y_values, what);
    }
    matrix_free(&m);
    if (plain)
        guarded_free(&turned.data);
    act_free(&x);
    free(bias);
    free(want);
}

/* A pipeline takes a tenth of a second to compile here, so of what kernels make of a format by the same functions only
 * one of each kind is tried; OSSO_TEST_FORMATS=1: all. */
static bool all_formats(void)
{
    return getenv("OSSO_TEST_FORMATS") != NULL;
}

/* What gpt-oss is made of; then offsets, scales of 16, codes beyond int8: these in integers alone. */
static bool multiplied(enum dtype t)
{
    return t <= DT_MXFP4_HF || t == DT_Q4_1 || t == DT_Q2_K || t == DT_AFFINE8 || all_formats();
}

static bool read_out(enum dtype t)
{
    switch (t) {
    case DT_Q4_0: /* as Q5_0 without a bit */
    case DT_Q5_1: /* as Q4_1 with one */
    case DT_IQ4_NL:
    case DT_Q4_K: /* as Q5_K */
    case DT_AFFINE2:
    case DT_AFFINE4:
    case DT_AFFINE5:
    case DT_AFFINE6: return all_formats();
    default: return true;
    }
}

static void test_linear(void **state)
{
    (void)state;
    need_device();
    for (int t = 0; t < DT_U8; t++) {
        int64_t block = dtype_info((enum dtype)t)->block, tail = block > 1 ? block : 37; /* the last chains have less */
        bool main = t <= DT_MXFP4_HF;
        assert_true(vk_has_format((enum dtype)t));
        if (!multiplied((enum dtype)t))
            continue;
        for (int kind = 0; kind < FILL_COUNT; kind += main ? 1 : 3) {
            if (!kind_fits((enum fill)kind))
                continue;
            one_linear((enum dtype)t, 21, block > 1 ? 5 * block : 150, 2, FILL_NORMAL, (enum fill)kind);
            one_linear((enum dtype)t, 5, tail, 1, (enum fill)kind, FILL_NORMAL);
        }
        if (main)
            one_linear((enum dtype)t, 64, 128, 33, FILL_NORMAL, FILL_NORMAL);
        if (main && block > 1)
            one_linear((enum dtype)t, 11, 4096 + 7 * block, 2, FILL_NORMAL,
                       FILL_NORMAL); /* more than lies in shared memory */
        one_linear((enum dtype)t, 1, tail, 3, kind_near(FILL_MIXED), kind_near(FILL_MIXED));
    }
    assert_false(vk_has_format(DT_U8));
}

/* Row o: its scale, and any codes, of which no packing makes some (minus zero). */
static void every_code(struct matrix *m, int o, int scale, struct rng *r)
{
    bool apart = m->view.dtype == DT_MXFP4_HF;
    uint8_t *row = m->data.data + o * m->view.row_stride;
    *(apart ? m->side[0].data + o * m->view.side[0].stride : row) = (uint8_t)scale;
    for (int i = 0; i < 16; i++)
        row[i + !apart] = (uint8_t)rng_next(r);
}

/* Every scale byte of MXFP4, denormal scales and NaN among them. */
static void test_scale_bytes(void **state)
{
    (void)state;
    need_device();
    static const enum dtype formats[] = {DT_MXFP4, DT_MXFP4_HF, DT_MXFP4_PAIRS};
    for (int i = 0; i < (all_formats() ? 3 : 2); i++) {
        enum { ROWS = 256, COLS = 32 };
        struct rng r;
        rng_seed(&r, 4);
        struct matrix m = matrix_make(formats[i], ROWS, COLS, 0, FILL_NORMAL, &r);
        for (int o = 0; o < ROWS; o++)
            every_code(&m, o, kind_fits(FILL_TINY) || o > 64 ? o : 64, &r);
        struct act x = act_make(COLS, 1, FILL_NORMAL, &r);
        float want[ROWS];
        for (int i8 = 0; i8 < 2; i8++) {
            forget_arrays();
            struct vk_linear p = linear_args(&m.view);
            struct placed w = place(&m);
            p.data = w.data, p.side = w.side[0], p.offsets = w.side[1], p.y_stride = ROWS;
            unlisted(&p, i8 ? there(x.q, COLS) : there(x.f, COLS * 4));
            p.d = there(x.d, 4);
            p.y = there(NULL, sizeof want);
            struct act in = i8 ? x : act_f32(&x);
            reference_hand()->backend->linear(reference_hand(), &m.view, NULL, &in, 1, NULL, want, ROWS);
            run_linear(i8, false, formats[i], &p, 1, want, ROWS, dtype_info(formats[i])->name);
        }
        matrix_free(&m);
        act_free(&x);
    }
}

/* Rows of a table, and a factor of all its values. */
static void test_embed(void **state)
{
    (void)state;
    need_device();
    for (int t = 0; t < DT_U8; t++) {
        enum { ROWS = 9, COLS = 512, N = 5 };
        static const int32_t ids[N] = {8, 0, 3, 3, 7};
        static const float factor = 0.7f;
        static float want[N * COLS];
        struct rng r;
        if (!read_out((enum dtype)t))
            continue;
        rng_seed(&r, 6);
        struct matrix m = matrix_make((enum dtype)t, ROWS, COLS, t <= DT_Q8_0 ? 4 : 2, FILL_MIXED, &r);
        m.view.factor = t % 2 ? &factor : NULL;
        forget_arrays();
        struct placed w = place(&m);
        struct vk_linear like = linear_args(&m.view);
        struct vk_embed p = {.data = w.data,
                             .side = w.side[0],
                             .offsets = w.side[1],
                             .ids = there(ids, sizeof ids),
                             .x = there(NULL, sizeof want),
                             .row_stride = like.row_stride,
                             .side_stride = like.side_stride,
                             .offsets_stride = like.offsets_stride,
                             .col_stride = like.col_stride,
                             .cols = COLS,
                             .group = like.group,
                             .factor = like.factor,
                             .has_factor = like.has_factor};
        reference_hand()->backend->embed(reference_hand(), &m.view, ids, N, want);
        run(&vk_shader_embed, (uint32_t)t, 0, &p, UP(COLS, 64), N);
        assert_same(want, back(p.x), N * COLS, dtype_info((enum dtype)t)->name);
        matrix_free(&m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ceilings), cmocka_unit_test(test_arithmetic), cmocka_unit_test(test_norm),
        cmocka_unit_test(test_rows),     cmocka_unit_test(test_linear),     cmocka_unit_test(test_scale_bytes),
        cmocka_unit_test(test_embed),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    close_device();
    return failed;
}
