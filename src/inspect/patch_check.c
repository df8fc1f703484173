/* patch_check.c: what is to be changed, and where. */
#include "inspect/patch_parts.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/sized.h"
#include "model/layers.h"

#include <math.h>
#include <string.h>

static const struct patch_component components[] = {
    {"resid_pre", OSSO_TAP_RESID_PRE, BY_WHOLE},
    {"resid_mid", OSSO_TAP_RESID_MID, BY_WHOLE},
    {"resid_post", OSSO_TAP_RESID_POST, BY_WHOLE},
    {"attn_out", OSSO_TAP_ATTN_OUT, BY_WHOLE},
    {"mlp_out", OSSO_TAP_MLP_OUT, BY_WHOLE},
    {"q", OSSO_TAP_Q, BY_HEAD},
    {"k", OSSO_TAP_K, BY_KV_HEAD},
    {"v", OSSO_TAP_V, BY_KV_HEAD},
    {"z", OSSO_TAP_ATTN_Z, BY_HEAD},
    {"pattern", OSSO_TAP_ATTN_PATTERN, BY_HEAD},
    {"expert", OSSO_TAP_EXPERT_OUT, BY_EXPERT},
};
static const struct patch_component hidden_scores = {"pattern", OSSO_TAP_ATTN_SCORES, BY_HEAD},
                                    hidden_weights = {"pattern", OSSO_TAP_ATTN_PATTERN, BY_HEAD};
enum { N_COMPONENTS = sizeof components / sizeof *components };

/* ---- options -------------------------------------------------------------------------------------------------------
 */

static enum osso_status check_mode(struct patching *p, struct osso_error *err)
{
    static const char *const names[] = {[ZERO] = "zero", [MEAN] = "mean", [NOISE] = "noise", [RESAMPLE] = "resample"};
    if (p->o.ablate && p->o.knock_out)
        return error_set(err, OSSO_USAGE, "ablating and knocking out exclude each other");
    for (int m = ZERO; p->o.ablate && m <= RESAMPLE; m++)
        if (strcmp(names[m], p->o.ablate) == 0)
            p->mode = (enum patch_mode)m;
    if (p->o.ablate && p->mode == PATCH)
        return error_set(err, OSSO_USAGE, "'%s' is no way to ablate: there are zero, mean, noise, resample",
                         p->o.ablate);
    if (!p->o.knock_out)
        return OSSO_OK;
    bool scores = strcmp(p->o.knock_out, "scores") == 0;
    if (!scores && strcmp(p->o.knock_out, "weights") != 0)
        return error_set(err, OSSO_USAGE, "'%s' cannot be knocked out: there are scores and weights", p->o.knock_out);
    if (p->o.component && strcmp(p->o.component, "pattern") != 0)
        return error_set(err, OSSO_USAGE, "knocking out changes attention's pattern, not %s", p->o.component);
    if (p->o.n_hidden == 0)
        return error_set(err, OSSO_USAGE, "knocking out: no position that is not to be seen");
    p->mode = scores ? HIDE_SCORES : HIDE_WEIGHTS;
    p->component = scores ? &hidden_scores : &hidden_weights;
    return OSSO_OK;
}

static enum osso_status check_component(struct patching *p, struct osso_error *err)
{
    const struct config *c = &p->engine->config;
    for (int i = 0; i < N_COMPONENTS && !p->o.knock_out; i++)
        if (p->o.component && strcmp(components[i].name, p->o.component) == 0)
            p->component = &components[i];
    if (!p->component)
        return error_set(err, OSSO_USAGE,
                         "'%s' is no component: there are resid_pre, resid_mid, resid_post, attn_out, mlp_out, q, k, "
                         "v, z, pattern, expert",
                         p->o.component ? p->o.component : "");
    bool pattern = p->component->tap == OSSO_TAP_ATTN_PATTERN;
    if (pattern && p->mode > ZERO && p->mode <= RESAMPLE && !p->paired)
        return error_set(err, OSSO_USAGE,
                         "a pattern is over the positions of its own text: it can be ablated with zero, or resampled "
                         "from a corrupted text");
    p->heads = p->component->by == BY_HEAD ? c->n_heads : p->component->by == BY_KV_HEAD ? c->n_kv_heads : 0;
    p->slots = p->component->by == BY_EXPERT ? (size_t)p->engine->forward.top_k : 1;
    p->part = (size_t)(pattern ? (int64_t)p->n_other : p->heads ? c->head_dim : c->hidden);
    p->width = p->part * (size_t)(p->heads ? p->heads : 1);
    return OSSO_OK;
}

static enum osso_status check_parts(const struct patching *p, struct osso_error *err)
{
    bool experts = p->component->by == BY_EXPERT;
    int64_t all = experts ? p->engine->config.n_experts : p->heads;
    if (p->o.n_parts > 0 && all == 0)
        return error_set(err, OSSO_USAGE, "%s is changed whole: it has no heads and no experts", p->component->name);
    for (size_t i = 0; i < p->o.n_parts; i++)
        if (p->o.parts[i] < 0 || p->o.parts[i] >= all)
            return error_set(err, OSSO_USAGE, "%s %lld: %s has %s 0 to %lld", experts ? "expert" : "head",
                             (long long)p->o.parts[i], experts ? "this model" : p->component->name,
                             experts ? "experts" : "heads", (long long)all - 1);
    return OSSO_OK;
}

static enum osso_status check_ids(const struct patching *p, struct osso_error *err)
{
    const struct config *c = &p->engine->config;
    if (p->mode != PATCH && p->o.answer == -1 && p->o.wrong == -1)
        return OSSO_OK;
    if (p->o.answer < 0 || p->o.answer >= c->vocab || p->o.wrong < 0 || p->o.wrong >= c->vocab ||
        p->o.answer == p->o.wrong)
        return error_set(err, OSSO_USAGE, "answer %d and wrong %d: two ids of the vocabulary (0 to %lld) are needed",
                         (int)p->o.answer, (int)p->o.wrong, (long long)c->vocab - 1);
    return OSSO_OK;
}

/* ---- texts and positions
 * --------------------------------------------------------------------------------------------- */

static enum osso_status check_texts(struct patching *p, struct osso_error *err)
{
    bool patch = p->mode == PATCH;
    if (p->n_clean == 0 || (p->corrupted && p->n_corrupted == 0))
        return error_set(err, OSSO_USAGE, "a text is empty");
    if (patch && !p->corrupted)
        return error_set(err, OSSO_USAGE, "there is no corrupted text that clean values could go into");
    if (p->corrupted && p->n_corrupted != p->n_clean && !p->o.align)
        return error_set(err, OSSO_USAGE,
                         "the clean text has %zu tokens and the corrupted one %zu: places are compared one by one, so "
                         "say it in as many, or let them be aligned",
                         p->n_clean, p->n_corrupted);
    for (size_t i = 0; i < p->o.n_texts; i++)
        if (p->o.lengths[i] == 0)
            return error_set(err, OSSO_USAGE, "text %zu is empty", i + 1);
    p->paired = patch || (p->mode == RESAMPLE && p->corrupted && p->o.n_texts == 0);
    p->text = patch ? p->corrupted : p->clean;
    p->n = patch ? p->n_corrupted : p->n_clean;
    p->other = p->paired ? patch ? p->clean : p->corrupted : NULL;
    p->n_other = p->paired ? patch ? p->n_clean : p->n_corrupted : 0;
    while (p->paired && p->from < p->n && p->from < p->n_other && p->text[p->from] == p->other[p->from])
        p->from++;
    if (p->from == p->n || (p->paired && p->from == p->n_other))
        return error_set(err, OSSO_USAGE,
                         "the clean and the corrupted text are the same %zu tokens: there is nothing to restore",
                         p->from);
    p->pair = mem_array(p->n, sizeof *p->pair);
    if (!p->pair)
        return error_nomem(err, p->n * sizeof *p->pair, "the pairs of two texts");
    if (p->paired && p->o.align)
        return patch_align(p->text, p->n, p->other, p->n_other, p->pair, err);
    for (size_t i = 0; i < p->n; i++)
        p->pair[i] = p->paired ? (int64_t)i : -1;
    return OSSO_OK;
}

static enum osso_status mark(const struct patching *p, bool *marks, const int64_t *list, size_t n,
                             struct osso_error *err)
{
    for (size_t i = 0; i < n; i++) {
        if (list[i] < 0 || list[i] >= (int64_t)p->n)
            return error_set(err, OSSO_USAGE, "position %lld: the texts have positions 0 to %zu", (long long)list[i],
                             p->n - 1);
        marks[list[i]] = true;
    }
    return OSSO_OK;
}

static enum osso_status check_positions(struct patching *p, struct osso_error *err)
{
    p->at = mem_array(p->n, sizeof *p->at);
    p->hidden = mem_array(p->n, sizeof *p->hidden);
    if (!p->at || !p->hidden)
        return error_nomem(err, 2 * p->n * sizeof *p->at, "a list of positions");
    enum osso_status status = mark(p, p->at, p->o.positions, p->o.n_positions, err);
    if (!status)
        status = mark(p, p->hidden, p->o.hidden, p->o.n_hidden, err);
    bool any = false;
    for (size_t i = 0; i < p->n; i++) {
        p->at[i] = (p->at[i] || p->o.n_positions == 0) && (!p->paired || p->pair[i] >= 0);
        if (p->at[i] && i >= p->from) {
            p->first = any ? p->first : i;
            p->last = i;
            any = true;
        }
    }
    size_t hidden = 0;
    while (hidden < p->n && !p->hidden[hidden])
        hidden++;
    if (!status && p->o.n_hidden > 0 && hidden > p->last)
        return error_set(err, OSSO_USAGE,
                         "knocking out: position %zu comes after %zu, which does not see it anyway: the later one "
                         "looks back at the earlier",
                         hidden, p->last);
    return status;
}

static enum osso_status check_layers(struct patching *p, struct osso_error *err)
{
    int n = p->engine->config.n_layers;
    for (int l = 0; l < OSSO_TAP_LAYERS; l++) {
        bool wanted = p->o.layers ? layers_have(p->o.layers, l) : l < n;
        if (wanted && l >= n)
            return error_set(err, OSSO_USAGE, "layer %d: this model has layers 0 to %d", l, n - 1);
        if (wanted)
            layers_add(&p->layers, l);
    }
    p->stream = stream_of(p->engine, &p->layers, p->first, p->n);
    return OSSO_OK;
}

enum osso_status patch_check(struct patching *p, const struct osso_patch_options *options, struct osso_error *err)
{
    enum osso_status status = sized_check(options, "osso_patch_options", err);
    if (status)
        return status;
    sized_in(&p->o, sizeof p->o, options);
    p->n_corrupted = p->o.n_corrupted ? p->o.n_corrupted : p->n_clean;
    if (!p->engine->model)
        return error_set(err, OSSO_USAGE, "a scripted engine computes no values that could be put elsewhere");
    status = check_mode(p, err);
    if (!status)
        status = check_ids(p, err);
    if (!status)
        status = check_texts(p, err);
    if (!status)
        status = check_component(p, err);
    if (!status)
        status = check_parts(p, err);
    if (!status)
        status = check_positions(p, err);
    return status ? status : check_layers(p, err);
}

/* ---- places
 * ------------------------------------------------------------------------------------------------------------ */

size_t patch_layer(const struct patching *p, int layer)
{
    return layers_count(&p->layers, layer);
}

bool patch_chose(const struct patching *p, const struct patch_kept *kept, int layer, size_t position, int expert,
                 size_t *slot_out)
{
    if (!kept->experts || position < p->from || position >= kept->n)
        return false;
    const int32_t *ids = kept->experts +
                         (patch_layer(p, layer) * (kept->n - p->from) + (position - p->from)) * p->slots;
    for (*slot_out = 0; *slot_out < p->slots; ++*slot_out)
        if (ids[*slot_out] == expert)
            return true;
    return false;
}

static bool part_wanted(const struct patching *p, int part)
{
    bool in = p->o.n_parts == 0;
    for (size_t i = 0; i < p->o.n_parts && !in; i++)
        in = p->o.parts[i] == part;
    return in;
}

/* Experts that neither text chose at a position are no place there. */
static bool is_place(const struct patching *p, int layer, int expert, size_t position)
{
    size_t slot;
    if (!p->at[position])
        return false;
    if (expert < 0)
        return true;
    return patch_chose(p, &p->base, layer, position, expert, &slot) ||
           (p->pair[position] >= 0 && patch_chose(p, &p->source, layer, (size_t)p->pair[position], expert, &slot));
}

static void add_place(struct patching *p, struct osso_patch_record *list, int layer, int part, int64_t position)
{
    bool expert = p->component->by == BY_EXPERT;
    size_t first = position < 0 ? p->first : (size_t)position;
    bool runs = first >= p->from && p->last >= p->from;
    if (list)
        list[p->r.n] = (struct osso_patch_record){.layer = layer,
                                                  .head = p->heads ? part : -1,
                                                  .position = position,
                                                  .expert = expert ? part : -1,
                                                  .source = position < 0 ? -1 : p->pair[position],
                                                  .share = p->mode == PATCH || p->corrupted ? 0 : NAN,
                                                  .difference = p->mode == PATCH ? p->r.corrupted : p->r.clean,
                                                  .kl = p->mode == PATCH ? p->r.kl : 0};
    p->r.n++;
    p->r.runs += runs;
    p->r.tokens += runs ? p->n - first : 0;
    p->layer_tokens += runs ? (p->n - first) * (uint64_t)(p->engine->config.n_layers - layer) : 0;
}

void patch_places(struct patching *p, struct osso_patch_record *list)
{
    const struct config *c = &p->engine->config;
    bool experts = p->component->by == BY_EXPERT, known = p->base.experts != NULL;
    int parts = p->heads ? p->heads : !experts ? 1 : known ? (int)c->n_experts : (int)(2 * p->slots);
    if (experts && !known && parts > c->n_experts)
        parts = (int)c->n_experts;
    p->r.n = p->r.runs = p->r.tokens = p->layer_tokens = 0;
    for (int layer = 0; layer < c->n_layers; layer++)
        for (int part = 0; part < parts && layers_have(&p->layers, layer); part++) {
            bool any = false, wanted = part_wanted(p, part) || (experts && !known);
            for (size_t pos = 0; pos < p->n && wanted; pos++) {
                if (!is_place(p, layer, experts && known ? part : -1, pos))
                    continue;
                any = true;
                if (!p->o.at_once)
                    add_place(p, list, layer, part, (int64_t)pos);
            }
            if (any && p->o.at_once)
                add_place(p, list, layer, part, -1);
        }
}
