/* embed.c: sessions over one engine, each with a text and a tap on one layer, whose rows are pooled as they come. */
#include "osso/embed.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/sized.h"
#include "engine/engine_parts.h"
#include "model/layers.h"

#include <math.h>

enum { SESSIONS = 32, POSITIONS = 16384 };

struct embedding;

struct slot {
    struct embedding *run;
    struct osso_session *session;
    const struct osso_embed_text *text; /* NULL: free */
    double *pooled;                     /* [layers][hidden] */
    size_t *rows;                       /* [layers] that are in each */
    int64_t generated;
};

struct embedding {
    struct osso_engine *engine;
    struct osso_embed_options o;
    const struct osso_embed_text *texts;
    size_t n_texts, next, done;
    float *vectors;
    struct slot *slots;
    struct osso_session **active;
    double *pools; /* the slots' */
    size_t *counts;
    struct osso_layers layers;
    size_t n_layers; /* in it */
    size_t failed;
    int n_slots, n_active;
};

/* ---- rows ------------------------------------------------------------------------------------------------------- */

/* 1 / sqrt(mean square + eps): what the final norm multiplies by, before its gain. */
static double scale_of(const struct config *c, const float *x)
{
    double squares = 0;
    for (int64_t i = 0; i < c->hidden; i++)
        squares += (double)x[i] * x[i];
    return 1 / sqrt(squares / (double)c->hidden + c->rms_eps);
}

static void pool_row(struct slot *slot, size_t place, const float *x)
{
    const struct embedding *e = slot->run;
    const struct config *c = &e->engine->config;
    const float *gain = e->o.layer == OSSO_EMBED_LAST && !e->o.layers ? e->engine->weights.final_norm : NULL;
    double scale = gain ? scale_of(c, x) : 1;
    bool first = slot->rows[place]++ == 0;
    double *pooled = slot->pooled + place * (size_t)c->hidden;
    for (int64_t i = 0; i < c->hidden; i++) {
        double value = gain ? x[i] * scale * gain[i] : x[i], *to = &pooled[i];
        if (first || e->o.pool == OSSO_POOL_LAST)
            *to = value;
        else if (e->o.pool == OSSO_POOL_MEAN)
            *to += value;
        else if (value > *to || isnan(value))
            *to = value;
    }
}

/* Rows of one session come in the order of their positions, whatever the steps are. */
static int see(void *user, const struct osso_tap_value *v)
{
    struct slot *slot = user;
    const struct osso_embed_text *t = slot->text;
    size_t to = t->to ? t->to : t->n, place = layers_count(&slot->run->layers, v->layer);
    for (int r = 0; r < v->n_rows; r++) {
        size_t pos = (size_t)v->positions[r];
        if (!v->replayed[r] && pos >= t->from && (pos < to || pos >= t->n))
            pool_row(slot, place, v->values + r * v->width);
    }
    return 0;
}

/* ---- a text's way through a slot --------------------------------------------------------------------------------- */

static enum osso_status load(struct embedding *e, struct slot *slot, struct osso_error *err)
{
    const struct osso_embed_text *t = &e->texts[e->next];
    struct osso_tap_options tap = {.size = sizeof tap,
                                   .taps = (uint64_t)1 << OSSO_TAP_RESID_POST,
                                   .layers = &e->layers,
                                   .first = (int64_t)t->from,
                                   .fn = see,
                                   .user = slot};
    e->failed = e->next++;
    slot->text = t;
    memset(slot->rows, 0, e->n_layers * sizeof *slot->rows);
    slot->generated = 0;
    enum osso_status status = osso_session_sync(slot->session, t->ids, t->n, err);
    if (!status) /* after it: rows that the session has already are shown only so */
        status = osso_session_set_tap(slot->session, &tap, err);
    if (!status)
        e->failed = e->n_texts;
    return status;
}

static bool make_vector(const struct embedding *e, double *pooled, size_t rows, float *out)
{
    int64_t hidden = e->engine->config.hidden;
    double squares = 0, by = e->o.pool == OSSO_POOL_MEAN ? 1 / (double)rows : 1;
    for (int64_t i = 0; i < hidden; i++) {
        pooled[i] *= by;
        squares += pooled[i] * pooled[i];
    }
    by = e->o.no_normalize || squares == 0 ? 1 : 1 / sqrt(squares);
    for (int64_t i = 0; i < hidden; i++)
        out[i] = (float)(pooled[i] * by);
    return isfinite(squares);
}

static enum osso_status finish(struct embedding *e, struct slot *slot, struct osso_error *err)
{
    size_t hidden = (size_t)e->engine->config.hidden, index = (size_t)(slot->text - e->texts);
    for (size_t l = 0; l < e->n_layers; l++)
        if (!make_vector(e, slot->pooled + l * hidden, slot->rows[l],
                         e->vectors + (index * e->n_layers + l) * hidden)) {
            e->failed = index;
            return error_set(err, OSSO_NUMERIC, "the text's vector is not finite: weights or activations overflow");
        }
    slot->text = NULL;
    e->done++;
    return OSSO_OK;
}

static bool stops(const struct embedding *e, int32_t id)
{
    for (size_t i = 0; i < e->o.n_stop_ids; i++)
        if (e->o.stop_ids[i] == id)
            return true;
    return false;
}

/* All its rows are there: it is done, or goes on with the likeliest token. */
static enum osso_status advance(struct embedding *e, struct slot *slot, struct osso_error *err)
{
    size_t n, vocab = (size_t)e->engine->config.vocab;
    osso_session_tokens(slot->session, &n);
    if (slot->generated == slot->text->generate || (int64_t)n == e->engine->context)
        return finish(e, slot, err);
    const float *logits = osso_session_logits(slot->session, n - 1);
    e->failed = (size_t)(slot->text - e->texts);
    enum osso_status status = osso_session_check_logits(slot->session, n - 1, err);
    if (status)
        return status;
    e->failed = e->n_texts;
    size_t best = 0;
    for (size_t i = 1; i < vocab; i++)
        best = logits[i] > logits[best] ? i : best;
    if (stops(e, (int32_t)best))
        return finish(e, slot, err);
    slot->generated++;
    return osso_session_append(slot->session, (int32_t)best, err);
}

/* ---- a run --------------------------------------------------------------------------------------------------------
 */

static enum osso_status check_text(const struct embedding *e, const struct osso_embed_text *t, struct osso_error *err)
{
    if (t->n == 0 || t->from >= t->n || t->to > t->n || (t->to && t->from >= t->to))
        return error_set(err, OSSO_USAGE, "a text without tokens has no embedding; give some text");
    if (t->n > (size_t)e->engine->context)
        return error_set(err, OSSO_USAGE,
                         "the text has %zu tokens and the context holds %lld: give a larger one or cut it", t->n,
                         (long long)e->engine->context);
    return OSSO_OK;
}

static enum osso_status check(struct embedding *e, struct osso_error *err)
{
    int n_layers = e->engine->config.n_layers, layer = e->o.layer;
    enum osso_status status = OSSO_OK;
    if (!e->engine->model)
        return error_set(err, OSSO_USAGE, "a scripted engine computes no values that could be pooled");
    if (!e->o.layers && layer != OSSO_EMBED_LAST && (layer < 0 || layer >= n_layers))
        return error_set(err, OSSO_USAGE, "layer %d: the model has layers 0 to %d, and last", layer, n_layers - 1);
    for (size_t i = 0; i < e->n_texts && !status; i++)
        if ((status = check_text(e, &e->texts[i], err)))
            e->failed = i;
    layer = layer == OSSO_EMBED_LAST ? n_layers - 1 : layer;
    if (e->o.layers)
        e->layers = *e->o.layers;
    else
        layers_add(&e->layers, layer);
    e->n_layers = layers_count(&e->layers, n_layers);
    if (!status && (e->n_layers == 0 || layers_count(&e->layers, OSSO_TAP_LAYERS) > e->n_layers))
        status = error_set(err, OSSO_USAGE, "the model has layers 0 to %d, and one of them is needed", n_layers - 1);
    return status;
}

static enum osso_status begin(struct embedding *e, struct osso_error *err)
{
    size_t n = e->o.sessions > 0 ? (size_t)e->o.sessions : SESSIONS,
           each = (size_t)e->engine->config.hidden * e->n_layers;
    n = n < e->n_texts ? n : e->n_texts;
    e->slots = mem_array(n, sizeof *e->slots);
    e->active = mem_array(n, sizeof(*e->active));
    e->pools = mem_array(n * each, sizeof *e->pools);
    e->counts = mem_array(n * e->n_layers, sizeof *e->counts);
    if (!e->slots || !e->active || !e->pools || !e->counts)
        return error_nomem(err, n * each * sizeof *e->pools, "the texts in work");
    enum osso_status status = OSSO_OK;
    for (e->n_slots = 0; e->n_slots < (int)n && !status; e->n_slots++) {
        struct slot *slot = &e->slots[e->n_slots];
        *slot = (struct slot){.run = e,
                              .pooled = e->pools + (size_t)e->n_slots * each,
                              .rows = e->counts + (size_t)e->n_slots * e->n_layers};
        status = osso_session_create(e->engine, 0, &slot->session, err);
    }
    return status;
}

static void end(struct embedding *e)
{
    for (int i = 0; i < e->n_slots; i++)
        osso_session_free(e->slots[i].session);
    mem_free(e->slots);
    mem_free(e->active);
    mem_free(e->pools);
    mem_free(e->counts);
}

/* One step of all that are in work. */
static enum osso_status step(struct embedding *e, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    e->n_active = 0;
    for (int i = 0; i < e->n_slots && !status; i++) {
        if (!e->slots[i].text && e->next < e->n_texts)
            status = load(e, &e->slots[i], err);
        if (e->slots[i].text)
            e->active[e->n_active++] = e->slots[i].session;
    }
    if (!status)
        status = osso_step(e->engine, e->active, e->n_active, 0, err);
    for (int i = 0; i < e->n_slots && !status; i++)
        if (e->slots[i].text && osso_session_ready(e->slots[i].session))
            status = advance(e, &e->slots[i], err);
    if (!status && e->o.progress && e->o.progress(e->o.user, e->done, e->n_texts))
        status = error_set(err, OSSO_CANCELLED, "ended after %zu of %zu texts", e->done, e->n_texts);
    return status;
}

enum osso_status osso_embed(struct osso_engine *engine, const struct osso_embed_text *texts, size_t n_texts,
                            const struct osso_embed_options *options, float *vectors_out, size_t *failed_out,
                            struct osso_error *err)
{
    struct embedding e = {
        .engine = engine, .texts = texts, .n_texts = n_texts, .vectors = vectors_out, .failed = n_texts};
    enum osso_status status = sized_check(options, "osso_embed_options", err);
    if (!status) {
        sized_in(&e.o, sizeof e.o, options);
        status = check(&e, err);
    }
    if (!status && n_texts > 0)
        status = begin(&e, err);
    while (!status && e.done < n_texts)
        status = step(&e, err);
    end(&e);
    if (failed_out)
        *failed_out = e.failed;
    return status;
}

void osso_embed_engine(size_t n_texts, size_t longest, struct osso_engine_options *o)
{
    if (o->context == 0)
        o->context = longest > 0 ? (int64_t)longest : 1;
    int64_t most = POSITIONS / o->context;
    most = most < 1 ? 1 : most > SESSIONS ? SESSIONS : most;
    o->max_sessions = (int)(n_texts > 0 && n_texts < (size_t)most ? (int64_t)n_texts : most);
}

double osso_similarity(const float *a, const float *b, size_t n, enum osso_metric metric)
{
    double aa = 0, bb = 0, ab = 0, distance = 0;
    for (size_t i = 0; i < n; i++) {
        double x = a[i], y = b[i];
        aa += x * x;
        bb += y * y;
        ab += x * y;
        distance += (x - y) * (x - y);
    }
    if (metric == OSSO_METRIC_EUCLIDEAN)
        return 1 / (1 + sqrt(distance));
    double cosine = aa > 0 && bb > 0 ? ab / sqrt(aa) / sqrt(bb) : 0;
    return cosine > 1 ? 1 : cosine < -1 ? -1 : cosine;
}
