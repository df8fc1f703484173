/* experts.c: where the tokens of texts go, and what each expert is worth to them. */
#include "inspect/experts_parts.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/sized.h"
#include "model/layers.h"

#include <string.h>

/* ---- what is wanted -----------------------------------------------------------------------------------------------
 */

static enum osso_status check_lists(struct experts *x, struct osso_error *err)
{
    const struct config *c = &x->engine->config;
    for (int l = 0; l < OSSO_TAP_LAYERS; l++) {
        bool wanted = x->o.layers ? layers_have(x->o.layers, l) : l < c->n_layers;
        if (wanted && l >= c->n_layers)
            return error_set(err, OSSO_USAGE, "layer %d: this model has layers 0 to %d", l, c->n_layers - 1);
        if (wanted)
            layers_add(&x->layers, l);
    }
    for (size_t i = 0; i < x->o.n_experts; i++)
        if (x->o.experts[i] < 0 || x->o.experts[i] >= c->n_experts)
            return error_set(err, OSSO_USAGE, "expert %lld: this model has experts 0 to %lld",
                             (long long)x->o.experts[i], (long long)c->n_experts - 1);
    for (size_t t = 0; t < x->o.n_texts; t++)
        for (size_t i = 0; i < x->o.n_positions; i++)
            if (experts_position(x, t, i) < 0)
                return error_set(err, OSSO_USAGE, "position %lld: text %zu has %zu tokens",
                                 (long long)x->o.positions[i], t + 1, x->o.lengths[t]);
    return OSSO_OK;
}

static enum osso_status check(struct experts *x, const struct osso_experts_options *options, struct osso_error *err)
{
    enum osso_status status = sized_check(options, "osso_experts_options", err);
    if (status)
        return status;
    sized_in(&x->o, sizeof x->o, options);
    if (!x->engine->model)
        return error_set(err, OSSO_USAGE, "a scripted engine has no experts");
    if (x->o.n_texts == 0)
        return error_set(err, OSSO_USAGE, "no text to look into");
    for (size_t t = 0; t < x->o.n_texts; t++)
        if (x->o.lengths[t] == 0)
            return error_set(err, OSSO_USAGE, "text %zu is empty", t + 1);
    return check_lists(x, err);
}

static enum osso_status make_tables(struct experts *x, struct osso_error *err)
{
    const struct config *c = &x->engine->config;
    struct osso_experts_result *r = &x->r;
    size_t longest = 0, last;
    for (size_t t = 0; t < x->o.n_texts; t++)
        longest = x->o.lengths[t] > longest ? x->o.lengths[t] : longest;
    r->n_layers = c->n_layers;
    r->n_experts = (int)c->n_experts;
    r->chosen = x->engine->forward.top_k;
    r->n_classes = x->o.class_of && x->o.n_classes > 0 ? x->o.n_classes : 0;
    x->row_of = mem_array(longest, sizeof *x->row_of);
    if (!x->row_of)
        return error_nomem(err, longest * sizeof *x->row_of, "a list of rows");
    for (size_t t = 0; t < x->o.n_texts; t++)
        r->rows += experts_rows(x, t, &last);
    size_t places = (size_t)r->n_layers * (size_t)r->n_experts, chosen = (size_t)r->n_layers * (size_t)r->chosen;
    x->first = mem_array(x->o.n_texts, places * sizeof *x->first);
    r->text = mem_array(r->rows, sizeof *r->text);
    r->id = mem_array(r->rows, sizeof *r->id);
    r->position = mem_array(r->rows, sizeof *r->position);
    r->experts = mem_array(r->rows, chosen * sizeof *r->experts);
    r->weights = mem_array(r->rows, chosen * sizeof *r->weights);
    r->load = mem_array(places, sizeof *r->load);
    r->weight = mem_array(places, sizeof *r->weight);
    r->together = mem_array(places, (size_t)r->n_experts * sizeof *r->together);
    r->by_class = mem_array(places, (size_t)(r->n_classes + 1) * sizeof *r->by_class);
    r->classes = mem_array((size_t)r->n_classes + 1, sizeof *r->classes);
    if (!x->first || !r->text || !r->id || !r->position || !r->experts || !r->weights || !r->load || !r->weight ||
        !r->together || !r->by_class || !r->classes)
        return error_nomem(err, r->rows * chosen * 8, "the experts of each token");
    memset(x->first, -1, x->o.n_texts * places * sizeof *x->first);
    return OSSO_OK;
}

enum osso_status osso_experts(struct osso_engine *engine, const struct osso_experts_options *options,
                              struct osso_experts_result *result, struct osso_error *err)
{
    struct experts x = {.engine = engine, .r.size = sizeof x.r};
    enum osso_status status = sized_check(result, "osso_experts_result", err);
    if (!status)
        status = check(&x, options, err);
    if (!status)
        status = make_tables(&x, err);
    if (!status)
        status = experts_count(&x, err);
    if (!status && x.o.effect)
        status = experts_effects(&x, err);
    mem_free(x.first);
    mem_free(x.row_of);
    if (status)
        osso_experts_free(&x.r);
    else
        sized_out(result, &x.r, sizeof x.r);
    return status;
}

void osso_experts_free(struct osso_experts_result *r)
{
    mem_free(r->text);
    mem_free(r->id);
    mem_free(r->position);
    mem_free(r->experts);
    mem_free(r->weights);
    mem_free(r->load);
    mem_free(r->weight);
    mem_free(r->together);
    mem_free(r->by_class);
    mem_free(r->classes);
    mem_free(r->effects);
    *r = (struct osso_experts_result){.size = r->size};
}
