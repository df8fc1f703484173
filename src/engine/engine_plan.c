/* engine_plan.c: what an engine would take where it computes, asked without making one. */
#include "base/sized.h"
#include "engine/engine_parts.h"

#include <stdio.h>

enum osso_status osso_engine_memory(const struct osso_model *model, const struct osso_engine_options *options,
                                    uint64_t *kv_bytes_out, uint64_t *activation_bytes_out, struct osso_error *err)
{
    struct engine_memory m;
    enum osso_status status = engine_needs(&model->config, NULL, options, &m, err);
    *kv_bytes_out = m.kv;
    *activation_bytes_out = m.activations + m.tables;
    return status;
}

enum osso_status osso_engine_plan(const struct osso_model *model, const struct osso_engine_options *options,
                                  struct osso_engine_plan *out, struct osso_error *err)
{
    struct engine_memory m;
    /* An engine that is there may be asked to share: only the list of these is looked at. */
    enum osso_status status = engine_needs(&model->config, (struct osso_model *)(uintptr_t)model, options, &m, err);
    struct osso_engine_plan plan = {.size = sizeof plan,
                                    .context = m.context,
                                    .weight_bytes = m.weights,
                                    .kv_bytes = m.kv,
                                    .scratch_bytes = m.activations + m.own,
                                    .available_bytes = m.available,
                                    .host_bytes = m.lent,
                                    .host_layers = m.host_layers,
                                    .embed_bytes = m.embed};
    snprintf(plan.device, sizeof plan.device, "%s", m.name);
    snprintf(plan.driver, sizeof plan.driver, "%s", m.gpu.driver);
    snprintf(plan.features, sizeof plan.features, "%s", m.gpu.features);
    snprintf(plan.bits, sizeof plan.bits, "%s", m.gpu.bits);
    sized_out(out, &plan, sizeof plan);
    return status;
}
