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

enum { READS = 5, DOTS = 3, ROWS = 512, FEW_ROWS = 128, VOCAB = 16384, SHORT_VOCAB = 4096 };

static void measure_ceilings(struct osso_rates *r, struct osso_ceiling *ceiling)
{
    double reads[READS], dots[DOTS];
    for (int i = 0; i < READS; i++)
        reads[i] = osso_ceiling_read(ceiling);
    for (int i = 0; i < DOTS; i++)
        dots[i] = osso_ceiling_int8(ceiling, r->isa);
    r->read_gbps = median_of(reads, READS);
    r->int8_tops = median_of(dots, DOTS);
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

static enum osso_status layers(int n, int n_experts, int vocab, struct osso_model **model_out, struct osso_error *err)
{
    struct config config;
    enum osso_status status = config_preset("20b", &config, err);
    config.n_layers = n;
    config.n_experts = n_experts;
    config.vocab = vocab;
    return status ? status : model_synthesize("layers", &config, 1, false, model_out, err);
}

/* The kernels of one row in the cache, and what prompts and tokens take. */
static enum osso_status measure_layers(struct osso_rates *r, struct osso_model *model, int rows,
                                       struct osso_ceiling *ceiling, struct osso_error *err)
{
    struct passes passes = {0};
    struct osso_token_cost cost = {.size = sizeof cost};
    struct osso_engine_options o = {.size = sizeof o, .isa = r->isa};
    enum osso_status status = kernel_rate(model, r, &r->kernel_gbps, err);
    if (!status)
        status = osso_bench_token_cost(model, &o, 0, &cost, err);
    if (!status)
        status = passes_measure(model, r, rows, ceiling, &passes, err);
    if (!status && passes.prompt_seconds > 0)
        r->prompt_tops = 2e-12 * (double)cost.multiply_adds * passes.rows / passes.prompt_seconds;
    if (!status && passes.layers_seconds > 0)
        r->token_gbps = 1e-9 * (double)cost.weight_bytes / passes.layers_seconds;
    if (!status && passes.head_seconds > 0)
        r->head_gbps = 1e-9 * (double)cost.head_bytes / passes.head_seconds;
    return status;
}

/* Two whole layers of gpt-oss-20b, more than caches hold, a prompt as long as a step, and a twelfth of its vocabulary.
 * Where there is no room for this 1 GB twice: one layer with twice as many experts as a token takes, each of which
 * sees half of a prompt's rows: 64, as in a step of 512 over 32. What tokens reach, the table must say then. */
static enum osso_status measure_kernels(struct osso_rates *r, struct osso_ceiling *ceiling, struct osso_error *err)
{
    const uint64_t room = 3000000000;
    struct osso_machine machine = {.size = sizeof machine};
    struct osso_model *model = NULL;
    osso_machine_read(&machine);
    bool much = machine.available_bytes >= room && machine.group_bytes >= room && machine.address_bytes >= room;
    enum osso_status status = much ? layers(2, 32, VOCAB, &model, err) : layers(1, 8, SHORT_VOCAB, &model, err);
    if (!status)
        status = measure_layers(r, model, much ? ROWS : FEW_ROWS, ceiling, err);
    if (!much)
        r->token_gbps = r->head_gbps = 0;
    osso_model_free(model);
    return status;
}

enum osso_status osso_rates_measure(int threads, const char *isa, struct osso_rates *out, struct osso_error *err)
{
    struct osso_rates r = {.threads = threads > 0 ? threads : cpu_count(), .isa = isa ? isa : osso_isa_name(0)};
    struct osso_ceiling *ceiling = NULL;
    enum osso_status status = sized_check(out, "osso_rates", err);
    if (status)
        return status;
    status = osso_ceiling_create(r.threads, &ceiling, err);
    if (!status) {
        measure_ceilings(&r, ceiling);
        status = measure_kernels(&r, ceiling, err);
    }
    osso_ceiling_free(ceiling);
    sized_out(out, &r, sizeof r);
    return status;
}
