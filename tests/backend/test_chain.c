/* The kernels of a backward pass, of every instruction set that this machine has, against scalar: the same bits,
 * however a product is cut, and nothing written or read beyond it. What scalar computes is in
 * tests/model/test_gradients.c. */
#define _DEFAULT_SOURCE /* anonymous mappings */
#include "kernel_data.h"

/* The table before the one under test, or NULL: what both have was tested there. */
static const struct kernels *weaker;
#define IS_NEW(k, name) (!weaker || (k)->name != weaker->name)

static void each_isa(void (*fn)(const struct kernels *k))
{
    weaker = NULL;
    for (int i = 0; backend_cpu_isa(i); i++) /* scalar first: its own products in pieces */
        if (backend_cpu_available(backend_cpu_isa(i))) {
            fn(kernels_cpu(backend_cpu_isa(i)));
            weaker = kernels_cpu(backend_cpu_isa(i));
        }
}

/* `count` values that end at an unreadable page. */
static float *values_make(struct guarded *g, int64_t count, enum fill fill, struct rng *r)
{
    *g = guarded_make((size_t)count * sizeof(float));
    float *v = (float *)(void *)g->data;
    for (int64_t i = 0; i < count; i++)
        v[i] = random_value(r, fill);
    return v;
}

/* A matrix of at least n rows of `width` values, `pad` apart, of which a product takes n: all of them as they lie, or
 * a list with `divide` entries to a row. */
struct gathered {
    struct guarded memory;
    int32_t list[600];
    struct chain_rows rows;
    float *values;
    int64_t count;
};

static void gathered_make(struct gathered *m, int64_t n, int64_t width, bool listed, int divide, enum fill fill,
                          struct rng *r)
{
    int64_t pad = (int64_t)rng_below(r, 3), rows = listed ? 2 * n : n;
    assert_true(n <= 600);
    m->rows = (struct chain_rows){width + pad, listed ? m->list : NULL, divide};
    m->count = (rows - 1) * m->rows.stride + width;
    m->values = values_make(&m->memory, m->count, fill, r);
    for (int64_t i = 0; i < n; i++) /* no row twice */
        m->list[i] = (int32_t)((2 * (n - 1 - i) + (int64_t)rng_below(r, 2)) * divide +
                               (int64_t)rng_below(r, (uint64_t)divide));
}

struct shape {
    int64_t rows, cols, sums;
    bool down, weighted, listed, bf16, across;
    enum fill fill;
    bool upper, fresh;
};

/* What nobody wants of y, below the diagonal, as if it were the same. */
static void hide_lower(const struct shape *s, const struct chain_rows *rows, float *y)
{
    for (int64_t i = 0; s->upper && i < s->rows; i++)
        memset(y + chain_row(rows, i), 0, (size_t)(i < s->cols ? i : s->cols) * sizeof *y);
}

/* The whole product, and the same in pieces of rows, columns and sums. */
static void compare_shape(const struct kernels *k, const struct shape *s)
{
    struct rng r;
    static struct gathered a, b, y;
    static float weights[3 * 2 * 600];
    rng_seed(&r, (uint64_t)(s->rows * 1000003 + s->cols * 1009 + s->sums * 31 + s->down * 7 + (int)s->fill));
    gathered_make(&a, s->down ? s->sums : s->rows, s->down ? s->rows : s->sums, s->listed || s->weighted, 3, s->fill,
                  &r);
    gathered_make(&b, s->across ? s->cols : s->sums, s->across ? s->sums : s->cols, s->listed, 1, s->fill, &r);
    gathered_make(&y, s->rows, s->cols, s->listed, 2, s->fill == FILL_TINY ? FILL_TINY : FILL_NORMAL, &r);
    for (int64_t i = 0; s->bf16 && s->fill == FILL_TINY && i < a.count; i++)
        a.values[i] *= 1e20f;
    for (int64_t i = 0; s->bf16 && s->fill == FILL_TINY && i < b.count; i++) /* numbers whose products are too small */
        b.values[i] *= 1e20f;
    for (size_t i = 0; i < sizeof weights / sizeof *weights; i++)
        weights[i] = random_value(&r, FILL_NORMAL);
    size_t bytes = (size_t)y.count * sizeof(float);
    float *start = malloc(bytes), *want = malloc(bytes);
    memcpy(start, y.values, bytes);
    struct guarded space = guarded_make(CHAIN_BYTES);
    struct chain c = {.n_rows = s->rows,
                      .n_cols = s->cols,
                      .n_sums = s->sums,
                      .a = a.values,
                      .b = b.values,
                      .y = y.values,
                      .a_rows = a.rows,
                      .b_rows = b.rows,
                      .y_rows = y.rows,
                      .down = s->down,
                      .across = s->across,
                      .upper = s->upper,
                      .fresh = s->fresh,
                      .weights = s->weighted ? weights : NULL};
    char what[120];
    snprintf(what, sizeof what, "chain%s of %d rows, %d columns, %d sums%s%s", s->bf16 ? "_bf16" : "", (int)s->rows,
             (int)s->cols, (int)s->sums,
             s->down     ? ", down"
             : s->across ? ", across"
                         : "",
             s->upper ? ", upper" : "");
    chain_fn *chain = s->bf16 ? k->chain_bf16 : k->chain;
    (s->bf16 ? chain_bf16__scalar : chain__scalar)(&c, space.data);
    memcpy(want, y.values, bytes);
    hide_lower(s, &y.rows, want);
    memcpy(y.values, start, bytes);
    chain(&c, space.data);
    hide_lower(s, &y.rows, y.values);
    assert_same(want, y.values, (size_t)y.count, what);
    memcpy(y.values, start, bytes);
    int64_t half = s->bf16 ? s->sums / 2 / CHAIN_BLOCK * CHAIN_BLOCK : s->sums / 2,
            left = s->upper ? 0 : s->cols / 3; /* sums in two halves, columns in two parts */
    for (int part = 0; part < 4; part++) {
        struct chain p = c;
        int64_t from = part / 2 ? half : 0, col = part % 2 ? left : 0;
        p.n_sums = part / 2 ? s->sums - half : half;
        p.n_cols = part % 2 ? s->cols - left : left;
        p.fresh = s->fresh && from == 0;
        p.y += col;
        int64_t rows_of_b = s->across ? col : from;
        p.b += s->across ? from : col;
        if (p.b_rows.rows)
            p.b_rows.rows += rows_of_b;
        else
            p.b += rows_of_b * p.b_rows.stride;
        if (!s->down)
            p.a += from;
        else if (p.a_rows.rows)
            p.a_rows.rows += from;
        else
            p.a += from * p.a_rows.stride;
        chain(&p, space.data);
    }
    hide_lower(s, &y.rows, y.values);
    assert_same(want, y.values, (size_t)y.count, "the same in pieces");
    free(start);
    free(want);
    guarded_free(&space);
    guarded_free(&a.memory);
    guarded_free(&b.memory);
    guarded_free(&y.memory);
}

static void shapes_isa(const struct kernels *k)
{
    static const int64_t rows[] = {1, 5, 6, 7, 12, 13, 25, 200, 24}, cols[] = {1, 15, 16, 17, 31, 32, 33, 48, 70},
                         sums[] = {1, 3, 5, 30, 64, 255, 256, 257, 530};
    for (int i = 0; i < 9; i++)
        for (int j = 0; j < 9; j++)
            for (int form = 0; form < 14; form++) {
                bool bf16 = form >= 6, across = form >= 10;
                if (!(bf16 ? IS_NEW(k, chain_bf16) : IS_NEW(k, chain)))
                    continue;
                if (test_quick() == 2 && (i + j + form) % 2) /* every count has its turn, not each with each */
                    continue;
                struct shape s = {rows[i],
                                  cols[j],
                                  sums[(i + 2 * j + form) % 9],
                                  !across && form % 3 > 0,
                                  !across && form % 3 > 1,
                                  form % 6 > 2,
                                  bf16,
                                  across && form < 13,
                                  (i + j) % 3 ? FILL_NORMAL : FILL_MIXED,
                                  false,
                                  !bf16 && (i + j) % 2};
                if (s.rows < 100 || s.cols < 40)
                    compare_shape(k, &s);
            }
    for (int i = 0; i < 9 && IS_NEW(k, chain); i++) /* y = x x^T, whole or its upper half */
        for (int form = 0; form < 6; form++)
            compare_shape(k, &(struct shape){rows[i], cols[(i + form) % 9], sums[(2 * i + form) % 9], .down = form > 3,
                                             .listed = form % 2, .across = form < 4,
                                             .fill = i % 3 ? FILL_NORMAL : FILL_MIXED, .upper = form > 1});
    for (int fill = 0; fill < FILL_COUNT; fill++)
        for (int form = 0; form < 6; form++) {
            bool down = form % 2;
            if (form > 1 ? IS_NEW(k, chain_bf16) : IS_NEW(k, chain))
                compare_shape(k, &(struct shape){13, 35, 21, down, down, true, form > 1, form > 3, (enum fill)fill,
                                                 false, false});
        }
}

static void test_products(void **state)
{
    (void)state;
    each_isa(shapes_isa);
}

/* A number of bf16 whose products are just above, below and around 2^-126, alone and in sums: as hardware meets them,
 * results are rounded to 24 bits before they are found too small. */
static float small_value(struct rng *r)
{
    static const int exponents[] = {-63, -64, -75, -76, -77, -87, -126, -127};
    if (rng_below(r, 3) > 0)
        return rng_below(r, 2) ? 0.0f : -0.0f;
    float value = ldexpf(1 + (float)rng_below(r, 3) / 4, exponents[rng_below(r, 8)]);
    return rng_below(r, 2) ? value : -value;
}

static void small_isa(const struct kernels *k)
{
    enum { ROWS = 33, COLS = 49, SUMS = 70 };
    static float a[ROWS * SUMS], b[SUMS * COLS], start[ROWS * COLS], want[ROWS * COLS], got[ROWS * COLS];
    struct guarded space = guarded_make(CHAIN_BYTES);
    struct rng r;
    rng_seed(&r, 9);
    for (int turn = 0; IS_NEW(k, chain_bf16) && turn < 60; turn++) {
        struct chain c = {.n_rows = ROWS,
                          .n_cols = COLS,
                          .n_sums = SUMS,
                          .a = a,
                          .b = b,
                          .a_rows = {.stride = SUMS},
                          .b_rows = {.stride = COLS},
                          .y_rows = {.stride = COLS}};
        for (int i = 0; i < ROWS * SUMS; i++)
            a[i] = small_value(&r);
        for (int i = 0; i < SUMS * COLS; i++)
            b[i] = small_value(&r);
        for (int i = 0; i < ROWS * COLS; i++)
            start[i] = rng_below(&r, 2) ? small_value(&r) : small_value(&r) * 0x1p-63f;
        chain_bf16__scalar((c.y = memcpy(want, start, sizeof want), &c), space.data);
        k->chain_bf16((c.y = memcpy(got, start, sizeof got), &c), space.data);
        assert_same(want, got, ROWS * COLS, "chain_bf16 of small numbers");
    }
    guarded_free(&space);
}

/* What the definition makes of a few of them, worked out by hand. */
static void test_small(void **state)
{
    static const struct {
        float a[3], b[3], y, want;
    } cases[] = {
        {{0x1p-63f}, {0x1p-63f}, 0, 0x1p-126f},
        {{0x1p-63f, 0, 0x1.8p-75f}, {0x1p-63f, 0, -0x1p-76f}, 0, 0}, /* rounds to 2^-126 as a small number alone */
        {{0x1p-63f, 0, 0x1p-76f}, {0x1p-63f, 0, -0x1p-76f}, 0, 0x1p-126f},
        {{0x1p-63f, 0x1p-64f}, {0x1p-63f, -0x1p-63f}, 0, 0x1p-126f}, /* the odd one is 0 before it is added */
        {{0x1p-64f, 0, 0x1p-64f}, {0x1p-63f, 0, 0x1p-63f}, 0, 0},    /* and so is each of these */
        {{0x1p-63f}, {0x1p-63f}, 0x1p-127f, 0x1p-126f},
        {{0x1p-63f}, {-0x1.8p-63f}, 0x1p-126f, -0.0f},
        {{0}, {0}, -0.0f, 0},
        {{0x1p-127f}, {0x1p+10f}, 1, 1}};
    uint8_t space[64];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        float y = cases[i].y;
        struct chain c = {.n_rows = 1, .n_cols = 1, .n_sums = 3, .a = cases[i].a, .b = cases[i].b, .y = &y};
        c.b_rows.stride = 1;
        chain_bf16__scalar(&c, space);
        assert_same(&cases[i].want, &y, 1, "by hand");
    }
    each_isa(small_isa);
}

/* At every length up to 70, at odd addresses and with every kind of value. */
static void vectors_isa(const struct kernels *k)
{
    enum { N = 72 };
    float buffer[3][N + 1], want[2][N], got[2][N], *x = buffer[0] + 1, *y = buffer[1] + 1, *z = buffer[2] + 1;
    if (!IS_NEW(k, dot_f32) && !IS_NEW(k, fma_f32) && !IS_NEW(k, swiglu_back_f32) && !IS_NEW(k, softmax_back_f32))
        return;
    for (int fill = 0; fill < FILL_COUNT; fill++)
        for (int n = 1; n <= 70; n++) {
            struct rng r;
            rng_seed(&r, (uint64_t)(fill * 100 + n));
            for (int i = 0; i < N; i++) {
                x[i] = random_value(&r, (enum fill)fill) * (float)(rng_below(&r, 14) + 1);
                y[i] = random_value(&r, (enum fill)fill) * (float)(rng_below(&r, 14) + 1);
                z[i] = random_value(&r, FILL_NORMAL);
            }
            x[n / 2] = rng_below(&r, 2) ? 7 : x[n / 2]; /* at a clamp */
            y[n / 2] = rng_below(&r, 2) ? -7 : 7;
            float dot[2] = {dot_f32__scalar(x, y, n), k->dot_f32(x, y, n)};
            assert_same(&dot[0], &dot[1], 1, "dot_f32");
            memcpy(want[0], z, sizeof want[0]);
            memcpy(got[0], z, sizeof got[0]);
            fma_f32__scalar(x, y, n, want[0]);
            k->fma_f32(x, y, n, got[0]);
            assert_same(want[0], got[0], N, "fma_f32");
            for (int plain = 0; plain < 2; plain++) {
                const struct swiglu swiglu = plain ? (struct swiglu){1, INFINITY, 0} : (struct swiglu){1.702f, 7, 1};
                memcpy(want[1], z, sizeof want[1]);
                memcpy(got[1], z, sizeof got[1]);
                swiglu_back_f32__scalar(x, y, n, swiglu, want[0], want[1]);
                k->swiglu_back_f32(x, y, n, swiglu, got[0], got[1]);
                assert_same(want[0], got[0], N, "swiglu_back_f32 gate");
                assert_same(want[1], got[1], N, "swiglu_back_f32 up");
            }
            struct softmax_back s = {n, (int64_t)rng_below(&r, 40) - 20, (int64_t)rng_below(&r, 90), 0.3f, z[0], z[1]};
            memcpy(want[0], x, sizeof want[0]);
            memcpy(got[0], x, sizeof got[0]);
            memcpy(want[1], y, sizeof want[1]);
            memcpy(got[1], y, sizeof got[1]);
            softmax_back_f32__scalar(&s, want[0], want[1]);
            k->softmax_back_f32(&s, got[0], got[1]);
            assert_same(want[0], got[0], N, "softmax_back_f32 p");
            assert_same(want[1], got[1], N, "softmax_back_f32 ds");
        }
}

static void test_vectors(void **state)
{
    (void)state;
    each_isa(vectors_isa);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_products), cmocka_unit_test(test_small),
                                       cmocka_unit_test(test_vectors)};
    return cmocka_run_group_tests_name("chain", tests, NULL, NULL);
}
