/* kernel_data.h: inputs for kernel tests: matrices that end at an unreadable page, and rows of every awkward kind. */
#ifndef OSSO_TEST_KERNEL_DATA_H
#define OSSO_TEST_KERNEL_DATA_H

#include "backend/cpu/kernels.h"
#include "base/rng.h"
#include "test.h"

#include <math.h>
#include <sys/mman.h>
#include <unistd.h>

/* `bytes` bytes whose end is the end of what may be read: one byte more is a SIGSEGV. */
struct guarded {
    uint8_t *map, *data;
    size_t map_bytes;
};

static inline struct guarded guarded_make(size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), body = (bytes + page - 1) / page * page;
    struct guarded g = {.map_bytes = body + 2 * page};
    g.map = mmap(NULL, g.map_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANON, -1, 0);
    assert_true(g.map != MAP_FAILED);
    assert_int_equal(mprotect(g.map, page, PROT_NONE), 0);
    assert_int_equal(mprotect(g.map + page + body, page, PROT_NONE), 0);
    g.data = g.map + page + body - bytes;
    return g;
}

static inline void guarded_free(struct guarded *g)
{
    munmap(g->map, g->map_bytes);
}

enum fill { FILL_NORMAL, FILL_ZERO, FILL_HUGE, FILL_TINY, FILL_MIXED, FILL_NAN, FILL_INF, FILL_COUNT };

static inline float random_value(struct rng *r, enum fill fill)
{
    float x = (float)(rng_unit(r) * 2 - 1);
    switch (fill) {
    case FILL_ZERO: return rng_below(r, 2) ? 0.0f : -0.0f;
    case FILL_HUGE: return x * 1e30f;
    case FILL_TINY: return x * 1e-40f;
    case FILL_MIXED: return x * (float)exp2((double)rng_below(r, 60) - 30);
    case FILL_NAN: return rng_below(r, 50) ? x : (float)NAN;
    case FILL_INF: return rng_below(r, 50) ? x : (float)INFINITY;
    default: return x;
    }
}

/* A matrix of any format, its data (and what lies apart) each ending at an unreadable page, rows `pad` bytes apart. */
struct matrix {
    struct view view;
    struct guarded data, side[2];
};

static inline void matrix_side(struct matrix *m, int i, enum dtype_place place, int64_t per_row, int64_t pad)
{
    struct side *side = &m->view.side[i];
    if (place < PLACE_U8)
        return;
    side->dtype = place == PLACE_U8 ? DT_U8 : DT_BF16;
    int64_t bytes = per_row * dtype_info(side->dtype)->block_bytes;
    side->stride = bytes + pad;
    m->side[i] = guarded_make((size_t)((m->view.rows - 1) * side->stride + bytes));
    side->data = m->side[i].data;
}

/* Blocks that are drawn instead of packed: nothing packs them, or packing searches for long. */
static inline bool is_drawn(enum dtype t)
{
    return !dtype_info(t)->pack || dtype_info(t)->block > QUANT_BLOCK || t == DT_IQ4_NL;
}

/* A drawn block: random bytes, drawn again until the values are finite and of the size that
 * packed ones have. What lies apart is 1 here. */
static inline void random_block(const struct dtype_info *info, uint8_t *block, struct rng *r)
{
    static const uint8_t one[2] = {0x80, 0x3f}; /* BF16 */
    float values[DTYPE_MAX_BLOCK], amax = INFINITY;
    struct sides sides = {{one, one}, {DT_BF16, DT_BF16}};
    while (!(amax <= (info->scales == PLACE_ANY ? 256 : 0.5f))) {
        for (int i = 0; i < info->block_bytes; i++)
            block[i] = (uint8_t)rng_below(r, 256);
        info->unpack(block, &sides, values);
        amax = 0;
        for (int i = 0; i < info->block; i++)
            amax = isfinite(values[i]) ? fmaxf(amax, fabsf(values[i])) : INFINITY;
    }
}

static inline struct matrix matrix_make(enum dtype t, int64_t rows, int64_t cols, int64_t pad, enum fill fill,
                                        struct rng *r)
{
    const struct dtype_info *info = dtype_info(t);
    struct matrix m = {.view = {.dtype = t, .rows = rows, .cols = cols, .group = info->block}};
    int64_t blocks = cols / info->block, row_bytes = blocks * info->block_bytes, scales = dtype_scales(info);
    m.view.row_stride = row_bytes + pad;
    m.data = guarded_make((size_t)((rows - 1) * m.view.row_stride + row_bytes));
    m.view.data = m.data.data;
    matrix_side(&m, 0, info->scales, blocks * scales, pad);
    matrix_side(&m, 1, info->offsets, blocks * scales, pad);
    enum { DRAWN = 16 };
    uint8_t drawn[DRAWN][DTYPE_MAX_BLOCK];
    for (int i = 0; i < DRAWN && is_drawn(t); i++)
        random_block(info, drawn[i], r);
    for (int64_t o = 0; o < rows; o++)
        for (int64_t b = 0; b < blocks; b++) {
            float values[DTYPE_MAX_BLOCK];
            float size = (float)exp2((double)rng_below(r, 9) - 6);
            struct sides_out sides = {0};
            for (int i = 0; i < 2; i++)
                if (m.side[i].data) {
                    sides.dtype[i] = m.view.side[i].dtype;
                    sides.data[i] = m.side[i].data + o * m.view.side[i].stride +
                                    b * scales * dtype_info(sides.dtype[i])->block_bytes;
                }
            for (int i = 0; i < info->block; i++)
                values[i] = random_value(r, fill) * size;
            uint8_t *block = m.data.data + o * m.view.row_stride + b * info->block_bytes;
            if (!is_drawn(t))
                info->pack(values, block, &sides);
            else
                memcpy(block, drawn[rng_below(r, DRAWN)], (size_t)info->block_bytes);
            for (int i = 0; i < 2 && is_drawn(t); i++)
                if (sides.data[i]) { /* BF16, as matrix_side has it */
                    uint16_t side = bf16_from_f32(random_value(r, FILL_NORMAL) / 512);
                    memcpy(sides.data[i], &side, sizeof side);
                }
        }
    return m;
}

/* The same matrix as a transposed export: inputs outermost, `interleave` matrices side by side (this one is the first).
 */
static inline struct matrix matrix_transpose(const struct matrix *m, int64_t interleave)
{
    int64_t rows = m->view.rows, cols = m->view.cols, bytes = dtype_info(m->view.dtype)->block_bytes;
    struct matrix t = *m;
    t.view.row_stride = bytes * interleave;
    t.view.col_stride = bytes * interleave * rows;
    t.data = guarded_make((size_t)((cols - 1) * t.view.col_stride + (rows - 1) * t.view.row_stride + bytes));
    t.view.data = t.data.data;
    for (int64_t o = 0; o < rows; o++)
        for (int64_t k = 0; k < cols; k++)
            memcpy(t.data.data + k * t.view.col_stride + o * t.view.row_stride,
                   m->view.data + o * m->view.row_stride + k * bytes, (size_t)bytes);
    return t;
}

static inline void matrix_free(struct matrix *m)
{
    guarded_free(&m->data);
    for (int i = 0; i < 2; i++)
        if (m->side[i].map)
            guarded_free(&m->side[i]);
}

/* Rows of activations in both forms. */
static inline struct act act_make(int64_t width, int n, enum fill fill, struct rng *r)
{
    size_t count = (size_t)width * (size_t)n, blocks = (size_t)n * (size_t)(width / QUANT_BLOCK);
    struct act a = {.width = width,
                    .f = malloc(count * 4),
                    .q = malloc(count + 1),
                    .d = malloc(blocks * 4 + 1),
                    .sum = malloc(blocks * 4 + 1)};
    for (size_t i = 0; i < count; i++)
        a.f[i] = random_value(r, fill);
    if (width % QUANT_BLOCK == 0)
        for (int i = 0; i < n; i++)
            quantize_i8_f32__scalar(a.f + i * width, width, a.q + i * width, a.d + i * width / QUANT_BLOCK,
                                    a.sum + i * width / QUANT_BLOCK);
    return a;
}

static inline void act_free(struct act *a)
{
    free(a->f);
    free(a->q);
    free(a->d);
    free(a->sum);
}

/* The same bits, where any NaN equals any NaN (its sign and payload are the CPU's choice). */
static inline bool same_bits(const float *a, const float *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (memcmp(&a[i], &b[i], 4) != 0 && !(isnan(a[i]) && isnan(b[i])))
            return false;
    return true;
}

static inline void assert_same(const float *a, const float *b, size_t n, const char *what)
{
    for (size_t i = 0; i < n; i++)
        if (!same_bits(&a[i], &b[i], 1))
            fail_msg("%s: value %zu is %a, expected %a", what, i, (double)b[i], (double)a[i]);
}

#endif
