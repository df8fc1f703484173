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

enum { PROMPTS = 6, SERIES = 5 /* tokens */, ROUNDS = 3, LAYERS = 8, LEAST_LAYERS = 2 };
/* For a median's values; for those of a model's own first layers, which alone say what it will do: another program's
 * burst should be less than half of them; and for one step through as many first layers as that allows. */
static const double enough_seconds = 0.5, first_seconds = 1, step_seconds = 0.7;

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

/* One step; cold: when caches hold other things, for a few layers fit where a whole model does not. */
static enum osso_status step(struct pass *p, int rows, bool cold, double *seconds_out, struct osso_error *err)
{
    struct osso_engine_stats before = {.size = sizeof before}, after = {.size = sizeof after};
    osso_engine_stats(p->engine, &before);
    if (p->ceiling && cold)
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
    return median_of(x + first, (size_t)(n - first));
}

static enum osso_status prompts(struct osso_model *model, const struct osso_rates *rates, int rows,
                                struct osso_ceiling *ceiling, struct passes *out, struct osso_error *err)
{
    struct pass p;
    double seconds[PROMPTS], end = clock_seconds() + (ceiling ? enough_seconds : first_seconds);
    enum osso_status status = open_pass(&p, model, rates, rows, err);
    int n = 0;
    p.ceiling = ceiling;
    for (; n < PROMPTS && (n < 2 || clock_seconds() < end) && !status; n++) {
        status = wish(&p, (size_t)p.rows + 1, err); /* only the last one, which waits, has logits */
        if (!status)
            status = step(&p, p.rows, true, &seconds[n], err);
    }
    out->rows = p.rows;
    out->prompt_layers = model->config.n_layers;
    out->prompt_seconds = status ? 0 : median(seconds, n);
    close_pass(&p);
    return status;
}

/* A series of tokens with logits, one by one; the caches hold other things before each, or, as osso bench has it,
 * before the first. */
static enum osso_status series(struct pass *p, bool each, double *seconds, int n, struct osso_error *err)
{
    enum osso_status status = wish(p, 1, err);
    for (int i = 0; i < n && !status; i++) {
        if (i > 0)
            status = osso_session_append(p->session, (int32_t)rng_below(&p->rng, (uint64_t)p->vocab), err);
        if (!status)
            status = step(p, 1, i == 0 || each, &seconds[i], err);
    }
    return status;
}

/* Tokens through all layers and through a few of them in turns: what one layer adds says what is left to the head. */
static enum osso_status tokens(struct osso_model *model, const struct osso_rates *rates, struct osso_ceiling *ceiling,
                               bool each, struct passes *out, struct osso_error *err)
{
    struct osso_model cut = *model;
    int all = model->config.n_layers, few = all > 4 ? 2 : 1;
    int most = SERIES < model->config.context ? SERIES : (int)model->config.context;
    double whole[ROUNDS * SERIES], part[ROUNDS * SERIES];
    double end = clock_seconds() + (each ? enough_seconds : first_seconds);
    struct pass of_all, of_few;
    cut.config.n_layers = few;
    enum osso_status status = open_pass(&of_all, model, rates, SERIES - 1, err), second;
    second = open_pass(&of_few, &cut, rates, SERIES - 1, status ? &(struct osso_error){0} : err);
    status = status ? status : second;
    of_all.ceiling = of_few.ceiling = ceiling;
    int n = 0;
    for (int i = 0; i < ROUNDS && (i == 0 || clock_seconds() < end) && !status; i++, n += most) {
        status = series(&of_all, each, whole + n, most, err);
        if (!status)
            status = series(&of_few, each, part + n, most, err);
    }
    if (!status) {
        double of_whole = median(whole, n), layer = all > few ? (of_whole - median(part, n)) / (all - few) : 0;
        layer = fmin(fmax(layer, 0), of_whole / all);
        out->layers_seconds = all > few ? layer * all : of_whole;
        out->head_seconds = of_whole - out->layers_seconds;
        out->n_layers = all;
    }
    close_pass(&of_all);
    close_pass(&of_few);
    return status;
}

enum osso_status passes_measure(struct osso_model *model, const struct osso_rates *rates, int rows,
                                struct osso_ceiling *ceiling, struct passes *out, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    *out = (struct passes){0};
    if (rates->int8_tops > 0)
        status = prompts(model, rates, rows, ceiling, out, err);
    return status ? status : tokens(model, rates, ceiling, true, out, err);
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

static void touch(const struct view *w)
{
    enum { PAGE = 4096 };
    for (int64_t at = 0, bytes = (int64_t)view_bytes(w); at < bytes; at += PAGE)
        (void)*((const volatile uint8_t *)w->data + at);
}

/* As osso bench has it, whose tokens meet no page for the first time: of the head and the first n layers. */
static void touch_first(const struct osso_model *model, int n)
{
    const struct weights *w = &model->weights;
    touch(&w->head);
    for (int l = 0; l < n; l++) {
        const struct view *const once[] = {&w->layers[l].q, &w->layers[l].k, &w->layers[l].v, &w->layers[l].o};
        for (int i = 0; i < 4; i++)
            touch(once[i]);
        for (int e = 0; e < model->config.n_experts; e++) {
            struct expert x;
            w->source.get(&w->source, l, e, &x);
            touch(&x.gate);
            touch(&x.up);
            touch(&x.down);
        }
    }
}

enum osso_status passes_measure_first(const struct osso_model *model, const struct osso_rates *rates, int rows,
                                      struct passes *out, struct osso_error *err)
{
    struct osso_model cut = *model; /* weights and files stay the model's; only the engines here see it */
    int few;
    *out = (struct passes){0};
    cut.config.n_layers = model->config.n_layers < LAYERS ? model->config.n_layers : LAYERS;
    enum osso_status status = how_many(model, rates, rows, &few, err);
    if (!status) {
        touch_first(model, cut.config.n_layers);
        status = tokens(&cut, rates, NULL, false, out, err); /* these weights are more than caches hold */
        cut.config.n_layers = few;
    }
    if (!status && rates->int8_tops > 0)
        status = prompts(&cut, rates, rows, NULL, out, err);
    return status;
}
