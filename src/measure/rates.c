/* rates.c: what doctor's forecasts begin with, measured now: ceilings, and what the kernels make of them in layers of
 * gpt-oss's width. */
#include "measure/rates.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/sized.h"
#include "base/sorted.h"
#include "checkpoint/model_open.h"
#include "measure/ceiling.h"
#include "measure/passes.h"

enum { READS = 7, DOTS = 3, ROWS = 128, LAYER_VOCAB = 4096 };

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

enum osso_status kernel_rate(struct osso_model *model, const struct osso_rates *rates, double *gbps_out,
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

static enum osso_status layers(int n, int n_experts, struct osso_model **model_out, struct osso_error *err)
{
    struct config config;
    enum osso_status status = config_preset("20b", &config, err);
    config.n_layers = n;
    config.n_experts = n_experts;
    config.vocab = LAYER_VOCAB;
    return status ? status : model_synthesize("layers", &config, 1, false, model_out, err);
}

/* A layer of gpt-oss with a short head: all that the slices are cut from. Of twice as many experts as a token takes
 * each sees half of a prompt's rows: 64, as in a step of 512 over the 32 of a 20b. */
static enum osso_status measure_kernels(struct osso_rates *r, struct osso_error *err)
{
    struct osso_model *model = NULL;
    enum osso_status status = layers(1, 8, &model, err);
    if (!status)
        status = kernel_rate(model, r, &r->kernel_gbps, err);
    if (!status && r->int8_tops > 0) /* else it would take long, and one row says as much */
        status = prompt_rate(model, r, ROWS, &r->prompt_tops, err);
    osso_model_free(model);
    return status;
}

static enum osso_status token_gbps(struct osso_model *model, struct osso_rates *r, struct osso_error *err)
{
    struct osso_token_cost cost = {.size = sizeof cost};
    struct osso_engine_options o = {.size = sizeof o, .isa = r->isa};
    double layers, head;
    enum osso_status status = osso_bench_token_cost(model, &o, 0, &cost, err);
    if (!status)
        status = token_seconds(model, r, &layers, &head, err);
    if (!status)
        r->token_gbps = (double)(cost.weight_bytes + cost.head_bytes) / (layers + head) * 1e-9;
    return status;
}

/* Two whole layers, more than caches hold. Where there is no room for their 0.9 GB twice, the table must do. */
static enum osso_status measure_tokens(struct osso_rates *r, struct osso_error *err)
{
    const uint64_t room = 2000000000;
    struct osso_machine machine = {.size = sizeof machine};
    struct osso_model *model = NULL;
    osso_machine_read(&machine);
    if (machine.available_bytes < room || machine.group_bytes < room || machine.address_bytes < room)
        return OSSO_OK;
    enum osso_status status = layers(2, 32, &model, err);
    if (!status)
        status = token_gbps(model, r, err);
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
    if (!status)
        status = measure_tokens(&r, err);
    sized_out(out, &r, sizeof r);
    return status;
}
