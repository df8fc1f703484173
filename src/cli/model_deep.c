/* model_deep.c: every value of every tensor, in all threads. */
#include "cli/model_deep.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/thread.h"
#include "cli/out.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum { SHARE = 1 << 18 /* values at a time */ };
static const float largest = 65504;

struct item {
    int tensor;
    int64_t first, n; /* rows */
};

struct work {
    const struct osso_model *model;
    struct osso_tensor *tensors;
    int n_tensors;
    struct item *items;
    int64_t n_items, longest; /* values of the longest item */
    _Atomic uint64_t (*found)[3];
    _Atomic int failed; /* enum osso_status; err is of the first */
    struct osso_error err;
};

static void look(struct work *w, const struct item *item, const float *values)
{
    uint64_t n = (uint64_t)(item->n * w->tensors[item->tensor].cols), nan = 0, infinite = 0, large = 0;
    for (uint64_t i = 0; i < n; i++) {
        float x = fabsf(values[i]);
        nan += x != x;
        infinite += isinf(x) != 0;
        large += x > largest && !isinf(x);
    }
    atomic_fetch_add(&w->found[item->tensor][0], nan);
    atomic_fetch_add(&w->found[item->tensor][1], infinite);
    atomic_fetch_add(&w->found[item->tensor][2], large);
}

static void fail(struct work *w, enum osso_status status, const struct osso_error *err)
{
    int none = OSSO_OK;
    if (atomic_compare_exchange_strong(&w->failed, &none, (int)status))
        w->err = *err;
}

static void run(const struct member *m, void *arg)
{
    struct work *w = arg;
    struct osso_error err = {0};
    float *values = mem_array((size_t)w->longest, sizeof *values);
    if (!values)
        fail(w, error_nomem(&err, (size_t)w->longest * sizeof *values, "a part of a tensor"), &err);
    struct deal deal = member_deal(m);
    for (int64_t i; (i = member_claim(m, &deal, w->n_items)) >= 0;) {
        const struct item *item = &w->items[i];
        if (!values || atomic_load(&w->failed))
            continue;
        enum osso_status status = interrupted() ? error_set(&err, OSSO_CANCELLED, "stopped")
                                                : osso_model_tensor_rows(w->model, w->tensors[item->tensor].name,
                                                                         item->first, item->n, values, &err);
        if (status)
            fail(w, status, &err);
        else
            look(w, item, values);
    }
    mem_free(values);
}

static int64_t rows_at_a_time(const struct osso_tensor *t)
{
    return t->cols < 1 ? t->rows : t->cols >= SHARE ? 1 : SHARE / t->cols;
}

/* The tensors, then their shares. */
static enum osso_status divide(struct work *w, struct osso_error *err)
{
    struct osso_tensor t = {.size = sizeof t};
    while (osso_model_tensor(w->model, w->n_tensors, &t, err) == OSSO_OK) {
        struct osso_tensor *more = mem_grow(w->tensors, (size_t)w->n_tensors + 1, sizeof *more);
        if (!more)
            return error_nomem(err, sizeof *more, "a list of tensors");
        w->tensors = more;
        w->tensors[w->n_tensors++] = t;
        int64_t step = rows_at_a_time(&t);
        w->n_items += t.rows > 0 ? (t.rows + step - 1) / step : 0;
        t.size = sizeof t;
    }
    w->items = mem_array((size_t)w->n_items + 1, sizeof *w->items);
    w->found = mem_array((size_t)w->n_tensors + 1, sizeof *w->found);
    if (!w->items || !w->found)
        return error_nomem(err, (size_t)w->n_items * sizeof *w->items, "a list of tensors");
    w->n_items = 0;
    for (int i = 0; i < w->n_tensors; i++)
        for (int64_t at = 0, step = rows_at_a_time(&w->tensors[i]); at < w->tensors[i].rows; at += step) {
            int64_t n = w->tensors[i].rows - at < step ? w->tensors[i].rows - at : step;
            w->items[w->n_items++] = (struct item){i, at, n};
            if (n * w->tensors[i].cols > w->longest)
                w->longest = n * w->tensors[i].cols;
        }
    return OSSO_OK;
}

static enum osso_status collect(const struct work *w, struct deep_tensor **list_out, int *n_out, struct osso_error *err)
{
    struct deep_tensor *list = mem_array((size_t)w->n_tensors + 1, sizeof *list);
    int n = 0;
    if (!list)
        return error_nomem(err, (size_t)w->n_tensors * sizeof *list, "a list of tensors");
    for (int i = 0; i < w->n_tensors; i++) {
        struct deep_tensor t = {.nan = w->found[i][0], .infinite = w->found[i][1], .large = w->found[i][2]};
        snprintf(t.name, sizeof t.name, "%s", w->tensors[i].name);
        if (t.nan || t.infinite || t.large)
            list[n++] = t;
    }
    *list_out = list;
    *n_out = n;
    return OSSO_OK;
}

enum osso_status model_deep(const struct osso_model *model, struct deep_tensor **list_out, int *n_out,
                            struct osso_error *err)
{
    struct work w = {.model = model};
    struct team *team = NULL;
    *list_out = NULL;
    *n_out = 0;
    enum osso_status status = divide(&w, err);
    if (!status)
        status = team_create(cpu_count(), &team, err);
    if (!status) {
        team_run(team, run, &w);
        if ((status = (enum osso_status)atomic_load(&w.failed)))
            *err = w.err;
    }
    if (!status)
        status = collect(&w, list_out, n_out, err);
    team_free(team);
    mem_free(w.tensors);
    mem_free(w.items);
    mem_free(w.found);
    return status;
}
