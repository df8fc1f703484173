/* resident.c: how fast the decode kernels are when memory is not what they wait for. One row goes through slices of the
 * engine's own matrices that stay in the cache, again and again; the members do not wait for each other in between. */
#include "osso/bench.h"

#include "base/error.h"
#include "base/mem.h"
#include "measure/ceiling.h"
#include "engine/engine_parts.h"

enum { LANE_BYTES = 384 << 10, PASSES = 64, ROUNDS = 5 };

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
    int64_t rows = LANE_BYTES * (int64_t)team_threads(run->engine->team) / row_bytes / unit * unit;
    rows = rows < unit ? unit : rows;
    return rows < most ? rows : most;
}

static double view_bytes(const struct view *w)
{
    const struct dtype_info *t = dtype_info(w->dtype);
    double blocks = (double)w->rows * (double)w->cols / t->block;
    return blocks * (t->block_bytes + (w->side[0].data ? 1 : 0));
}

static void linear_member(const struct member *member, void *arg)
{
    struct resident *run = arg;
    struct osso_engine *e = run->engine;
    struct hand hand = forward_hand(&e->forward, member);
    for (int i = 0; i < PASSES; i++)
        e->backend->linear(&hand, &run->view, NULL, &e->forward.acts.kept[0].attn_in, 1, QUANT_BLOCK, &run->view, run->y,
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
    struct moe moe = {.source = &run->source, .end_expert = c->n_experts, .hidden = run->rows, .intermediate = run->rows,
                      .alpha = (float)c->swiglu_alpha, .limit = (float)c->swiglu_limit, .routing = &run->routing,
                      .in = &s->mlp_in, .h = &s->h, .delta = e->forward.acts.delta, .after = &run->expert.gate};
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
    run->view.rows = slice_rows(run, (int64_t)(view_bytes(w) / (double)w->rows), w->rows);
    return rate(run, linear_member, view_bytes(&run->view));
}

static double experts_rate(struct resident *run)
{
    const struct osso_engine *e = run->engine;
    const struct weights *weights = &e->model->weights;
    struct expert *x = &run->expert;
    weights->source.get(&weights->source, 0, 0, x);
    double row = view_bytes(&x->gate) / (double)x->gate.rows;
    int64_t most = x->gate.rows < x->down.rows ? x->gate.rows : x->down.rows;
    run->rows = slice_rows(run, (int64_t)(3 * row), most);
    x->gate.rows = x->up.rows = x->down.rows = run->rows;
    return rate(run, experts_member, run->routing.k * (view_bytes(&x->gate) + view_bytes(&x->up) + view_bytes(&x->down)));
}

/* One row that goes to experts 0 .. k-1. */
static void set_routing(struct resident *run, int32_t *space, real *weights)
{
    int k = run->engine->forward.top_k, n = run->engine->config.n_experts;
    run->routing = (struct routing){1, k, n, space, weights, space + k, space + k + n + 1};
    for (int i = 0; i < k; i++) {
        run->routing.ids[i] = run->routing.slots[i] = i;
        weights[i] = (real)1 / (real)k;
    }
    for (int i = 0; i <= n; i++)
        run->routing.start[i] = i < k ? i : k;
}

enum osso_status osso_bench_resident(struct osso_engine *e, double *gbps_out, struct osso_error *err)
{
    *gbps_out = 0;
    if (!e->model)
        return error_set(err, OSSO_USAGE, "an engine without a model has no kernels to measure");
    const struct weights *w = &e->model->weights;
    struct resident run = {.engine = e, .source = {get_slice, &run}};
    struct osso_token_cost cost = {.size = sizeof cost};
    struct osso_engine_options options = {.size = sizeof options, .experts_per_token = e->forward.top_k};
    enum osso_status status = osso_bench_token_cost(e->model, &options, 0, &cost, err);
    int k = e->forward.top_k;
    int64_t rows = w->head.rows > w->layers[0].q.rows ? w->head.rows : w->layers[0].q.rows;
    int32_t *space = mem_array((size_t)(2 * k + e->config.n_experts + 1), sizeof *space);
    real *values = mem_array((size_t)(rows + k), sizeof *values);
    if (!status && (!space || !values))
        status = error_nomem(err, (uint64_t)rows * sizeof *values, "measuring kernels");
    if (!status) {
        set_routing(&run, space, values + rows);
        run.y = values;
        double rest = (double)(cost.weight_bytes - cost.expert_bytes), seconds = rest / linear_rate(&run, &w->layers[0].q);
        seconds += (double)cost.head_bytes / linear_rate(&run, &w->head);
        seconds += (double)cost.expert_bytes / experts_rate(&run);
        *gbps_out = (double)(cost.weight_bytes + cost.head_bytes) / seconds * 1e-9;
        e->step_count++; /* nobody reads the last step's logits any more */
    }
    mem_free(space);
    mem_free(values);
    return status;
}
