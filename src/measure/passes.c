/* passes.c: see passes.h. By the clock and not by CPU time as ceilings: members wait for each other, and that is part
 * of what a model reaches. */
#include "measure/passes.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/rng.h"
#include "base/sorted.h"
#include "checkpoint/model_open.h"

#include <math.h>

enum { PROMPTS = 6, PAIRS = 10, LAYERS = 8, LEAST_LAYERS = 2 };
/* For a median's values; and for one step through as many first layers as that allows. */
static const double enough_seconds = 1.2, step_seconds = 0.4;

struct pass {
    struct osso_engine *engine;
    struct osso_session *session;
    struct osso_ceiling *ceiling;
    struct rng rng;
    int32_t *ids; /* [rows + 1] */
    int rows, vocab, wishes;
};

static void close_pass(struct pass *p)
{
    osso_session_free(p->session);
    osso_engine_free(p->engine);
    mem_free(p->ids);
}

static enum osso_status open_pass(struct pass *p, struct osso_model *model, const struct osso_rates *r, int rows,
                                  struct osso_error *err)
{
    int most = rows + 1 < model->config.context ? rows + 1 : (int)model->config.context;
    struct osso_engine_options o = {
        .size = sizeof o, .threads = r->threads, .isa = r->isa, .context = most, .max_rows = most > 1 ? most - 1 : 1};
    *p = (struct pass){.rows = (int)o.max_rows,
                       .vocab = (int)model->config.vocab,
                       .ids = mem_array((size_t)o.max_rows + 1, sizeof *p->ids)};
    rng_seed(&p->rng, 1);
    if (!p->ids)
        return error_nomem(err, (size_t)most * sizeof *p->ids, "tokens");
    enum osso_status status = osso_engine_create(model, &o, &p->engine, err);
    if (!status)
        status = osso_session_create(p->engine, 0, &p->session, err);
    return status;
}

/* n tokens that nobody has computed: of the same ones a step would find the same experts in the cache. */
static enum osso_status wish(struct pass *p, size_t n, struct osso_error *err)
{
    enum osso_status status = osso_session_rewind(p->session, 0, err);
    for (size_t i = 0; i < n; i++)
        p->ids[i] = (int32_t)rng_below(&p->rng, (uint64_t)p->vocab);
    p->ids[0] = p->wishes++ % p->vocab; /* the tree of prefixes has none that begins so */
    return status ? status : osso_session_sync(p->session, p->ids, n, err);
}

/* One step, when caches hold other things: a few layers fit where a whole model does not. */
static enum osso_status step(struct pass *p, int rows, double *seconds_out, struct osso_error *err)
{
    struct osso_engine_stats before = {.size = sizeof before}, after = {.size = sizeof after};
    osso_engine_stats(p->engine, &before);
    if (p->ceiling)
        osso_ceiling_read(p->ceiling);
    double start = clock_seconds();
    enum osso_status status = osso_step(p->engine, &p->session, 1, rows, err);
    *seconds_out = clock_seconds() - start;
    osso_engine_stats(p->engine, &after);
    must(status || after.tokens_computed - before.tokens_computed == (uint64_t)rows);
    return status;
}

/* The first value finds everything asleep. */
static double median(double *x, int n)
{
    int first = n > 1;
    sort_numbers(x + first, (size_t)(n - first));
    return sorted_quantile(x + first, (size_t)(n - first), 0.5);
}

static enum osso_status prompts(struct pass *p, double *seconds_out, struct osso_error *err)
{
    double seconds[PROMPTS], end = clock_seconds() + enough_seconds;
    enum osso_status status = OSSO_OK;
    int n = 0;
    for (; n < PROMPTS && (n < 2 || clock_seconds() < end) && !status; n++) {
        status = wish(p, (size_t)p->rows + 1, err); /* only the last one, which waits, has logits */
        if (!status)
            status = step(p, p->rows, &seconds[n], err);
    }
    *seconds_out = status ? 0 : median(seconds, n);
    return status;
}

static enum osso_status tokens(struct pass *p, double *layers_out, double *head_out, struct osso_error *err)
{
    double layers[PAIRS], whole[PAIRS], end = clock_seconds() + enough_seconds;
    enum osso_status status = OSSO_OK;
    int n = 0;
    for (; n < PAIRS && (n < 3 || clock_seconds() < end) && !status; n++) {
        status = wish(p, 2, err);
        if (!status)
            status = step(p, 1, &layers[n], err); /* only the last one has logits */
        if (!status)
            status = step(p, 1, &whole[n], err);
    }
    if (!status) {
        *layers_out = median(layers, n);
        *head_out = fmax(0, median(whole, n) - *layers_out);
    }
    return status;
}

enum osso_status passes_measure(struct osso_model *model, const struct osso_rates *rates, int rows,
                                struct osso_ceiling *ceiling, struct passes *out, struct osso_error *err)
{
    struct pass p;
    enum osso_status status = open_pass(&p, model, rates, rows, err);
    p.ceiling = ceiling;
    *out = (struct passes){.n_layers = model->config.n_layers, .rows = p.rows};
    if (!status && rates->int8_tops > 0)
        status = prompts(&p, &out->prompt_seconds, err);
    if (!status && model->config.context > 1)
        status = tokens(&p, &out->layers_seconds, &out->head_seconds, err);
    close_pass(&p);
    return status;
}

/* The more of a model, the less its pages' places matter; by what a prompt reached of late. */
static enum osso_status how_many(const struct osso_model *model, const struct osso_rates *rates, int rows, int *n_out,
                                 struct osso_error *err)
{
    struct osso_token_cost cost = {.size = sizeof cost};
    struct osso_engine_options o = {.size = sizeof o, .isa = rates->isa};
    enum osso_status status = osso_bench_token_cost(model, &o, 0, &cost, err);
    int all = model->config.n_layers, n = LEAST_LAYERS;
    double layer = 2 * (double)cost.multiply_adds * rows / all;
    while (n + 2 <= LAYERS && (n + 2) * layer <= rates->prompt_tops * 1e12 * step_seconds)
        n += 2;
    *n_out = n < all ? n : all;
    return status;
}

enum osso_status passes_measure_first(const struct osso_model *model, const struct osso_rates *rates, int rows,
                                      struct passes *out, struct osso_error *err)
{
    struct osso_model cut = *model; /* weights and files stay the model's; only the engines here see it */
    struct osso_ceiling *ceiling = NULL;
    *out = (struct passes){0};
    enum osso_status status = how_many(model, rates, rows, &cut.config.n_layers, err);
    if (!status)
        status = osso_ceiling_create(rates->threads, &ceiling, err);
    if (!status)
        status = passes_measure(&cut, rates, rows, ceiling, out, err);
    osso_ceiling_free(ceiling);
    return status;
}
