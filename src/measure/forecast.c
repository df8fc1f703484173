/* forecast.c: from ceilings and the bytes and operations of a token to tokens a second, and from sizes and limits to
 * whether a model fits. Every speed here begins with a measurement of a moment ago. */
#include "osso/forecast.h"

#include "base/error.h"
#include "base/sized.h"
#include "checkpoint/model_open.h"
#include "measure/mapped.h"
#include "measure/passes.h"
#include "measure/rates.h"
#include "measure/shares.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { PROMPT = 512, SMALL_BYTES = 256 << 20, PART_BYTES = 256 << 20 /* of a file, more than caches hold */ };
static const double disk_seconds = 1.5;

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
static double together(double a, double b)
{
    return 1 / sqrt(1 / (a * a) + 1 / (b * b));
}

/* What is taken for granted where it could not be measured. */
static const char *assumed(const struct mapped *m)
{
    if (m->gbps > 0)
        return m->there < m->bytes ? ", once they are in memory" : "";
    return m->bytes >= PART_BYTES ? ", if this file's pages, which are not there, lie as well" : "";
}

/* Of what memory and kernels give together, what two layers of gpt-oss and the matrix behind them made, in a model's
 * proportions; 0: it was not measured. */
static double measured_share(const struct osso_rates *r, const struct osso_token_cost *cost, double bytes)
{
    double head_gbps = r->head_gbps > 0 ? r->head_gbps : r->token_gbps;
    if (r->token_gbps <= 0 || r->kernel_gbps <= 0)
        return 0;
    double head = (double)cost->head_bytes, seconds = (bytes - head) / r->token_gbps + head / head_gbps;
    return bytes / seconds / together(r->read_gbps, r->kernel_gbps);
}

/* By that share, or by the table of what others reached. The rate of the file's pages, or as of any memory. */
static void decode(struct osso_forecast *f, const struct osso_rates *r, const struct share *share,
                   const struct osso_token_cost *cost, double kernel_gbps, const struct mapped *mapped)
{
    double bytes = (double)(cost->weight_bytes + cost->head_bytes + cost->kv_bytes);
    double known = measured_share(r, cost, bytes);
    double read = mapped->gbps > 0 ? mapped->gbps : r->read_gbps, lower = read <= kernel_gbps ? read : kernel_gbps;
    const char *memory = mapped->gbps > 0 ? "this file's pages" : "memory", *kernels = "the kernels in the cache";
    double part = (known > 0 ? known : share->decode) * together(read, kernel_gbps) / lower;
    f->decode_ts = lower * 1e9 * part / bytes;
    snprintf(f->decode_why, sizeof f->decode_why,
             "%.2f GB a token / %.1f GB/s of %s (%s %.1f) x %.0f %% of the lower one%s%s", bytes * 1e-9, lower,
             read <= kernel_gbps ? memory : kernels, read <= kernel_gbps ? kernels : memory,
             read <= kernel_gbps ? kernel_gbps : read, 100 * part,
             known > 0 ? ", as two layers reached" : ", as elsewhere", assumed(mapped));
}

/* What the model's own first layers get where they lie says more than what any others do. */
static void by_first_layers(struct osso_forecast *f, const struct passes *first, int n_layers,
                            const struct osso_token_cost *cost)
{
    double head_ms = first->head_seconds * 1e3;
    if (first->layers_seconds > 0) {
        double ms = first->layers_seconds / first->n_layers * n_layers * 1e3;
        f->decode_ts = 1e3 / (ms + head_ms);
        snprintf(
            f->decode_why, sizeof f->decode_why,
            "%.2f GB a token; this file's first %d layers take %.1f ms and the head %.1f, so all %d layers %.0f ms",
            (double)(cost->weight_bytes + cost->head_bytes + cost->kv_bytes) * 1e-9, first->n_layers,
            first->layers_seconds * 1e3, head_ms, n_layers, ms);
    }
    if (first->prompt_seconds > 0) {
        double ms = first->prompt_seconds / first->prompt_layers * n_layers * 1e3;
        f->prefill_ts = first->rows * 1e3 / (ms + head_ms); /* only the last token has logits */
        snprintf(f->prefill_why, sizeof f->prefill_why,
                 "%.2f GOP a token; %d tokens take %.0f ms through this file's first %d layers, so %.0f through all %d",
                 2e-9 * (double)cost->multiply_adds, first->rows, first->prompt_seconds * 1e3, first->prompt_layers, ms,
                 n_layers);
    }
}

/* A prompt goes through all experts of a layer, its tokens through few of them. */
static double prompt_bytes(const struct osso_model *model, const struct osso_token_cost *cost)
{
    double all = (double)model->config.n_experts / model->config.experts_per_token;
    return (double)(cost->weight_bytes - cost->expert_bytes) + (double)cost->expert_bytes * all;
}

/* Bytes of a prompt's weights beyond those that were measured with as many operations: of a 120b, the more experts. */
static enum osso_status more_bytes(const struct osso_model *model, const struct osso_token_cost *cost,
                                   double *bytes_out, struct osso_error *err)
{
    struct osso_token_cost like = {.size = sizeof like};
    struct osso_engine_options o = {.size = sizeof o};
    struct osso_model *measured;
    *bytes_out = 0;
    enum osso_status status = model_outline("20b", &measured, err);
    if (!status)
        status = osso_bench_token_cost(measured, &o, 0, &like, err);
    if (!status)
        *bytes_out = fmax(0, prompt_bytes(model, cost) - prompt_bytes(measured, &like) / (double)like.multiply_adds *
                                                             (double)cost->multiply_adds);
    osso_model_free(measured);
    return status;
}

static void prefill(struct osso_forecast *f, const struct osso_rates *r, const struct share *share,
                    const struct osso_token_cost *cost, double kernel_gbps, double more)
{
    double bytes = (double)cost->weight_bytes, layers = 2 * (double)cost->multiply_adds;
    double whole = layers + 2 * (double)cost->head_multiply_adds / PROMPT; /* only the last token has logits */
    bool dots = r->int8_tops > 0 && r->prompt_tops > 0;
    if (!dots && share->prefill <= 0)
        return; /* there are integer dots, but what a prompt reaches of them could not be measured */
    double tops = dots ? r->int8_tops : kernel_gbps * 1e-3 * layers / bytes;
    double reached = dots ? r->prompt_tops : tops * share->prefill;
    double head_gbps = r->head_gbps > 0 ? r->head_gbps : r->read_gbps;
    double seconds = layers * 1e-12 / reached +
                     ((double)cost->head_bytes / head_gbps + more / r->read_gbps) * 1e-9 / PROMPT;
    char also[64] = "";
    if (more > 0)
        snprintf(also, sizeof also, ", with %.0f GB more to read", more * 1e-9);
    f->prefill_ts = 1 / seconds;
    snprintf(f->prefill_why, sizeof f->prefill_why,
             "%.2f GOP a token / %.2f TOP/s of %s x %.0f %% that the %s kernels %s%s", whole * 1e-9, tops,
             dots ? "integer dots" : "one row in the cache", 100 * whole * 1e-12 / seconds / tops, r->isa,
             dots ? "reach in layers of gpt-oss's width" : "reach", also);
}

static enum osso_status speed(const struct osso_model *model, const struct osso_rates *r, const char *kv_type,
                              const struct passes *first, double kernel_gbps, const struct mapped *mapped,
                              struct osso_forecast *f, struct osso_error *err)
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
    if (status || small)
        return status;
    if (share && r->read_gbps > 0 && kernel_gbps > 0) {
        double more;
        decode(f, r, share, &cost, kernel_gbps, mapped);
        status = more_bytes(model, &cost, &more, err);
        if (!status)
            prefill(f, r, share, &cost, kernel_gbps, more);
    }
    by_first_layers(f, first, model->config.n_layers, &cost);
    return status;
}

static enum osso_status weigh(const struct osso_model *model, const struct osso_rates *rates, const char *kv_type,
                              const struct passes *first, double kernel_gbps, const struct mapped *mapped,
                              struct osso_forecast *out, struct osso_error *err)
{
    struct osso_forecast f = {0};
    struct osso_model_dims dims = {.size = sizeof dims};
    enum osso_status status = sized_check(out, "osso_forecast", err);
    osso_model_dims(model, &dims);
    f.weight_bytes = dims.file_bytes;
    f.there_bytes = mapped->there;
    f.disk_gbps = mapped->disk_gbps;
    if (!status)
        status = memory(model, rates, kv_type, &f, err);
    if (!status)
        status = speed(model, rates, kv_type, first, kernel_gbps, mapped, &f, err);
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
    status = weigh(model, rates, kv_type, &(struct passes){0}, rates->kernel_gbps, &(struct mapped){0}, out, err);
    osso_model_free(model);
    return status;
}

enum osso_status osso_forecast_model(struct osso_model *model, const struct osso_rates *rates, const char *kv_type,
                                     struct osso_forecast *out, struct osso_error *err)
{
    double kernel_gbps = 0;
    struct mapped mapped;
    struct passes first = {0};
    struct osso_error ignored; /* an engine that does not fit is what the forecast says then */
    mapped_measure(model->tensors.maps, model->tensors.n_maps, rates->threads, PART_BYTES, disk_seconds, &mapped);
    if (mapped.bytes >= SMALL_BYTES && mapped.there / 7 * 8 >= mapped.bytes)
        (void)passes_measure_first(model, rates, PROMPT, &first, &ignored);
    if (rates->read_gbps > 0 && (first.prompt_seconds <= 0 || first.layers_seconds <= 0)) /* else they say all */
        (void)kernel_rate(model, rates, &kernel_gbps, &ignored);
    return weigh(model, rates, kv_type, &first, kernel_gbps, &mapped, out, err);
}
