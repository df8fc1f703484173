/* resident.c: how fast the decode kernels are when memory is not what they wait for. One row goes through slices of the
 * engine's own matrices that stay in the cache, again and again; the members do not wait for each other in between. */
#include "osso/bench.h"

#include "base/error.h"
#include "measure/ceiling.h"
#include "engine/engine_parts.h"

enum { MEMBER_BYTES = 384 << 10, PASSES = 64, ROUNDS = 5 };

struct resident {
    struct osso_engine *engine;
    struct expert_source source; /* every expert is the same slice of layer 0's first one */
    struct expert expert;
    int64_t rows; /* of each of its matrices */
    struct view view;
    real *y;
    struct routing routing;
};

static int64_t slice_rows(const struct resident *run, int64_t row_bytes, int64_t most)
{
    int64_t unit = (int64_t)QUANT_BLOCK * team_threads(run->engine->team);
    int64_t rows = MEMBER_BYTES * (int64_t)team_threads(run->engine->team) / row_bytes / unit * unit;
    rows = rows < unit ? unit : rows;
    return rows < most ? rows : most;
}

static void linear_member(const struct member *member, void *arg)
{
    struct resident *run = arg;
    struct osso_engine *e = run->engine;
    struct hand hand = forward_hand(&e->forward, member);
    for (int i = 0; i < PASSES; i++)
        e->backend->linear(&hand, &run->view, NULL, &e->forward.acts.kept[0].attn_in, 1, &run->view, run->y,
                           run->view.rows);
}

static void get_slice(const struct expert_source *source, int layer, int expert, struct expert *out)
{
    (void)layer, (void)expert;
    *out = ((const struct resident *)source->model)->expert;
}

static void experts_member(const struct member *member, void *arg)
{
    struct resident *run = arg;
    struct osso_engine *e = run->engine;
    struct hand hand = forward_hand(&e->forward, member);
    const struct config *c = &e->config;
    struct kept *s = &e->forward.acts.kept[0];
    struct moe moe = {.source = &run->source,
                      .end_expert = c->n_experts,
                      .hidden = run->rows,
                      .intermediate = run->rows,
                      .swiglu = weights_swiglu(c),
                      .routing = &run->routing,
                      .in = &s->mlp_in,
                      .h = &s->h,
                      .delta = e->forward.acts.delta,
                      .after = &run->expert.gate};
    for (int i = 0; i < PASSES; i++) { /* h is read half made: same work, no waiting */
        e->backend->experts_in(&hand, &moe);
        e->backend->experts_out(&hand, &moe);
    }
}

/* Bytes a second, best of a few. */
static double rate(struct resident *run, void (*fn)(const struct member *, void *), double bytes)
{
    double best = 0;
    for (int i = 0; i < ROUNDS; i++) {
        double r = PASSES * bytes / ceiling_time(run->engine->team, fn, run);
        best = r > best ? r : best;
    }
    return best;
}

static double linear_rate(struct resident *run, const struct view *w)
{
    run->view = *w;
    run->view.rows = slice_rows(run, (int64_t)((double)view_bytes(w) / (double)w->rows), w->rows);
    return rate(run, linear_member, (double)view_bytes(&run->view));
}

static double experts_rate(struct resident *run)
{
    const struct osso_engine *e = run->engine;
    const struct weights *weights = &e->weights;
    struct expert *x = &run->expert;
    weights->source.get(&weights->source, 0, 0, x);
    double row = (double)view_bytes(&x->gate) / (double)x->gate.rows;
    int64_t most = x->gate.rows < x->down.rows ? x->gate.rows : x->down.rows;
    run->rows = slice_rows(run, (int64_t)(3 * row), most);
    x->gate.rows = x->up.rows = x->down.rows = run->rows;
    return rate(run, experts_member,
                run->routing.k *
                    ((double)view_bytes(&x->gate) + (double)view_bytes(&x->up) + (double)view_bytes(&x->down)));
}

/* What is measured with: the routing's arrays and the outputs of the widest matrix, in memory of the backend. */
struct arrays {
    const struct backend *backend;
    int32_t *ids;
    real *values;
    size_t n_ids, n_values;
};

static enum osso_status arrays_create(const struct osso_engine *e, struct arrays *a, struct osso_error *err)
{
    const struct weights *w = &e->weights;
    int k = e->forward.top_k;
    int64_t rows = w->head.rows > w->layers[0].q.rows ? w->head.rows : w->layers[0].q.rows;
    *a = (struct arrays){
        .backend = e->backend, .n_ids = (size_t)(2 * k + e->config.n_experts + 1), .n_values = (size_t)(rows + k)};
    a->ids = a->backend->alloc(a->backend, a->n_ids * sizeof *a->ids);
    a->values = a->backend->alloc(a->backend, a->n_values * sizeof *a->values);
    return a->ids && a->values ? OSSO_OK : error_nomem(err, a->n_values * sizeof *a->values, "measuring kernels");
}

static void arrays_free(struct arrays *a)
{
    a->backend->free(a->backend, a->ids, a->n_ids * sizeof *a->ids);
    a->backend->free(a->backend, a->values, a->n_values * sizeof *a->values);
}

/* One row that goes to experts 0 .. k-1. */
static void set_routing(struct resident *run, const struct arrays *a)
{
    const struct backend *be = a->backend;
    int k = run->engine->forward.top_k, n = run->engine->config.n_experts;
    real *weights_there = a->values + (a->n_values - (size_t)k);
    int32_t *ids = be->host(be, a->ids, a->n_ids * sizeof *ids), *start = ids + k, *slots = start + n + 1;
    real *weights = be->host(be, weights_there, (size_t)k * sizeof *weights);
    run->routing = (struct routing){1, k, n, a->ids, weights_there, a->ids + k, a->ids + k + n + 1};
    for (int i = 0; i < k; i++) {
        ids[i] = slots[i] = i;
        weights[i] = (real)1 / (real)k;
    }
    for (int i = 0; i <= n; i++)
        start[i] = i < k ? i : k;
    be->put(be, a->ids, ids, a->n_ids * sizeof *ids);
    be->put(be, weights_there, weights, (size_t)k * sizeof *weights);
}

enum osso_status osso_bench_resident(struct osso_engine *e, double *gbps_out, struct osso_error *err)
{
    *gbps_out = 0;
    if (!e->model)
        return error_set(err, OSSO_USAGE, "an engine without a model has no kernels to measure");
    const struct weights *w = &e->weights;
    struct resident run = {.engine = e, .source = {get_slice, &run}};
    struct osso_token_cost cost = {.size = sizeof cost};
    struct osso_engine_options options = {.size = sizeof options, .experts_per_token = e->forward.top_k};
    enum osso_status status = engine_check(e, err);
    if (!status)
        status = osso_bench_token_cost(e->model, &options, 0, &cost, err);
    struct arrays arrays = {0};
    if (status)
        return status;
    status = arrays_create(e, &arrays, err);
    if (!status) {
        set_routing(&run, &arrays);
        run.y = arrays.values;
        double rest = (double)(cost.weight_bytes - cost.expert_bytes),
               seconds = rest / linear_rate(&run, &w->layers[0].q);
        seconds += (double)cost.head_bytes / linear_rate(&run, &w->head);
        seconds += (double)cost.expert_bytes / experts_rate(&run);
        *gbps_out = (double)(cost.weight_bytes + cost.head_bytes) / seconds * 1e-9;
        e->step_count++; /* nobody reads the last step's logits any more */
    }
    arrays_free(&arrays);
    return status;
}
