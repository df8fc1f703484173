/* budget.c: sums over the tables that the trainer itself allocates by. */
#include "train/budget.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/sized.h"

#include <math.h>
#include <stdio.h>

/* ---- how long ------------------------------------------------------------------------------------------- */

static int64_t step_tokens(const struct shape *s)
{
    return (int64_t)s->options.max_rows * s->grad_accum;
}

/* Documents are packed whole, so their own order says how many steps they fill; afterwards the source stands at its
 * beginning again. */
static enum osso_status count_steps(const struct shape *s, struct source *source, double docs, int64_t *steps_out,
                                    struct osso_error *err)
{
    struct micro micro = {0};
    enum osso_status status = micro_create(&s->options, &micro, err);
    *steps_out = 0;
    while (!status && (double)source->taken < docs) {
        for (int k = 0; k < s->grad_accum && !status; k++)
            status = source_fill(source, &s->options, s->batch_size, -1, &micro, err);
        ++*steps_out;
    }
    micro_free(&micro);
    return status ? status : source_seek(source, 0, err);
}

enum osso_status budget_steps(const struct osso_train_config *c, const struct shape *s, struct source *source,
                              int64_t *steps_out, struct osso_error *err)
{
    double docs = settings_real(c, TRAIN_epochs) * (double)source_docs(source);
    double per_step = (double)s->batch_size * s->grad_accum, tokens = settings_real(c, TRAIN_max_tokens);
    if (settings_has(c, TRAIN_steps))
        *steps_out = settings_int(c, TRAIN_steps);
    else if (settings_has(c, TRAIN_max_tokens))
        *steps_out = (int64_t)ceil(tokens / (double)step_tokens(s));
    else if (!settings_has(c, TRAIN_epochs))
        return error_set(
            err, OSSO_USAGE, "how long? Say steps, epochs or max_tokens%s",
            settings_has(c, TRAIN_max_minutes) ? " (the rate goes down over them; max_minutes only ends earlier)" : "");
    else if (source->docs)
        return count_steps(s, source, docs, steps_out, err);
    else
        *steps_out = (int64_t)ceil(docs / per_step);
    return OSSO_OK;
}

/* ---- memory --------------------------------------------------------------------------------------------- */

/* Of documents as long as seq_len. The trainer has room for many short ones, a page of either group for each, but pages
 * take memory when they are first written. */
static uint64_t page_bytes(const struct shape *s, const struct backend *be)
{
    struct kv_layout layout = {KV_F32, s->config.n_kv_heads, s->config.head_dim};
    uint64_t pages = ((uint64_t)s->options.seq_len + KV_PAGE - 1) / KV_PAGE * (uint64_t)s->batch_size;
    return pages * (uint64_t)s->config.n_layers * be->kv_layer_bytes(&layout);
}

static uint64_t sum(const struct osso_train_budget *b)
{
    return b->weights + b->gradients + b->moments + b->activations + b->pages;
}

static enum osso_status add_parts(const struct shape *s, struct trainer_options o, struct osso_train_budget *b,
                                  struct osso_error *err)
{
    const struct backend *be = backend_cpu(o.isa);
    if (!be)
        return error_set(err, OSSO_UNSUPPORTED, "instruction set \"%s\" is unknown or not available on this CPU",
                         o.isa);
    trainer_settle(&s->config, &o);
    struct activation_options a = {.exact = true,
                                   .top_k = o.top_k,
                                   .max_rows = o.max_rows,
                                   .max_logits = o.max_logits,
                                   .n_members = o.threads,
                                   .n_kept = o.n_kept};
    b->weights = b->gradients = (uint64_t)params_count(&s->config) * sizeof(float);
    b->weights += o.fake_quant ? fake_quant_bytes(&s->config) : 0;
    b->moments = optimizer_bytes(&s->config, &o.optimizer);
    b->activations = activations_bytes(&s->config, be, &a) + backward_bytes(&s->config, &a);
    b->pages = page_bytes(s, be);
    b->total = sum(b);
    return OSSO_OK;
}

double budget_flop(const struct config *c, int64_t n)
{
    double q = (double)(c->n_heads * c->head_dim), kv = (double)(c->n_kv_heads * c->head_dim), keys = 0;
    double router = params_has(c, params_of(PARAM_router)) ? (double)c->n_experts : 0;
    double layer = 2 * (double)c->hidden * (q + kv) + (double)c->hidden * router +
                   3 * (double)c->experts_per_token * (double)c->hidden * (double)c->intermediate;
    double matrices = c->n_layers * layer + (double)c->vocab * (double)c->hidden;
    double full = ((double)n + 1) / 2, w = c->window < n ? (double)c->window : (double)n;
    double sliding = (w * (w + 1) / 2 + ((double)n - w) * w) / (double)n;
    for (int l = 0; l < c->n_layers; l++)
        keys += c->sliding[l] ? sliding : full;
    return 3 * (2 * matrices + 4 * q * keys);
}

enum osso_status budget_memory(const struct shape *s, struct osso_train_budget *b, struct osso_error *err)
{
    b->parameters = params_total(&s->config);
    b->active_parameters = params_active(&s->config);
    b->available = mem_available();
    b->flop_per_token = budget_flop(&s->config, s->options.seq_len);
    b->tokens_per_step = step_tokens(s);
    return add_parts(s, s->options, b, err);
}

/* What takes less, the cheapest in time first. */
static const struct saving {
    const char *keys;
    bool checkpointing, bf16_moments, one_document;
} savings[] = {
    {"moments: bf16 (beta2 at most 0.98)", false, true, false},
    {"checkpointing: true", true, false, false},
    {"checkpointing: true and moments: bf16 (beta2 at most 0.98)", true, true, false},
    {"checkpointing: true and batch_size: 1 (with grad_accum)", true, false, true},
    {"checkpointing: true, moments: bf16 (beta2 at most 0.98) and batch_size: 1 (with grad_accum)", true, true, true},
};

/* The bytes of the whole run after a saving. */
static enum osso_status total_after(const struct shape *s, const struct saving *saving, uint64_t *total_out,
                                    struct osso_error *err)
{
    struct shape less = *s;
    struct osso_train_budget b = {0};
    if (saving->checkpointing)
        less.options.n_kept = 1;
    if (saving->bf16_moments)
        less.options.optimizer.bf16_moments = true;
    if (saving->one_document) {
        less.batch_size = 1;
        less.options.max_rows = (int)less.options.seq_len;
    }
    enum osso_status status = add_parts(&less, less.options, &b, err);
    *total_out = b.total;
    return status;
}

enum osso_status budget_check(const struct shape *s, uint64_t available, struct osso_error *err)
{
    const double gib = 1 << 30;
    struct osso_train_budget b = {0};
    char fits[160] = "no setting of checkpointing, moments or batch_size makes it fit: take a smaller model";
    enum osso_status status = budget_memory(s, &b, err);
    if (status || b.total <= available)
        return status;
    for (size_t i = 0; i < sizeof savings / sizeof *savings; i++) {
        uint64_t total;
        if ((status = total_after(s, &savings[i], &total, err)))
            return status;
        if (total > available)
            continue;
        snprintf(fits, sizeof fits, "%s makes it %.1f GiB", savings[i].keys, (double)total / gib);
        break;
    }
    return error_set(
        err, OSSO_NOMEM,
        "this run takes %.1f GiB (weights %.1f, gradients %.1f, moments %.1f, activations %.1f, pages %.1f) "
        "and %.1f GiB are free; %s",
        (double)b.total / gib, (double)b.weights / gib, (double)b.gradients / gib, (double)b.moments / gib,
        (double)b.activations / gib, (double)b.pages / gib, (double)available / gib, fits);
}

/* ---- speed ---------------------------------------------------------------------------------------------- */

/* Steps of a model of two such layers, small enough for every machine. */
static enum osso_status measure(const struct shape *s, double seconds, double *speed_out, struct osso_error *err)
{
    enum { MOST_ROWS = 512, MOST_VOCAB = 8192 };
    struct shape small = *s;
    struct trainer t;
    struct micro m = {0};
    small.config.n_layers = s->config.n_layers < 2 ? s->config.n_layers : 2;
    small.config.vocab = s->config.vocab < MOST_VOCAB ? s->config.vocab : MOST_VOCAB;
    small.config.n_stop_ids = 0;
    small.options.seq_len = s->options.seq_len < MOST_ROWS ? s->options.seq_len : MOST_ROWS;
    small.options.max_rows = s->options.max_rows < MOST_ROWS ? s->options.max_rows : MOST_ROWS;
    small.options.max_docs = 1;
    int n = (int)small.options.seq_len;
    enum osso_status status = trainer_create(&small.config, NULL, &small.options, &t, err);
    if (status)
        return status;
    status = micro_create(&small.options, &m, err);
    if (!status)
        m.start[1] = n + 1;
    for (int i = 0; !status && i <= n; i++) {
        m.ids[i] = (int32_t)((int64_t)i * 7919 % small.config.vocab);
        m.weight[i] = i > 0;
    }
    m.batch = (struct trainer_batch){.n_docs = 1, .ids = m.ids, .start = m.start, .weight = m.weight};
    struct adamw rule = {1e-4, 0.9, 0.95, 1e-8, 0, 1, 0};
    double begin = 0, rows = 0;
    for (int i = 0; !status && (i < 2 || clock_seconds() - begin < seconds); i++) {
        struct trainer_result r;
        if (i == 1) /* the first one touches the memory */
            begin = clock_seconds();
        status = trainer_gradients(&t, &m.batch, 1, 0, 0, &r, err);
        if (!status)
            trainer_update(&t, &rule, &r);
        rows += i > 0 ? n : 0;
    }
    *speed_out = status ? 0 : rows * budget_flop(&small.config, n) / (clock_seconds() - begin);
    micro_free(&m);
    trainer_free(&t);
    return status;
}

enum osso_status osso_train_budget(const struct osso_train_config *c, int threads, double seconds,
                                   struct osso_train_budget *out, struct osso_error *err)
{
    struct osso_train_budget b = {0};
    struct shape s;
    struct source source = {0};
    enum osso_status status = sized_check(out, "osso_train_budget", err);
    if (!status)
        status = shape_make(c, NULL, threads, NULL, &s, err);
    if (status)
        return status;
    status = budget_memory(&s, &b, err);
    if (!status && source_wanted(c, false)) {
        status = source_open(c, s.tokenizer, false, &source, err);
        b.epoch_tokens = status ? 0 : source_tokens(&source);
        if (!status)
            status = budget_steps(c, &s, &source, &b.steps, err);
        source_close(&source);
    } else if (!status && settings_has(c, TRAIN_steps)) {
        b.steps = settings_int(c, TRAIN_steps);
    }
    if (!status && seconds > 0)
        status = measure(&s, seconds, &b.flop_per_second, err);
    shape_free(&s);
    if (!status)
        sized_out(out, &b, sizeof b);
    return status;
}
