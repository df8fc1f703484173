/* hooks.c: a list of hooks for a model. */
#include "inspect/hooks.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/sized.h"
#include "checkpoint/model_open.h"
#include "model/layers.h"
#include "model/tap_spec.h"

#include <stdio.h>
#include <string.h>

/* ---- axes ---------------------------------------------------------------------------------------------------------
 */

static const char *const axis_names[] = {
    [POS] = "pos",
    [KEYS] = "key",
    [ROUTED] = "routed pos",
    [ONE] = "1",
    [HIDDEN] = "hidden",
    [HEADS] = "head",
    [KV_HEADS] = "kv head",
    [HEAD_DIM] = "head_dim",
    [Q_WIDTH] = "heads * head_dim",
    [KV_WIDTH] = "kv heads * head_dim",
    [EXPERTS] = "expert",
    [CHOSEN] = "chosen",
    [INNER] = "intermediate",
    [VOCAB] = "vocab",
};

/* -1: as many as there are. */
static int64_t extent(const struct osso_hooks *h, enum hook_axis axis)
{
    const struct config *c = h->config;
    switch (axis) {
    case HIDDEN: return c->hidden;
    case HEADS: return h->n_heads;
    case KV_HEADS: return c->n_kv_heads;
    case HEAD_DIM: return c->head_dim;
    case Q_WIDTH: return (int64_t)c->n_heads * c->head_dim;
    case KV_WIDTH: return (int64_t)c->n_kv_heads * c->head_dim;
    case EXPERTS: return c->n_experts;
    case CHOSEN: return c->experts_per_token;
    case INNER: return c->intermediate;
    case VOCAB: return c->vocab;
    case ONE: return 1;
    default: return -1;
    }
}

int64_t hook_width(const struct osso_hooks *h, const struct hook *hook)
{
    int64_t width = 1;
    for (int i = 0; i < 3; i++)
        if (extent(h, hook->row->axes[i]) > 0)
            width *= extent(h, hook->row->axes[i]);
    return width;
}

bool osso_hooks_get(const struct osso_hooks *h, size_t i, struct osso_hook *out)
{
    if (i >= h->n)
        return false;
    const struct hook *hook = &h->list[i];
    struct osso_hook o = {.size = sizeof o,
                          .layer = hook->layer,
                          .expert = hook->expert,
                          .row_bytes = hook_width(h, hook) * 4,
                          .replaceable = hook->row->writes && tap_table[hook->row->tap].access == WRITABLE,
                          .ids = hook->row->form == HOOK_INDICES,
                          .what = hook->row->what,
                          .logits = tap_table[hook->row->tap].kind == LOGITS};
    snprintf(o.name, sizeof o.name, "%s", hook->name);
    for (int a = 0; a < 3 && hook->row->axes[a] != NO_AXIS; a++, o.rank++) {
        o.shape[a] = extent(h, hook->row->axes[a]);
        o.axes[a] = axis_names[hook->row->axes[a]];
    }
    sized_out(out, &o, sizeof o);
    return true;
}

/* ---- a list -------------------------------------------------------------------------------------------------------
 */

static bool has(const struct osso_hooks *h, const struct hook *hook)
{
    for (size_t i = 0; i < h->n; i++)
        if (h->list[i].row == hook->row && h->list[i].layer == hook->layer && h->list[i].expert == hook->expert)
            return true;
    return false;
}

static enum osso_status add(struct osso_hooks *h, const struct hook *hook, struct osso_error *err)
{
    if (has(h, hook))
        return OSSO_OK;
    struct hook *list = mem_room(h->list, h->n, &h->room, sizeof *list);
    if (!list)
        return error_nomem(err, 2 * h->room * sizeof *list, "a list of hooks");
    h->list = list;
    h->list[h->n++] = *hook;
    return OSSO_OK;
}

/* The name of a row in a layer and of an expert, which may be none. */
static void write_name(struct hook *hook, const struct hook_row *row, int layer, int expert)
{
    size_t n = 0;
    for (const char *c = row->name; *c && n + 12 < sizeof hook->name; c++) {
        bool alone = (c == row->name || c[-1] == '.') && (c[1] == '.' || !c[1]);
        if (alone && (*c == 'L' || *c == 'E'))
            n += (size_t)snprintf(hook->name + n, sizeof hook->name - n, "%d", *c == 'L' ? layer : expert);
        else
            hook->name[n++] = *c;
    }
    hook->name[n] = 0;
}

static bool speaks_of(const struct hook_row *row, char place)
{
    char inner[] = {'.', place, '.', 0}, last[] = {'.', place, 0};
    size_t n = strlen(row->name);
    return strstr(row->name, inner) || strcmp(row->name + n - 2, last) == 0;
}

static bool layer_wanted(const struct osso_hooks_options *o, int layer)
{
    return !o->layers || layer < 0 || layers_have(o->layers, layer);
}

/* Every layer (and expert) of one row whose name the pattern means. *matched: it meant some, wanted or not. */
static enum osso_status add_row(struct osso_hooks *h, const struct osso_hooks_options *o, const struct hook_row *row,
                                const char *pattern, bool *matched, struct osso_error *err)
{
    const struct config *c = h->config;
    bool by_layer = speaks_of(row, 'L'), by_expert = speaks_of(row, 'E');
    int layers = by_layer ? c->n_layers : 1, experts = by_expert ? (int)c->n_experts : 1;
    enum osso_status status = OSSO_OK;
    if (by_expert != hook_name_of_expert(pattern))
        return OSSO_OK;
    for (int l = 0; l < layers; l++)
        for (int e = 0; e < experts && !status; e++) {
            struct hook hook = {.row = row, .layer = by_layer ? l : -1, .expert = by_expert ? e : -1};
            bool outside = row->tap == OSSO_TAP_EMBED || tap_table[row->tap].kind == LOGITS;
            hook.tap_layer = by_layer ? l : outside ? -1 : c->n_layers - 1;
            write_name(&hook, row, l, e);
            if (!hook_name_matches(pattern, hook.name))
                continue;
            *matched = true;
            if (layer_wanted(o, hook.layer))
                status = add(h, &hook, err);
        }
    return status;
}

static enum osso_status unknown(const struct osso_hooks *h, const char *typed, const char *spelled,
                                struct osso_error *err)
{
    char guesses[320];
    const struct config *c = h->config;
    hook_name_guesses(spelled, c->n_layers, guesses, sizeof guesses);
    return error_set(err, OSSO_USAGE,
                     "no hook %s: this model has layers 0 to %d and experts 0 to %d; nearest: %s (osso inspect hooks "
                     "lists them)",
                     typed, c->n_layers - 1, (int)c->n_experts - 1, guesses);
}

static enum osso_status add_name(struct osso_hooks *h, const struct osso_hooks_options *o, const char *typed,
                                 struct osso_error *err)
{
    bool matched = false;
    char *spelled = hook_name_spelled(typed);
    enum osso_status status = spelled ? OSSO_OK : error_nomem(err, strlen(typed), "a hook's name");
    for (int i = 0; !status && hook_row(i); i++)
        status = add_row(h, o, hook_row(i), spelled, &matched, err);
    if (!status && !matched)
        status = unknown(h, typed, spelled, err);
    mem_free(spelled);
    return status;
}

static enum osso_status take_heads(struct osso_hooks *h, const struct osso_hooks_options *o, struct osso_error *err)
{
    int all = h->config->n_heads;
    h->n_heads = o->n_heads ? o->n_heads : all;
    if (h->n_heads < 0 || h->n_heads > all)
        return error_set(err, OSSO_USAGE, "%d heads: this model has %d", h->n_heads, all);
    h->heads = mem_array((size_t)h->n_heads, sizeof *h->heads);
    if (!h->heads)
        return error_nomem(err, (uint64_t)h->n_heads * sizeof *h->heads, "a list of heads");
    for (int i = 0; i < h->n_heads; i++) {
        h->heads[i] = o->n_heads ? o->heads[i] : i;
        if (h->heads[i] < 0 || h->heads[i] >= all || (i > 0 && h->heads[i] <= h->heads[i - 1]))
            return error_set(err, OSSO_USAGE, "head %d: this model has heads 0 to %d, each named once, ascending",
                             h->heads[i], all - 1);
    }
    return OSSO_OK;
}

static enum osso_status check_layers(const struct osso_hooks *h, const struct osso_hooks_options *o,
                                     struct osso_error *err)
{
    for (int l = h->config->n_layers; o->layers && l < OSSO_TAP_LAYERS; l++)
        if (layers_have(o->layers, l))
            return error_set(err, OSSO_USAGE, "layer %d: this model has layers 0 to %d", l, h->config->n_layers - 1);
    return OSSO_OK;
}

enum osso_status osso_hooks_create(const struct osso_model *model, const struct osso_hooks_options *options,
                                   struct osso_hooks **hooks_out, struct osso_error *err)
{
    struct osso_hooks_options o = {0};
    *hooks_out = NULL;
    enum osso_status status = sized_check(options, "osso_hooks_options", err);
    sized_in(&o, sizeof o, options);
    if (status)
        return status;
    struct osso_hooks *h = mem_alloc(sizeof *h);
    if (!h)
        return error_nomem(err, sizeof *h, "a list of hooks");
    h->model = model;
    h->config = &model->config;
    status = take_heads(h, &o, err);
    if (!status)
        status = check_layers(h, &o, err);
    for (size_t i = 0; i < o.n_names && !status; i++)
        status = add_name(h, &o, o.names[i], err);
    if (!status && h->n == 0)
        status = error_set(err, OSSO_USAGE, "no hooks: these layers have none of that name");
    if (status) {
        osso_hooks_free(h);
        return status;
    }
    *hooks_out = h;
    return OSSO_OK;
}

void osso_hooks_free(struct osso_hooks *h)
{
    if (!h)
        return;
    mem_free(h->list);
    mem_free(h->heads);
    mem_free(h);
}
