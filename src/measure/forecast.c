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

/* What two layers of gpt-oss made of both, or by the table what others did. The rate of the file's pages, or as of any
 * memory. */
static void decode(struct osso_forecast *f, const struct osso_rates *r, const struct share *share, double bytes,
                   double kernel_gbps, const struct mapped *mapped)
{
    bool known = r->token_gbps > 0 && r->kernel_gbps > 0;
    double share_of_both = known ? r->token_gbps / together(r->read_gbps, r->kernel_gbps) : share->decode;
    double read = mapped->gbps > 0 ? mapped->gbps : r->read_gbps, lower = read <= kernel_gbps ? read : kernel_gbps;
    const char *memory = mapped->gbps > 0 ? "this file's pages" : "memory", *kernels = "the kernels in the cache";
    double part = share_of_both * together(read, kernel_gbps) / lower;
    f->decode_ts = lower * 1e9 * part / bytes;
    snprintf(f->decode_why, sizeof f->decode_why,
             "%.2f GB a token / %.1f GB/s of %s (%s %.1f) x %.0f %% of the lower one%s%s", bytes * 1e-9, lower,
             read <= kernel_gbps ? memory : kernels, read <= kernel_gbps ? kernels : memory,
             read <= kernel_gbps ? kernel_gbps : read, 100 * part, known ? ", as two layers reached" : ", as elsewhere",
             assumed(mapped));
}

/* What the model's own first layers get where they lie says more than what any others do. */
static void by_first_layers(struct osso_forecast *f, const struct first_layers *first, int n_layers,
                            const struct osso_token_cost *cost)
{
    double operations = 2 * (double)cost->multiply_adds + 2 * (double)cost->head_multiply_adds / PROMPT;
    if (first->layers_seconds > 0) {
        double ms = first->layers_seconds / first->n * n_layers * 1e3, head_ms = first->head_seconds * 1e3;
        f->decode_ts = 1e3 / (ms + head_ms);
        snprintf(
            f->decode_why, sizeof f->decode_why,
            "%.2f GB a token; this file's first %d layers take %.1f ms and the head %.1f, so all %d layers %.0f ms",
            (double)(cost->weight_bytes + cost->head_bytes + cost->kv_bytes) * 1e-9, first->n,
            first->layers_seconds * 1e3, head_ms, n_layers, ms);
    }
    if (first->prompt_tops > 0) {
        f->prefill_ts = first->prompt_tops * 1e12 / operations;
        snprintf(f->prefill_why, sizeof f->prefill_why,
                 "%.2f GOP a token / %.2f TOP/s that %d tokens get through this file's first %d layers",
                 operations * 1e-9, first->prompt_tops, PROMPT, first->n);
    }
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
                              const struct first_layers *first, double kernel_gbps, const struct mapped *mapped,
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
        decode(f, r, share, bytes, kernel_gbps, mapped);
        prefill(f, r, share, &cost, kernel_gbps);
    }
    by_first_layers(f, first, model->config.n_layers, &cost);
    return status;
}

static enum osso_status weigh(const struct osso_model *model, const struct osso_rates *rates, const char *kv_type,
                              const struct first_layers *first, double kernel_gbps, const struct mapped *mapped,
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
    status = weigh(model, rates, kv_type, &(struct first_layers){0}, rates->kernel_gbps, &(struct mapped){0}, out, err);
    osso_model_free(model);
    return status;
}

enum osso_status osso_forecast_model(struct osso_model *model, const struct osso_rates *rates, const char *kv_type,
                                     struct osso_forecast *out, struct osso_error *err)
{
    double kernel_gbps = 0;
    struct mapped mapped;
    struct first_layers first = {0};
    struct osso_error ignored; /* an engine that does not fit is what the forecast says then */
    mapped_measure(model->tensors.maps, model->tensors.n_maps, rates->threads, PART_BYTES, disk_seconds, &mapped);
    if (mapped.bytes >= SMALL_BYTES && mapped.there / 7 * 8 >= mapped.bytes)
        (void)first_layers_measure(model, rates, PROMPT, &first, &ignored);
    if (rates->read_gbps > 0 && (first.prompt_tops <= 0 || first.layers_seconds <= 0)) /* else they say all */
        (void)kernel_rate(model, rates, &kernel_gbps, &ignored);
    return weigh(model, rates, kv_type, &first, kernel_gbps, &mapped, out, err);
}
