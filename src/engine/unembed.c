/* unembed.c: from residual rows to logits, outside of a step. */
#include "engine/engine_parts.h"

#include "base/error.h"

#include <string.h>

static void run_head(const struct member *member, void *arg)
{
    struct osso_engine *e = arg;
    struct hand hand = forward_hand(&e->forward, member);
    forward_head(&hand, &e->forward);
}

/* n rows, as many as a step can have logits of. */
static enum osso_status unembed(struct osso_engine *e, const float *residual, size_t n, float *normed, float *logits,
                                struct osso_error *err)
{
    const struct backend *be = e->backend;
    struct activations *a = &e->forward.acts;
    size_t hidden = (size_t)e->config.hidden, vocab = (size_t)e->config.vocab;
    for (size_t i = 0; i < n; i++)
        e->logit_rows[i] = (int32_t)i;
    e->forward.batch = (struct batch){.n = (int)n,
                                      .n_logits = (int)n,
                                      .head_dim = e->config.head_dim,
                                      .logit_rows = e->logit_rows,
                                      .token = e->token,
                                      .pos = e->pos,
                                      .seq = e->seq,
                                      .angles = e->angles};
    taps_set(&e->forward.taps, NULL, 0, NULL, e->config.n_layers);
    enum osso_status status = forward_begin(&e->forward, &e->broken_why);
    if (!status) {
        be->put(be, a->x[e->config.n_layers], residual, n * hidden * sizeof *residual);
        engine_run(e, run_head);
        status = forward_end(&e->forward, &e->broken_why);
    }
    if (status)
        return engine_break(e, status, err);
    if (normed)
        memcpy(normed, be->host(be, a->final.f, n * hidden * sizeof *normed), n * hidden * sizeof *normed);
    if (logits)
        memcpy(logits, be->host(be, a->logits, n * vocab * sizeof *logits), n * vocab * sizeof *logits);
    return OSSO_OK;
}

enum osso_status osso_unembed(struct osso_engine *e, const float *residual, size_t n, float *normed_out,
                              float *logits_out, struct osso_error *err)
{
    enum osso_status status = engine_check(e, err);
    if (e->in_run || !e->model)
        return error_set(err, OSSO_USAGE, "%s",
                         e->in_run ? "residual rows cannot become logits from within a tap"
                                   : "a scripted engine has no residual stream");
    e->step_count++; /* the last step's logits give way */
    for (size_t i = 0; i < n && !status; i += (size_t)e->max_logits) {
        size_t piece = n - i < (size_t)e->max_logits ? n - i : (size_t)e->max_logits;
        status = engine_interrupted(e) ? error_set(err, OSSO_CANCELLED, "interrupted after %zu of %zu rows", i, n)
                                       : unembed(e, residual + i * (size_t)e->config.hidden, piece,
                                                 normed_out ? normed_out + i * (size_t)e->config.hidden : NULL,
                                                 logits_out ? logits_out + i * (size_t)e->config.vocab : NULL, err);
    }
    return status;
}
