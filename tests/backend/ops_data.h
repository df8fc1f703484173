/* ops_data.h: running ops on several members and on every backend that this machine has. */
#ifndef OSSO_TEST_OPS_DATA_H
#define OSSO_TEST_OPS_DATA_H

#include "kernel_data.h"

#include "base/mem.h"
#include "base/thread.h"

/* Runs fn on a pool of n members. */
static inline void on_team(int n, void (*fn)(const struct member *, void *), void *arg)
{
    struct team *pool;
    struct osso_error err;
    check_ok(team_create(n, &pool, &err), err);
    team_run(pool, fn, arg);
    team_free(pool);
}

/* Calls fn for each backend and each number of members; the first call is scalar on one member, the definition. */
static inline void each_way(void (*fn)(const struct backend *be, int n_members, bool first))
{
    static const int members[] = {1, 2, 3, 5};
    for (int i = 0; backend_cpu_isa(i); i++)
        for (int l = 0; l < 4 && backend_cpu_available(backend_cpu_isa(i)); l += test_quick() > 1 ? 2 : 1)
            fn(backend_cpu(backend_cpu_isa(i)), members[l], i == 0 && l == 0);
}

static inline void fill(struct rng *r, float *x, size_t n, float size)
{
    for (size_t i = 0; i < n; i++)
        x[i] = random_value(r, FILL_NORMAL) * size;
}

/* The exact values of row o. */
static inline void row_values(const struct view *v, int64_t o, float *values)
{
    view_values(v, o, 0, v->cols, values);
}

#endif
