/* session_hook.c: a session's hooks: one tap of the session, over observe.c. */
#include "inspect/observe.h"

#include "base/error.h"
#include "base/mem.h"
#include "engine/engine_parts.h"
#include "model/layers.h"

#include <math.h>
#include <stdio.h>

static void observer_free(struct observer *o)
{
    if (!o)
        return;
    mem_free(o->made);
    mem_free(o->sinks);
    mem_free(o->o_rows);
    mem_free(o->positions);
    mem_free(o->tokens);
    mem_free(o->replayed);
    mem_free(o->slots);
    mem_free(o);
}

static void hold(void *user, int by)
{
    struct observer *o = user;
    o->owners += by;
    if (o->owners == 0)
        observer_free(o);
}

static bool uses(const struct osso_hooks *h, enum hook_form form)
{
    for (size_t i = 0; i < h->n; i++)
        if (h->list[i].row->form == form)
            return true;
    return false;
}

/* The most rows that a tap of single experts has in a step. */
static size_t slots_of(const struct osso_engine *e, const struct osso_hooks *hooks)
{
    return (size_t)e->max_rows * (size_t)hooks->config->experts_per_token;
}

static enum osso_status read_sinks(struct observer *o, struct osso_error *err)
{
    const struct config *c = o->hooks->config;
    enum osso_status status = OSSO_OK;
    o->sinks = mem_array((size_t)c->n_layers * (size_t)c->n_heads, sizeof *o->sinks);
    if (!o->sinks)
        return error_nomem(err, (uint64_t)c->n_layers * (uint64_t)c->n_heads * sizeof *o->sinks, "sinks");
    for (int l = 0; l < c->n_layers && !status; l++) {
        char name[32];
        snprintf(name, sizeof name, "layers.%d.sinks", l);
        float *to = o->sinks + (size_t)l * (size_t)c->n_heads;
        status = osso_model_tensor_rows(o->hooks->model, name, 0, 1, to, err);
        if (status == OSSO_NOTFOUND) { /* without sinks their share is nothing */
            status = OSSO_OK;
            for (int h = 0; h < c->n_heads; h++)
                to[h] = -INFINITY;
        }
    }
    return status;
}

/* Values that are made at a time: rows of the widest hook whose values are not a tap's as they are. */
static size_t made_values(const struct osso_engine *e, const struct osso_hooks *hooks)
{
    int64_t widest = 0;
    for (size_t i = 0; i < hooks->n; i++) {
        int64_t width = hook_width(hooks, &hooks->list[i]);
        if (observe_makes(hooks, &hooks->list[i]) && width > widest)
            widest = width;
    }
    size_t row = (size_t)widest, all = slots_of(e, hooks) * row, piece = row > OBSERVE_PIECE ? row : OBSERVE_PIECE;
    return all < piece ? all : piece;
}

uint64_t session_hook_room(const struct osso_engine *e, const struct osso_hooks *hooks)
{
    const struct observer *o;
    size_t slot = sizeof *o->positions + sizeof *o->tokens + sizeof *o->replayed + sizeof *o->slots;
    return sizeof *o + made_values(e, hooks) * sizeof *o->made + slots_of(e, hooks) * slot;
}

static enum osso_status make_observer(const struct osso_engine *e, struct osso_hooks *hooks, struct observer **out,
                                      struct osso_error *err)
{
    bool results = uses(hooks, HOOK_RESULT);
    size_t o_width = (size_t)hooks->config->n_heads * (size_t)hooks->config->head_dim;
    size_t slots = slots_of(e, hooks), made = made_values(e, hooks);
    struct observer *o = *out = mem_alloc(sizeof *o);
    if (!o)
        return error_nomem(err, sizeof *o, "hooks");
    o->hooks = hooks;
    o->made = mem_array(made ? made : 1, sizeof *o->made);
    if (results)
        o->o_rows = mem_array(OBSERVE_O_ROWS * o_width, sizeof *o->o_rows);
    o->positions = mem_array(slots, sizeof *o->positions);
    o->tokens = mem_array(slots, sizeof *o->tokens);
    o->replayed = mem_array(slots, sizeof *o->replayed);
    o->slots = mem_array(slots, sizeof *o->slots);
    if (!o->made || (results && !o->o_rows) || !o->positions || !o->tokens || !o->replayed || !o->slots)
        return error_nomem(err, made * sizeof *o->made, "values of hooks");
    return uses(hooks, HOOK_SINK) ? read_sinks(o, err) : OSSO_OK;
}

static enum osso_status check(const struct osso_engine *e, const struct osso_hooks *hooks, bool replace,
                              struct osso_error *err)
{
    struct osso_hook one = {.size = sizeof one};
    if (e->model != hooks->model)
        return error_set(err, OSSO_USAGE, "these hooks are of another model than the session");
    if (e->forward.top_k != e->config.experts_per_token || e->forward.top_k > OBSERVE_CHOSEN)
        return error_set(err, OSSO_UNSUPPORTED, "hooks in an engine with %d experts per token: the model has %d",
                         e->forward.top_k, (int)e->config.experts_per_token);
    for (size_t i = 0; replace && osso_hooks_get(hooks, i, &one); i++)
        if (!one.replaceable)
            return error_set(
                err, OSSO_USAGE,
                "%s can only be read: it is computed from others, or another hook's value by a second name", one.name);
    return OSSO_OK;
}

/* The tap that these hooks need; layers: [OSSO_TAP_COUNT] zeros. */
static struct osso_tap_options tap_of(const struct osso_hooks *hooks, int64_t first, int64_t end,
                                      struct osso_layers *layers)
{
    struct osso_tap_options tap = {.size = sizeof tap,
                                   .by_tap = layers,
                                   .n_by_tap = OSSO_TAP_COUNT,
                                   .heads = hooks->heads,
                                   .n_heads = hooks->n_heads,
                                   .first = first,
                                   .end = end,
                                   .fn = observe_tap};
    for (size_t i = 0; i < hooks->n; i++) {
        const struct hook *hook = &hooks->list[i];
        tap.taps |= (uint64_t)1 << hook->row->tap;
        if (hook->tap_layer >= 0)
            layers_add(&layers[hook->row->tap], hook->tap_layer);
    }
    return tap;
}

enum osso_status session_hook_bytes(const struct osso_engine *e, const struct osso_hooks *hooks, int64_t first,
                                    int64_t end, uint64_t *bytes_out, struct osso_error *err)
{
    struct osso_layers layers[OSSO_TAP_COUNT] = {{{0}}};
    struct osso_tap_options tap = tap_of(hooks, first, end, layers);
    struct tap_spec *spec;
    enum osso_status status = check(e, hooks, false, err);
    *bytes_out = 0;
    if (!status)
        status = tap_spec_create(&e->config, &tap, e->max_rows, e->context, &spec, err);
    if (!status) {
        *bytes_out = activations_keep_bytes(&e->forward.acts, &e->config, &spec->room);
        tap_spec_free(spec);
    }
    return status;
}

enum osso_status osso_session_hook(struct osso_session *session, struct osso_hooks *hooks, osso_hook_fn *fn, void *user,
                                   bool replace, int64_t first, int64_t end, struct osso_error *err)
{
    struct osso_layers layers[OSSO_TAP_COUNT] = {{{0}}};
    struct observer *o = NULL;
    if (!hooks)
        return osso_session_set_tap(session, NULL, err);
    enum osso_status status = check(session->engine, hooks, replace, err);
    if (!status)
        status = make_observer(session->engine, hooks, &o, err);
    if (!status) {
        struct osso_tap_options tap = tap_of(hooks, first, end, layers);
        o->fn = fn;
        o->user = user;
        o->replace = replace;
        o->owners = 1;
        tap.replaces = replace ? tap.taps : 0;
        tap.user = o;
        tap.hold = hold;
        status = osso_session_set_tap(session, &tap, err);
        hold(o, -1); /* the session has its own hold now, or nobody wants it */
        return status;
    }
    observer_free(o);
    return status;
}
