/* passes.c: see passes.h. By the clock and not by CPU time as ceilings: members wait for each other, and that is part
 * of what a model reaches. */
#include "measure/passes.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/sorted.h"
#include "checkpoint/model_open.h"

#include <math.h>

struct pass {
    struct osso_engine *engine;
    struct osso_session *session;
    struct osso_token_cost cost;
    int32_t *ids;
    int rows;
};

static void close_pass(struct pass *p)
{
    osso_session_free(p->session);
    osso_engine_free(p->engine);
    mem_free(p->ids);
}

static enum osso_status open_pass(struct pass *p, struct osso_model *model, const struct osso_rates *r, int context,
                                  int rows, struct osso_error *err)
{
    int most = context < model->config.context ? context : (int)model->config.context;
    struct osso_engine_options o = {
        .size = sizeof o, .threads = r->threads, .isa = r->isa, .context = most, .max_rows = rows < most ? rows : most};
    *p = (struct pass){
        .cost = {.size = sizeof p->cost}, .rows = o.max_rows, .ids = mem_array((size_t)most, sizeof *p->ids)};
    if (!p->ids)
        return error_nomem(err, (size_t)most * sizeof *p->ids, "tokens");
    for (int i = 0; i < most; i++)
        p->ids[i] = (int32_t)(i * INT64_C(31) % model->config.vocab);
    enum osso_status status = osso_bench_token_cost(model, &o, 0, &p->cost, err);
    if (!status)
        status = osso_engine_create(model, &o, &p->engine, err);
    if (!status)
        status = osso_session_create(p->engine, 0, &p->session, err);
    return status;
}

/* Of all tokens from the first one on, the seconds. */
static enum osso_status prompt_once(struct pass *p, double *seconds_out, struct osso_error *err)
{
    struct osso_engine_stats before = {.size = sizeof before}, after = {.size = sizeof after};
    osso_engine_stats(p->engine, &before);
    enum osso_status status = osso_session_rewind(p->session, 0, err);
    if (!status)
        status = osso_session_sync(p->session, p->ids, (size_t)p->rows, err);
    double start = clock_seconds();
    while (!status && !osso_session_ready(p->session))
        status = osso_step(p->engine, &p->session, 1, 0, err);
    *seconds_out = clock_seconds() - start;
    osso_engine_stats(p->engine, &after);
    must(status || after.tokens_computed - before.tokens_computed == (uint64_t)p->rows);
    return status;
}

enum osso_status prompt_rate(struct osso_model *model, const struct osso_rates *rates, int rows, double *tops_out,
                             struct osso_error *err)
{
    enum { ROUNDS = 5 };
    const double enough = 2; /* seconds; the first round finds pages that nobody has touched */
    struct pass p;
    double best = 0, all = 0, seconds;
    enum osso_status status = open_pass(&p, model, rates, rows, rows, err);
    double operations = 2 * ((double)p.cost.multiply_adds * p.rows + (double)p.cost.head_multiply_adds);
    for (int i = 0; i < ROUNDS && (i == 0 || all < enough) && !status; i++) {
        p.ids[0] = (int32_t)((1 + i) % model->config.vocab); /* no round finds the one before in the tree of prefixes */
        status = prompt_once(&p, &seconds, err);
        best = i == 0 || seconds < best ? seconds : best;
        all += seconds;
    }
    *tops_out = status ? 0 : operations / best * 1e-12;
    close_pass(&p);
    return status;
}

static enum osso_status one_row(struct pass *p, double *seconds_out, struct osso_error *err)
{
    double start = clock_seconds();
    enum osso_status status = osso_step(p->engine, &p->session, 1, 1, err);
    *seconds_out = clock_seconds() - start;
    return status;
}

static double median(double *x, int first, int n)
{
    sort_numbers(x + first, (size_t)(n - first));
    return sorted_quantile(x + first, (size_t)(n - first), 0.5);
}

enum osso_status token_seconds(struct osso_model *model, const struct osso_rates *rates, double *layers_out,
                               double *head_out, struct osso_error *err)
{
    enum { PAIRS = 20, FIRST = 4 }; /* the first ones find everything asleep */
    struct pass p;
    double layers[PAIRS], all[PAIRS];
    int n = 0;
    enum osso_status status = open_pass(&p, model, rates, 2 * PAIRS, 1, err);
    for (; n < PAIRS && 2 * n + 2 <= model->config.context && !status; n++) {
        status = osso_session_sync(p.session, p.ids, 2 * (size_t)n + 2, err);
        if (!status)
            status = one_row(&p, &layers[n], err); /* only the last one has logits */
        if (!status)
            status = one_row(&p, &all[n], err);
    }
    *layers_out = *head_out = 0;
    if (!status && n > FIRST) {
        *layers_out = median(layers, FIRST, n);
        *head_out = fmax(0, median(all, FIRST, n) - *layers_out);
    }
    close_pass(&p);
    return status;
}

/* One layer of each kind is enough: the others take as long. */
enum osso_status first_layers_measure(const struct osso_model *model, const struct osso_rates *rates, int rows,
                                      struct first_layers *out, struct osso_error *err)
{
    enum { LAYERS = 2 };
    struct osso_model cut = *model; /* weights and files stay the model's; only the engines here see it */
    cut.config.n_layers = cut.config.n_layers < LAYERS ? cut.config.n_layers : LAYERS;
    *out = (struct first_layers){.n = cut.config.n_layers};
    enum osso_status status = OSSO_OK;
    if (rates->int8_tops > 0)
        status = prompt_rate(&cut, rates, rows, &out->prompt_tops, err);
    if (!status)
        status = token_seconds(&cut, rates, &out->layers_seconds, &out->head_seconds, err);
    return status;
}
