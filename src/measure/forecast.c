/* forecast.c: from ceilings and the bytes and operations of a token to tokens a second, and from sizes and limits to
 * whether a model fits. Every speed here begins with a measurement of a moment ago. */
#include "osso/forecast.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/sized.h"
#include "base/sorted.h"
#include "checkpoint/model_open.h"
#include "measure/shares.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { READS = 7, DOTS = 3, PROMPT = 512, ROWS = 128, LAYER_VOCAB = 4096, SMALL_BYTES = 256 << 20 };

static enum osso_status measure_ceilings(struct osso_rates *r, struct osso_error *err)
{
    struct osso_ceiling *ceiling;
    double reads[READS], dots[DOTS];
    enum osso_status status = osso_ceiling_create(r->threads, &ceiling, err);
    if (status)
        return status;
    for (int i = 0; i < READS; i++)
        reads[i] = osso_ceiling_read(ceiling);
    for (int i = 0; i < DOTS; i++)
        dots[i] = osso_ceiling_int8(ceiling, r->isa);
    osso_ceiling_free(ceiling);
    sort_numbers(reads, READS);
    sort_numbers(dots, DOTS);
    r->read_gbps = sorted_quantile(reads, READS, 0.5);
    r->int8_tops = sorted_quantile(dots, DOTS, 0.5);
    return OSSO_OK;
}

/* The rate of a model's own kernels in the cache. */
static enum osso_status kernel_rate(struct osso_model *model, const struct osso_rates *rates, double *gbps_out,
                                    struct osso_error *err)
{
    enum { FEW = 16 };
    struct osso_engine *engine = NULL;
    struct osso_engine_options o = {
        .size = sizeof o, .threads = rates->threads, .isa = rates->isa, .context = FEW, .max_rows = FEW};
    if (o.context > model->config.context)
        o.context = model->config.context;
    enum osso_status status = osso_engine_create(model, &o, &engine, err);
    if (!status)
        status = osso_bench_resident(engine, gbps_out, err);
    osso_engine_free(engine);
    return status;
}

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* A prompt through the layer, best of a few; by CPU time, as ceilings are. */
static enum osso_status prompt_once(struct osso_engine *e, struct osso_session *s, double operations, double *best,
                                    struct osso_error *err)
{
    int32_t ids[ROWS];
    enum osso_status status = osso_session_rewind(s, 0, err);
    for (int i = 0; i < ROWS; i++)
        ids[i] = i * 31 % LAYER_VOCAB;
    if (!status)
        status = osso_session_sync(s, ids, ROWS, err);
    double start = cpu_seconds();
    while (!status && !osso_session_ready(s))
        status = osso_step(e, &s, 1, 0, err);
    double tops = operations / (cpu_seconds() - start) * osso_engine_threads(e) * 1e-12;
    *best = tops > *best ? tops : *best;
    return status;
}

static enum osso_status prompt_rate(struct osso_model *model, struct osso_rates *r, struct osso_error *err)
{
    enum { ROUNDS = 4 };
    struct osso_engine *engine = NULL;
    struct osso_session *session = NULL;
    struct osso_token_cost cost = {.size = sizeof cost};
    struct osso_engine_options o = {
        .size = sizeof o, .threads = r->threads, .isa = r->isa, .context = ROWS, .max_rows = ROWS};
    enum osso_status status = osso_bench_token_cost(model, &o, 0, &cost, err);
    if (!status)
        status = osso_engine_create(model, &o, &engine, err);
    if (!status)
        status = osso_session_create(engine, 0, &session, err);
    double operations = 2 * ((double)cost.multiply_adds * ROWS + (double)cost.head_multiply_adds);
    for (int i = 0; i < ROUNDS && !status; i++)
        status = prompt_once(engine, session, operations, &r->prompt_tops, err);
    osso_session_free(session);
    osso_engine_free(engine);
    return status;
}

/* A layer of gpt-oss with a short head: all that the slices are cut from. Of twice as many experts as a token takes
 * each sees half of a prompt's rows: 64, as in a step of 512 over the 32 of a 20b. */
static enum osso_status measure_kernels(struct osso_rates *r, struct osso_error *err)
{
    struct config config;
    struct osso_model *model = NULL;
    enum osso_status status = config_preset("20b", &config, err);
    config.n_layers = 1;
    config.n_experts = 2 * config.experts_per_token;
    config.vocab = LAYER_VOCAB;
    if (!status)
        status = model_synthesize("a layer", &config, 1, false, &model, err);
    if (!status)
        status = kernel_rate(model, r, &r->kernel_gbps, err);
    if (!status && r->int8_tops > 0) /* else it would take long, and one row says as much */
        status = prompt_rate(model, r, err);
    osso_model_free(model);
    return status;
}

enum osso_status osso_rates_measure(int threads, const char *isa, struct osso_rates *out, struct osso_error *err)
{
    struct osso_rates r = {.threads = threads > 0 ? threads : cpu_count(), .isa = isa ? isa : osso_isa_name(0)};
    enum osso_status status = sized_check(out, "osso_rates", err);
    if (status)
        return status;
    status = measure_ceilings(&r, err);
    if (!status)
        status = measure_kernels(&r, err);
    sized_out(out, &r, sizeof r);
    return status;
}

/* ---- does it fit? --------------------------------------------------------------------------------------- */

/* mapped: of the weights, what is in the address space already. */
static enum osso_fit fit_of(const struct osso_machine *m, uint64_t weights, uint64_t mapped, uint64_t rest,
                            const char **limit)
{
    uint64_t whole = weights + rest; /* both bounded by config_check and the files */
    if (whole - mapped > m->address_bytes) {
        *limit = "the address-space limit (ulimit -v)";
        return OSSO_FITS_NOT;
    }
    if (whole <= m->available_bytes)
        return OSSO_FITS;
    *limit = m->group_bytes <= m->available_bytes ? "the memory of this control group" : "free memory";
    return rest > m->reachable_bytes ? OSSO_FITS_NOT : OSSO_FITS_PAGING;
}

static enum osso_status memory(const struct osso_model *model, const struct osso_rates *rates, const char *kv_type,
                               struct osso_forecast *f, struct osso_error *err)
{
    static const int64_t tokens[] = {4096, 32768, 131072};
    struct osso_machine m = {.size = sizeof m};
    enum osso_status status = OSSO_OK;
    int64_t most = model->config.context;
    uint64_t mapped = model->tensors.n_maps > 0 ? f->weight_bytes : 0;
    osso_machine_read(&m);
    for (int i = 0; i < 3 && !status; i++) {
        if (tokens[i] > most && i > 0)
            break;
        uint64_t kv, rest;
        const char *limit = NULL;
        struct osso_engine_options o = {.size = sizeof o,
                                        .threads = rates->threads,
                                        .isa = rates->isa,
                                        .kv_type = kv_type,
                                        .context = tokens[i] < most ? tokens[i] : most};
        status = osso_engine_memory(model, &o, &kv, &rest, err);
        f->context[i].tokens = o.context;
        f->context[i].kv_bytes = kv;
        f->context[i].fit = fit_of(&m, f->weight_bytes, mapped, kv + rest, &limit);
        f->activation_bytes = rest > f->activation_bytes ? rest : f->activation_bytes;
        f->limit = f->limit ? f->limit : limit;
        f->n_contexts = i + 1;
    }
    return status;
}

/* ---- how fast? ------------------------------------------------------------------------------------------ */

/* Memory and kernels work at the same time, but neither hides the other wholly: their times go together as the sides of
 * a right angle. */
static void decode(struct osso_forecast *f, const struct osso_rates *r, const struct share *share, double bytes,
                   double kernel_gbps)
{
    bool memory_first = r->read_gbps <= kernel_gbps;
    double lower = memory_first ? r->read_gbps : kernel_gbps, other = memory_first ? kernel_gbps : r->read_gbps;
    double part = share->decode / sqrt(1 + lower / other * (lower / other));
    f->decode_ts = lower * 1e9 * part / bytes;
    snprintf(f->decode_why, sizeof f->decode_why,
             "%.2f GB a token / %.1f GB/s of %s (%s %.1f) x %.0f %% of the lower one", bytes * 1e-9, lower,
             memory_first ? "memory" : "the kernels in the cache", memory_first ? "the kernels in the cache" : "memory",
             other, 100 * part);
}

static void prefill(struct osso_forecast *f, const struct osso_rates *r, const struct share *share,
                    const struct osso_token_cost *cost, double kernel_gbps)
{
    double bytes = (double)cost->weight_bytes, operations = 2 * (double)cost->multiply_adds;
    double whole = operations + 2 * (double)cost->head_multiply_adds / PROMPT; /* only the last token has logits */
    bool dots = r->int8_tops > 0 && r->prompt_tops > 0;
    if (!dots && share->prefill <= 0)
        return; /* there are integer dots, but what a prompt reaches of them could not be measured */
    double tops = dots ? r->int8_tops : kernel_gbps * 1e-3 * operations / bytes;
    double part = dots ? r->prompt_tops / r->int8_tops : share->prefill;
    f->prefill_ts = tops * 1e12 * part / whole;
    snprintf(f->prefill_why, sizeof f->prefill_why,
             "%.2f GOP a token / %.2f TOP/s of %s x %.0f %% that the %s kernels %s", whole * 1e-9, tops,
             dots ? "integer dots" : "one row in the cache", 100 * part, r->isa,
             dots ? "reach in a layer of gpt-oss's width" : "reach");
}

static enum osso_status speed(const struct osso_model *model, const struct osso_rates *r, const char *kv_type,
                              double kernel_gbps, struct osso_forecast *f, struct osso_error *err)
{
    struct osso_token_cost cost = {.size = sizeof cost};
    struct osso_engine_options o = {.size = sizeof o, .isa = r->isa, .kv_type = kv_type};
    const struct share *share = share_of(r->isa);
    const char *why = "not known: this machine could not be measured";
    enum osso_status status = osso_bench_token_cost(model, &o, 0, &cost, err);
    double bytes = (double)(cost.weight_bytes + cost.head_bytes + cost.kv_bytes);
    bool small = bytes < SMALL_BYTES;
    if (small)
        why = "not known: so small a model lives in caches and waits for its threads; osso bench measures it";
    snprintf(f->decode_why, sizeof f->decode_why, "%s", why);
    snprintf(f->prefill_why, sizeof f->prefill_why, "%s", why);
    if (status || small || !share || r->read_gbps <= 0 || kernel_gbps <= 0)
        return status;
    decode(f, r, share, bytes, kernel_gbps);
    prefill(f, r, share, &cost, kernel_gbps);
    return status;
}

static enum osso_status weigh(const struct osso_model *model, const struct osso_rates *rates, const char *kv_type,
                              double kernel_gbps, struct osso_forecast *out, struct osso_error *err)
{
    struct osso_forecast f = {0};
    struct osso_model_dims dims = {.size = sizeof dims};
    enum osso_status status = sized_check(out, "osso_forecast", err);
    osso_model_dims(model, &dims);
    f.weight_bytes = dims.file_bytes;
    if (!status)
        status = memory(model, rates, kv_type, &f, err);
    if (!status)
        status = speed(model, rates, kv_type, kernel_gbps, &f, err);
    if (!status)
        sized_out(out, &f, sizeof f);
    return status;
}

enum osso_status osso_forecast_preset(const char *preset, const struct osso_rates *rates, const char *kv_type,
                                      struct osso_forecast *out, struct osso_error *err)
{
    struct osso_model *model;
    enum osso_status status = model_outline(preset, &model, err);
    if (status)
        return status;
    status = weigh(model, rates, kv_type, rates->kernel_gbps, out, err);
    osso_model_free(model);
    return status;
}

enum osso_status osso_forecast_model(struct osso_model *model, const struct osso_rates *rates, const char *kv_type,
                                     struct osso_forecast *out, struct osso_error *err)
{
    double kernel_gbps = 0;
    struct osso_error ignored; /* an engine that does not fit is what the forecast says then */
    if (rates->read_gbps > 0)
        (void)kernel_rate(model, rates, &kernel_gbps, &ignored);
    return weigh(model, rates, kv_type, kernel_gbps, out, err);
}
