/* ops_data.h: running ops on several lanes and on every backend that this machine has. */
#ifndef OSSO_TEST_OPS_DATA_H
#define OSSO_TEST_OPS_DATA_H

#include "kernel_data.h"

#include "base/mem.h"
#include "base/thread.h"

/* Runs fn on a pool of n lanes. */
static inline void on_lanes(int n, void (*fn)(const struct lane *, void *), void *arg)
{
    struct pool *pool;
    struct osso_error err;
    check_ok(pool_create(n, &pool, &err), err);
    pool_run(pool, fn, arg);
    pool_free(pool);
}

/* Calls fn for each backend and each number of lanes; the first call is scalar on one lane, the definition. */
static inline void each_way(void (*fn)(const struct backend *be, int n_lanes, bool first))
{
    static const int lanes[] = {1, 2, 3, 5};
    for (int i = 0; backend_cpu_isa(i); i++)
        for (int l = 0; l < 4 && backend_cpu_available(backend_cpu_isa(i)); l += test_quick() > 1 ? 2 : 1)
            fn(backend_cpu(backend_cpu_isa(i)), lanes[l], i == 0 && l == 0);
}

static inline void fill(struct rng *r, float *x, size_t n, float size)
{
    for (size_t i = 0; i < n; i++)
        x[i] = random_value(r, FILL_NORMAL) * size;
}

/* The exact values of row o. */
static inline void row_values(const struct view *v, int64_t o, float *values)
{
    const struct dtype_info *info = dtype_info(v->dtype);
    for (int64_t b = 0; b < v->cols / info->block; b++)
        info->unpack(v->data + o * v->row_stride + b * info->block_bytes, v->scales ? v->scales[o * v->scale_stride + b] : 0,
                     values + b * info->block);
}

#endif
