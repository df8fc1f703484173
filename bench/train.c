/* train.c: where a training step's time goes, and how fast it is: a line a part with its share of the time and what it
 * computes in GFLOP/s of CPU time, then whole steps.
 *
 *   make bench-train && build/release/bench/train [MODEL [threads [steps [isa [f32|bf16 [whole]]]]]]
 *
 * MODEL: small, base or wide; `whole`: whole steps alone.
 * The parts are timed one by one on one thread (its CPU time, so other programs disturb little) by ops that stand
 * before the backend's own; whole steps on `threads`. Shares are those of what a core can do at most, measured in the
 * same minute: FMAs of f32, or products of bf16 (attention and the router are f32 in both). FLOP: 2 x the matrix
 * parameters that a row meets and attention over the keys that it sees, three times: forward, and two products
 * backward. */
#define _DEFAULT_SOURCE
#include "base/mem.h"
#include "base/rng.h"
#include "measure/ceiling.h"
#include "train/trainer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum part {
    LINEAR,
    HEAD,
    ATTEND,
    EXPERTS,
    LINEAR_IN,
    LINEAR_WEIGHTS,
    HEAD_IN,
    HEAD_WEIGHTS,
    ATTEND_BACK,
    EXPERTS_BACK,
    EXPERTS_IN,
    EXPERTS_WEIGHTS,
    LOSS,
    NORMS,
    REST,
    UPDATE,
    N_PARTS
};
static const char *const part_names[N_PARTS] = {"forward: q k v o, router",
                                                "forward: head",
                                                "forward: attention",
                                                "forward: experts",
                                                "linear dX",
                                                "linear dW",
                                                "head dX",
                                                "head dW",
                                                "attention backward",
                                                "experts: G, swiglu'",
                                                "experts dX",
                                                "experts dW",
                                                "loss",
                                                "norms",
                                                "all other ops",
                                                "update"};

static struct {
    double seconds[N_PARTS], flop[N_PARTS];
    const struct backend *be;
    int64_t vocab;
} meter;

static double clock_of(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double cpu_seconds(void)
{
    return clock_of(CLOCK_THREAD_CPUTIME_ID);
}

static void note(enum part part, double since, double flop)
{
    meter.seconds[part] += cpu_seconds() - since;
    meter.flop[part] += flop;
}

/* ---- ops that measure themselves ------------------------------------------------------------------------- */

/* TIMED(op, table, part, flop, (parameters), (arguments)); TIMED_AS where forward and backward have an op of one name.
 */
#define TIMED(op, table, part, flop, parameters, arguments) TIMED_AS(op, op, table, part, flop, parameters, arguments)
#define TIMED_AS(name, op, table, part, flop, parameters, arguments)                                                   \
    static void timed_##name parameters                                                                                \
    {                                                                                                                  \
        double since = cpu_seconds();                                                                                  \
        meter.be->table op arguments;                                                                                  \
        note(part, since, flop);                                                                                       \
    }
#define HAND const struct hand *h

static double pairs(const struct attend *a)
{
    double n = 0;
    for (int r = 0; r < a->kv.n; r++)
        n += a->window && a->kv.pos[r] + 1 > a->window ? (double)a->window : a->kv.pos[r] + 1;
    return n * a->n_heads * a->kv.layout.head_dim;
}

static double pairs_back(const struct attend_back *b)
{
    double n = 0;
    for (int r = 0; r < b->n; r++)
        n += b->window && b->pos[r] + 1 > b->window ? (double)b->window : b->pos[r] + 1;
    return n * b->n_heads * b->head_dim;
}

static double slots(const struct moe *m)
{
    return (double)m->routing->n * m->routing->k * (double)(m->hidden * m->intermediate);
}

static double size(const struct view *w, int n)
{
    return 2.0 * n * (double)(w->rows * w->cols);
}

TIMED(embed, , REST, 0, (HAND, const struct view *t, const int32_t *ids, int n, real *x), (h, t, ids, n, x))
TIMED(norm, , NORMS, 0,
      (HAND, const real *x, const int32_t *rows, const float *gain, float eps, int64_t width, int n, struct act *out),
      (h, x, rows, gain, eps, width, n, out))
TIMED(linear, , w->rows == meter.vocab ? HEAD : LINEAR, size(w, n),
      (HAND, const struct view *w, const float *bias, const struct act *a, int n, const struct view *after, real *y,
       int64_t stride),
      (h, w, bias, a, n, after, y, stride))
TIMED(rope, , REST, 0, (HAND, real *x, int n, int heads, int dim, const float *angles), (h, x, n, heads, dim, angles))
TIMED(kv_append, , REST, 0, (HAND, const struct kv_rows *kv, const real *k, const real *v), (h, kv, k, v))
TIMED(attend, , ATTEND, 4 * pairs(a), (HAND, const struct attend *a), (h, a))
TIMED(add, , REST, 0, (HAND, const real *x, const real *d, int64_t width, int n, real *sum), (h, x, d, width, n, sum))
TIMED(route, , REST, 0, (HAND, const real *logits, struct routing *r), (h, logits, r))
TIMED(experts_in, , EXPERTS, 4 * slots(m), (HAND, const struct moe *m), (h, m))
TIMED(experts_out, , EXPERTS, 2 * slots(m), (HAND, const struct moe *m), (h, m))
TIMED(loss, train->, LOSS, 0, (HAND, const struct targets *t, int64_t vocab, real *logits, double *losses),
      (h, t, vocab, logits, losses))
TIMED(linear_in, train->, w->rows == meter.vocab ? HEAD_IN : LINEAR_IN, size(w, n),
      (HAND, const struct view *w, const struct act *in, const real *dy, int n, bool plus, real *dx),
      (h, w, in, dy, n, plus, dx))
TIMED(linear_weights, train->, outputs == meter.vocab ? HEAD_WEIGHTS : LINEAR_WEIGHTS,
      2.0 * n * (double)(outputs * in->width),
      (HAND, const real *dy, const struct act *in, int n, int64_t outputs, real *dw, real *d_bias),
      (h, dy, in, n, outputs, dw, d_bias))
TIMED(norm_in, train->, NORMS, 0, (HAND, const struct norm_back *b), (h, b))
TIMED(norm_gain, train->, NORMS, 0, (HAND, const struct norm_back *b), (h, b))
TIMED(sinks, train->, REST, 0, (HAND, const struct attend_back *b), (h, b))
TIMED(router_losses, train->, REST, 0,
      (HAND, const real *logits, const struct routing *r, struct router_losses *losses), (h, logits, r, losses))
TIMED(experts, train->, EXPERTS_BACK, 2 * slots(b->moe), (HAND, const struct experts_back *b), (h, b))
TIMED(experts_weights, train->, EXPERTS_WEIGHTS, 6 * slots(b->moe), (HAND, const struct experts_back *b), (h, b))
TIMED_AS(attend_back, attend, train->, ATTEND_BACK, 8 * pairs_back(b), (HAND, const struct attend_back *b), (h, b))
TIMED_AS(experts_in_back, experts_in, train->, EXPERTS_IN, 4 * slots(b->moe), (HAND, const struct experts_back *b),
         (h, b))
TIMED_AS(rope_back, rope, train->, REST, 0, (HAND, real *x, int n, int heads, int dim, const float *angles),
         (h, x, n, heads, dim, angles))
TIMED_AS(route_back, route, train->, REST, 0, (HAND, const struct route_back *b), (h, b))
TIMED_AS(embed_back, embed, train->, REST, 0,
         (HAND, const int32_t *ids, int n, int64_t hidden, const real *d, real *table), (h, ids, n, hidden, d, table))

static const struct backend *metered(const struct backend *be)
{
    static struct backend copy;
    static struct backend_train train;
    meter.be = be;
    copy = *be;
    train = *be->train;
    copy.train = &train;
    copy.embed = timed_embed, copy.norm = timed_norm, copy.linear = timed_linear, copy.rope = timed_rope;
    copy.kv_append = timed_kv_append, copy.attend = timed_attend, copy.add = timed_add, copy.route = timed_route;
    copy.experts_in = timed_experts_in, copy.experts_out = timed_experts_out;
    train.loss = timed_loss, train.linear_in = timed_linear_in, train.linear_weights = timed_linear_weights;
    train.norm_in = timed_norm_in, train.norm_gain = timed_norm_gain, train.rope = timed_rope_back;
    train.attend = timed_attend_back, train.sinks = timed_sinks, train.router_losses = timed_router_losses;
    train.route = timed_route_back, train.experts = timed_experts, train.experts_in = timed_experts_in_back;
    train.experts_weights = timed_experts_weights, train.embed = timed_embed_back;
    return &copy;
}

/* ---- the model and its rows ------------------------------------------------------------------------------ */

enum { SEQ_LEN = 512 };

static struct {
    const char *isa; /* NULL: the best */
    bool bf16;
} how;

static const struct size {
    const char *name;
    int64_t hidden, intermediate, vocab;
    int layers, heads, kv_heads, docs;
} sizes[] = {{"small", 256, 256, 4096, 4, 4, 2, 8},
             {"base", 256, 256, 4096, 6, 4, 2, 8},
             {"wide", 1024, 1024, 4096, 6, 16, 8, 4}};

static struct config config_of(const struct size *s)
{
    struct config c;
    config_family(&c);
    c.n_layers = s->layers, c.hidden = s->hidden, c.intermediate = s->intermediate, c.vocab = s->vocab;
    c.n_heads = s->heads, c.n_kv_heads = s->kv_heads, c.head_dim = 64;
    c.n_experts = 8, c.experts_per_token = 2, c.window = 128, c.context = 2048;
    c.tied = true;
    for (int l = 0; l < s->layers; l++)
        c.sliding[l] = l % 2 == 0;
    return c;
}

static void fail(const struct osso_error *err)
{
    fprintf(stderr, "%s\n", err->text);
    exit(1);
}

static void make(const struct config *c, int docs, int threads, struct trainer *t)
{
    struct osso_error err = {""};
    struct weights w;
    struct rng r;
    size_t count = (size_t)params_count(c);
    float *values = mem_pages(count * sizeof *values);
    struct trainer_options o = {.threads = threads,
                                .seq_len = SEQ_LEN,
                                .max_rows = docs * SEQ_LEN,
                                .max_docs = docs,
                                .isa = how.isa,
                                .bf16 = how.bf16};
    rng_seed(&r, 1);
    if (!values || params_bind(c, values, &w, &err))
        fail(&err);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)((double)(rng_next(&r) >> 40) / 0x1p24 - 0.5) * 0.1f;
    for (int l = 0; l < c->n_layers; l++)
        for (int64_t i = 0; i < c->hidden; i++)
            ((float *)(uintptr_t)w.layers[l].attn_norm)[i] = ((float *)(uintptr_t)w.layers[l].mlp_norm)[i] = 1;
    for (int64_t i = 0; i < c->hidden; i++)
        ((float *)(uintptr_t)w.final_norm)[i] = 1;
    if (trainer_create(c, &w, &o, t, &err))
        fail(&err);
    weights_free(&w);
    mem_pages_free(values, count * sizeof *values);
}

static struct trainer_batch make_batch(int docs, int64_t vocab)
{
    static int32_t ids[8 * (SEQ_LEN + 1)], start[9];
    struct rng r;
    rng_seed(&r, 2);
    for (int i = 0; i < docs * (SEQ_LEN + 1); i++)
        ids[i] = (int32_t)rng_below(&r, (uint64_t)vocab);
    for (int d = 0; d <= docs; d++)
        start[d] = d * (SEQ_LEN + 1);
    return (struct trainer_batch){.n_docs = docs, .ids = ids, .start = start};
}

static void step(struct trainer *t, const struct trainer_batch *batch)
{
    static const struct adamw rule = {1e-4, 0.9, 0.95, 1e-8, 0.1, 1, 0.95};
    struct osso_error err = {""};
    struct trainer_result result;
    if (trainer_gradients(t, batch, 1, 0.01, 0.001, &result, &err))
        fail(&err);
    double since = cpu_seconds();
    trainer_update(t, &rule, &result);
    note(UPDATE, since, 0);
}

/* ---- what is printed -------------------------------------------------------------------------------------- */

/* FLOP/s of one core at most; the best of a few, since others may be at work. */
static double ceiling(void)
{
    struct osso_error err = {""};
    struct team *team;
    double best = 0;
    if (team_create(1, &team, &err))
        fail(&err);
    for (int i = 0; i < 5; i++) {
        double c = (how.bf16 ? ceiling_bf16 : ceiling_f32)(team, backend_cpu(how.isa)->name);
        best = c > best ? c : best;
    }
    team_free(team);
    return best;
}

static void print_share(double flop_per_second, double most)
{
    printf(" %7.1f GFLOP/s", flop_per_second * 1e-9);
    if (most > 0)
        printf(" %5.1f %% of the ceiling", flop_per_second / most * 100);
}

static double parts(const struct config *c, int docs, int steps, double most)
{
    static struct trainer t;
    struct trainer_batch batch = make_batch(docs, c->vocab);
    double all = 0, flop = 0;
    make(c, docs, 1, &t);
    t.forward.backend = metered(t.forward.backend);
    meter.vocab = c->vocab;
    step(&t, &batch);
    memset(meter.seconds, 0, sizeof meter.seconds);
    memset(meter.flop, 0, sizeof meter.flop);
    for (int i = 0; i < steps; i++)
        step(&t, &batch);
    for (int p = 0; p < N_PARTS; p++)
        all += meter.seconds[p], flop += meter.flop[p];
    for (int p = 0; p < N_PARTS; p++) {
        printf("%-26s %8.1f ms %5.1f %%", part_names[p], meter.seconds[p] / steps * 1e3, meter.seconds[p] / all * 100);
        if (meter.flop[p] > 0)
            print_share(meter.flop[p] / meter.seconds[p], most);
        printf("\n");
    }
    printf("%-26s %8.1f ms        ", "a step, one thread", all / steps * 1e3);
    print_share(flop / all, most);
    printf("\n");
    trainer_free(&t);
    return flop / steps;
}

static int compare_doubles(const void *a, const void *b)
{
    return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

static double process_cpu(void)
{
    return clock_of(CLOCK_PROCESS_CPUTIME_ID);
}

static void whole(const struct config *c, int docs, int threads, int steps, double flop, double most)
{
    static struct trainer t;
    struct trainer_batch batch = make_batch(docs, c->vocab);
    double wall[99], cpu[99];
    make(c, docs, threads, &t);
    step(&t, &batch);
    for (int i = 0; i < steps; i++) {
        double wall_from = clock_of(CLOCK_MONOTONIC), cpu_from = process_cpu();
        step(&t, &batch);
        wall[i] = clock_of(CLOCK_MONOTONIC) - wall_from;
        cpu[i] = process_cpu() - cpu_from;
    }
    qsort(wall, (size_t)steps, sizeof *wall, compare_doubles);
    qsort(cpu, (size_t)steps, sizeof *cpu, compare_doubles);
    double w = wall[steps / 2], s = cpu[steps / 2], rows = docs * SEQ_LEN;
    printf("a step, %d threads (median of %d): %.1f ms, %.0f tokens/s, CPU time %.1f ms", threads, steps, w * 1e3,
           rows / w, s * 1e3);
    if (flop > 0)
        print_share(flop / s, most);
    printf("\n");
    trainer_free(&t);
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "base", *dtype = argc > 5 ? argv[5] : "f32";
    bool only_whole = argc > 6 && strcmp(argv[6], "whole") == 0;
    int threads = argc > 2 ? atoi(argv[2]) : cpu_count(), steps = argc > 3 ? atoi(argv[3]) : 5;
    const struct size *s = NULL;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        s = strcmp(sizes[i].name, name) == 0 ? &sizes[i] : s;
    how.isa = argc > 4 ? argv[4] : NULL;
    how.bf16 = strcmp(dtype, "bf16") == 0;
    if (!s || threads < 1 || steps < 1 || steps > 99 || !backend_cpu(how.isa) || (!how.bf16 && strcmp(dtype, "f32"))) {
        fprintf(stderr, "usage: train [small|base|wide [threads [steps [isa [f32|bf16 [whole]]]]]]\n");
        return 2;
    }
    struct config c = config_of(s);
    double most = ceiling();
    printf("%s: %d x %d rows, %s, %s; the ceiling of a core: %.1f GFLOP/s\n", name, s->docs, SEQ_LEN,
           backend_cpu(how.isa)->name, dtype, most * 1e-9);
    double flop = only_whole ? 0 : parts(&c, s->docs, steps, most);
    whole(&c, s->docs, threads, steps, flop, most);
    return 0;
}
