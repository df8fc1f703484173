/* What the scalar kernels compute: against the double build, against definitions written out again in double, and in
 * the stated order. The other ISAs are held to scalar's bits in test_kernels.c. */
#define _DEFAULT_SOURCE /* anonymous mappings */
#include "kernel_data.h"

/* The double twins, declared here because in this file `real` is float. */
void norm_f32__scalar_f64(const double *x, const float *gain, float eps, int64_t width, double *y);
void swiglu_f32__scalar_f64(const double *gate, const double *up, int64_t n, struct swiglu s, double *h);
void attend_merge__scalar_f64(double m, double l, const double *acc, int head_dim, double *big_m, double *big_l,
                              double *big_acc);
typedef void linear_f64_fn(const struct view *w, int64_t lo, int64_t hi, const struct gather *in, double *y,
                           int64_t y_stride, void *workspace);
linear_f64_fn linear_f32_any__scalar_f64;

/* exp: at most 1 ulp from the truth over its whole range, and the edges as stated. */
static void test_exp(void **state)
{
    (void)state;
    double worst = 0;
    for (int i = 0; i < 2000000; i++) {
        float x = -87.33f + (float)i * (176.04f / 2e6f), y;
        exp_f32__scalar(&x, 1, &y);
        double truth = exp((double)x), ulp = ldexp(1, ilogb(truth) - 23), off = fabs(y - truth) / ulp;
        worst = off > worst ? off : worst;
    }
    print_message("exp: worst error %.3f ulp\n", worst);
    assert_true(worst < 1.0);
    const float in[] = {0, -0.0f, -87.4f, -1000, -INFINITY, 88.72284f, 1000, INFINITY, NAN, 1e-30f, 88.72283f};
    float y[11];
    exp_f32__scalar(in, 11, y);
    assert_true(y[0] == 1 && y[1] == 1 && y[2] == 0 && y[3] == 0 && y[4] == 0 && !signbit(y[4]));
    assert_true(isinf(y[5]) && isinf(y[6]) && isinf(y[7]) && isnan(y[8]) && y[9] == 1 && isfinite(y[10]));
}

static void test_norm_and_swiglu(void **state)
{
    (void)state;
    enum { N = 2880 };
    static float x[N], up[N], g[N], y[N];
    static double xd[N], upd[N], yd[N];
    struct rng r;
    rng_seed(&r, 1);
    for (int i = 0; i < N; i++) {
        x[i] = random_value(&r, FILL_NORMAL) * 20;
        up[i] = random_value(&r, FILL_NORMAL) * 10;
        g[i] = random_value(&r, FILL_NORMAL);
        xd[i] = x[i];
        upd[i] = up[i];
    }
    norm_f32__scalar(x, g, 1e-5f, N, y);
    norm_f32__scalar_f64(xd, g, 1e-5f, N, yd);
    double sum = 0;
    for (int i = 0; i < N; i++)
        sum += xd[i] * xd[i];
    for (int i = 0; i < N; i++) {
        double truth = xd[i] / sqrt(sum / N + (double)1e-5f) * g[i];
        assert_true(fabs(yd[i] - truth) <= 1e-13 * fabs(truth));
        assert_true(fabs(y[i] - truth) <= 1e-6 * fabs(truth));
    }
    const struct swiglu gpt_oss = {1.702f, 7, 1}, silu = {1, INFINITY, 0};
    swiglu_f32__scalar(x, up, N, gpt_oss, y);
    swiglu_f32__scalar_f64(xd, upd, N, gpt_oss, yd);
    for (int i = 0; i < N; i++) {
        double gate = fmin(xd[i], 7), lin = fmax(fmin(upd[i], 7), -7);
        double truth = gate / (1 + exp(-(double)1.702f * gate)) * (lin + 1);
        assert_true(fabs(yd[i] - truth) <= 1e-13 * fabs(truth) + 1e-300);
        assert_true(fabs(y[i] - truth) <=
                    2e-6 * fabs(truth) + 1e-38); /* the exponent's own rounding grows with |gate| */
    }
    /* The specification's vectors. */
    const float gates[] = {10, -1, -1e30f}, ups[] = {-9, 0, 0};
    swiglu_f32__scalar(gates, ups, 3, gpt_oss, y);
    assert_true(fabs(y[0] + 41.99972) < 1e-5 && fabs(y[1] + 0.15420) < 1e-5 && y[2] == 0);
    /* A plain block's: no clamp, nothing added. */
    swiglu_f32__scalar(x, up, N, silu, y);
    for (int i = 0; i < N; i++) {
        double truth = xd[i] / (1 + exp(-xd[i])) * upd[i];
        assert_true(fabs(y[i] - truth) <= 2e-6 * fabs(truth) + 1e-38);
    }
}

static void test_quantize(void **state)
{
    (void)state;
    struct rng r;
    rng_seed(&r, 2);
    for (int fill = FILL_NORMAL; fill <= FILL_MIXED; fill++)
        for (int round = 0; round < 200; round++) {
            float x[32], d;
            int8_t q[32];
            int32_t sum, total = 0;
            float amax = 0;
            for (int i = 0; i < 32; i++) {
                x[i] = random_value(&r, (enum fill)fill);
                amax = fabsf(x[i]) > amax ? fabsf(x[i]) : amax;
            }
            quantize_i8_f32__scalar(x, 32, q, &d, &sum);
            for (int i = 0; i < 32; i++) {
                total += q[i];
                if (d != 0) /* nearest code, up to the rounding of the two scales */
                    assert_true(fabs((double)q[i] * d - x[i]) <= d * 0.5001);
                else
                    assert_true(q[i] == 0 && amax < 4e-37f);
            }
            assert_int_equal(total, sum);
        }
    float bad[32] = {1, NAN}, inf[32] = {1, -INFINITY}, d;
    int8_t q[32];
    int32_t sum;
    quantize_i8_f32__scalar(bad, 32, q, &d, &sum);
    assert_true(isnan(d));
    quantize_i8_f32__scalar(inf, 32, q, &d, &sum);
    assert_true(isnan(d));
}

/* A dot in double against the float one: the tolerance is the worst case of 16 chains and a tree, in f32 roundings. */
static void linear_against_double(enum dtype t, bool transposed)
{
    enum { ROWS = 9, N = 3 };
    const struct dtype_info *info = dtype_info(t);
    for (int64_t cols = 32; cols <= 2880; cols += 712) {
        struct rng r;
        rng_seed(&r, (uint64_t)cols);
        int64_t whole = info->block > 32 ? info->block : 32, width = (cols + whole - 1) / whole * whole;
        struct matrix m = matrix_make(t, ROWS, width, 1, FILL_NORMAL, &r), tr = {0};
        struct act a = act_make(width, N, FILL_NORMAL, &r), wide = a;
        double *xd = malloc(sizeof *xd * (size_t)(width * N)), yd[ROWS * N];
        float y[ROWS * N], *values = malloc(sizeof *values * (size_t)width);
        for (int64_t i = 0; i < width * N; i++)
            xd[i] = a.f[i];
        wide.f = (float *)(void *)xd; /* the double build's idea of struct act */
        if (transposed)
            tr = matrix_transpose(&m, 2);
        const struct view *v = transposed ? &tr.view : &m.view;
        linear_f32_any__scalar(v, 0, ROWS, &(struct gather){&a, NULL, 1, N, NULL, false}, y, ROWS, NULL);
        linear_f32_any__scalar_f64(v, 0, ROWS, &(struct gather){&wide, NULL, 1, N, NULL, false}, yd, ROWS, NULL);
        for (int i = 0; i < N; i++)
            for (int o = 0; o < ROWS; o++) {
                double truth = 0, magnitude = 0;
                view_values(&m.view, o, 0, width, values);
                for (int64_t k = 0; k < width; k++) {
                    truth += (double)values[k] * xd[i * width + k];
                    magnitude += fabs((double)values[k] * xd[i * width + k]);
                }
                if (fabs(yd[i * ROWS + o] - truth) > 1e-13 * magnitude)
                    fail_msg("%s in double: %.17g, expected %.17g", info->name, yd[i * ROWS + o], truth);
                if (fabs(y[i * ROWS + o] - truth) > (double)(width / 16 + 4) * 0x1p-24 * magnitude)
                    fail_msg("%s: %.9g, expected %.9g", info->name, (double)y[i * ROWS + o], truth);
            }
        free(xd);
        free(values);
        act_free(&a);
        matrix_free(&m);
        if (transposed)
            matrix_free(&tr);
    }
}

static void test_linear_double(void **state)
{
    (void)state;
    for (enum dtype t = 0; t < DT_U8; t++)
        for (int transposed = 0; transposed < (dtype_info(t)->block == 1 ? 2 : 1); transposed++)
            linear_against_double(t, transposed);
}

/* The integer dot, written out again from docs/numerics.md: per 32 values and scale (two, where a scale has 16) an
 * exact sum and one FMA into p[32-block mod 4], then, with offsets, the activations' sum and one more; (p0 + p1) + (p2
 * + p3). */
static void integer_order(enum dtype t)
{
    const struct dtype_info *info = dtype_info(t);
    enum { BLOCKS = 11 };
    int cols = BLOCKS * info->block, n = info->per_scale ? info->per_scale : info->block, run = n < 32 ? n : 32;
    struct rng r;
    rng_seed(&r, 9);
    struct matrix m = matrix_make(t, 3, cols, 0, FILL_MIXED, &r);
    struct act a = act_make(cols, 1, FILL_MIXED, &r);
    float y[3];
    struct gather in = {&a, NULL, 1, 1, NULL, false};
    linear_i8_any__scalar(&m.view, 0, 3, &in, y, 3, NULL);
    for (int o = 0; o < 3; o++) {
        float p[4] = {0}, scales[DTYPE_MAX_SCALES], offsets[DTYPE_MAX_SCALES];
        int8_t codes[DTYPE_MAX_BLOCK];
        for (int k = 0; k < cols; k += run) {
            int at = k % info->block;
            int64_t dot = 0, sum = 0;
            if (at == 0)
                view_codes(&m.view, o, k / info->block, codes, scales, offsets);
            for (int i = 0; i < run; i++) {
                dot += codes[at + i] * a.q[k + i];
                sum += a.q[k + i];
            }
            float *to = &p[k / 32 % 4], d = a.d[k / 32];
            *to = fmaf((float)dot, d * scales[at / n], *to);
            if (info->offsets)
                *to = fmaf((float)sum, d * offsets[at / n], *to);
        }
        float want = (p[0] + p[1]) + (p[2] + p[3]);
        assert_same(&want, &y[o], 1, info->name);
    }
    a.f[40] = NAN; /* a NaN in the row must show in every output */
    quantize_i8_f32__scalar(a.f, cols, a.q, a.d, a.sum);
    linear_i8_any__scalar(&m.view, 0, 3, &in, y, 3, NULL);
    assert_true(isnan(y[0]) && isnan(y[1]) && isnan(y[2]));
    act_free(&a);
    matrix_free(&m);
}

static void test_integer_order(void **state)
{
    (void)state;
    for (enum dtype t = 0; t < DT_U8; t++)
        if (dtype_has_i8(dtype_info(t)))
            integer_order(t);
}

/* The float dot, written out again with its lanes and tree. */
static void test_float_order(void **state)
{
    (void)state;
    enum { COLS = 163 };
    struct rng r;
    rng_seed(&r, 10);
    struct matrix m = matrix_make(DT_F32, 1, COLS, 0, FILL_MIXED, &r);
    struct act a = act_make(COLS, 1, FILL_MIXED, &r);
    float y, l[16] = {0};
    const float *w = (const float *)(const void *)m.view.data;
    linear_f32_any__scalar(&m.view, 0, 1, &(struct gather){&a, NULL, 1, 1, NULL, false}, &y, 1, NULL);
    for (int k = 0; k < COLS; k++) {
        float wk;
        memcpy(&wk, &w[k], 4);
        l[k % 16] = fmaf(wk, a.f[k], l[k % 16]);
    }
    float e[8], q[4];
    for (int i = 0; i < 8; i++)
        e[i] = l[i] + l[i + 8];
    for (int i = 0; i < 4; i++)
        q[i] = e[i] + e[i + 4];
    float want = (q[0] + q[2]) + (q[1] + q[3]);
    assert_same(&want, &y, 1, "float order");
    act_free(&a);
    matrix_free(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exp),           cmocka_unit_test(test_norm_and_swiglu),
        cmocka_unit_test(test_quantize),      cmocka_unit_test(test_linear_double),
        cmocka_unit_test(test_integer_order), cmocka_unit_test(test_float_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
