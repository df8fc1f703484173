/* steer.c: directions between two lists of texts, and sessions that add them. */
#include "inspect/steering.h"

#include "base/error.h"
#include "base/mem.h"
#include "base/sized.h"
#include "engine/engine_parts.h"
#include "model/layers.h"

#include <math.h>

enum { ROUNDS = 200 }; /* of the power iteration */

enum osso_status steering_create(int64_t width, int n_layers, struct osso_steering **out, struct osso_error *err)
{
    struct osso_steering *s = *out = mem_alloc(sizeof *s);
    if (s) {
        *s = (struct osso_steering){.width = width, .n_layers = n_layers};
        s->has = mem_array((size_t)n_layers, sizeof *s->has);
        s->directions = mem_array((size_t)n_layers * (size_t)width, sizeof *s->directions);
    }
    if (s && s->has && s->directions)
        return OSSO_OK;
    osso_steering_free(s);
    *out = NULL;
    return error_nomem(err, (unsigned long long)n_layers * (unsigned long long)width * sizeof(float),
                       "a steering vector");
}

void osso_steering_free(struct osso_steering *s)
{
    if (!s)
        return;
    mem_free(s->has);
    mem_free(s->directions);
    mem_free(s);
}

int64_t osso_steering_width(const struct osso_steering *s)
{
    return s->width;
}

const float *osso_steering_direction(const struct osso_steering *s, int layer)
{
    return layer >= 0 && layer < s->n_layers && s->has[layer] ? s->directions + layer * s->width : NULL;
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

/* The texts' vectors, of the first and then of the second, one layer's of `step` apart. */
struct lists {
    const float *first, *second;
    size_t n_first, n_second, step, width;
};

static double mean_difference(const struct lists *l, size_t i)
{
    double a = 0, b = 0;
    for (size_t t = 0; t < l->n_first; t++)
        a += l->first[t * l->step + i];
    for (size_t t = 0; t < l->n_second; t++)
        b += l->second[t * l->step + i];
    return a / (double)l->n_first - b / (double)l->n_second;
}

static double normalize(double *x, size_t n)
{
    double squares = 0;
    for (size_t i = 0; i < n; i++)
        squares += x[i] * x[i];
    for (size_t i = 0; i < n && squares > 0; i++)
        x[i] /= sqrt(squares);
    return sqrt(squares);
}

/* v := sum of the differences, each times its own dot product with v, until it stays; then as long as the mean. */
static void principal(const struct lists *l, double *v, double *next)
{
    double along = 0;
    normalize(v, l->width);
    for (int round = 0; round < ROUNDS; round++) {
        memset(next, 0, l->width * sizeof *next);
        for (size_t t = 0; t < l->n_first; t++) {
            const float *a = l->first + t * l->step, *b = l->second + t * l->step;
            double dot = 0;
            for (size_t i = 0; i < l->width; i++)
                dot += ((double)a[i] - b[i]) * v[i];
            for (size_t i = 0; i < l->width; i++)
                next[i] += ((double)a[i] - b[i]) * dot;
        }
        if (normalize(next, l->width) == 0)
            break;
        memcpy(v, next, l->width * sizeof *v);
    }
    for (size_t i = 0; i < l->width; i++)
        along += mean_difference(l, i) * v[i];
    for (size_t i = 0; i < l->width; i++)
        v[i] *= along; /* towards the first, whatever the sign of v */
}

static void make_layer(const struct lists *l, enum osso_steer_method method, double *space, float *out)
{
    for (size_t i = 0; i < l->width; i++)
        space[i] = mean_difference(l, i);
    if (method == OSSO_STEER_PCA)
        principal(l, space, space + l->width);
    for (size_t i = 0; i < l->width; i++)
        out[i] = (float)space[i];
}

static enum osso_status check_lists(size_t n_first, size_t n_second, enum osso_steer_method method,
                                    struct osso_error *err)
{
    if (n_first == 0 || n_second == 0)
        return error_set(err, OSSO_USAGE, "a direction needs texts of both kinds; there are %zu and %zu", n_first,
                         n_second);
    if (method == OSSO_STEER_PCA && n_first != n_second)
        return error_set(err, OSSO_USAGE,
                         "texts are compared pair by pair, and there are %zu of the first and %zu of the second kind",
                         n_first, n_second);
    return OSSO_OK;
}

/* Directions of all wanted layers, from vectors[texts][layers][hidden]. */
static enum osso_status make(const float *vectors, size_t n_first, size_t n_second, size_t n_wanted,
                             const struct osso_layers *layers, enum osso_steer_method method, struct osso_steering *s,
                             struct osso_error *err)
{
    size_t width = (size_t)s->width, place = 0;
    double *space = mem_array(2 * width, sizeof *space);
    if (!space)
        return error_nomem(err, 2 * width * sizeof *space, "a direction");
    for (int l = 0; l < s->n_layers; l++) {
        if (!layers_have(layers, l))
            continue;
        struct lists lists = {vectors + place * width,
                              vectors + (n_first * n_wanted + place) * width,
                              n_first,
                              n_second,
                              n_wanted * width,
                              width};
        make_layer(&lists, method, space, s->directions + (size_t)l * width);
        s->has[l] = true;
        place++;
    }
    mem_free(space);
    return OSSO_OK;
}

enum osso_status osso_steering_make(struct osso_engine *engine, const struct osso_embed_text *first, size_t n_first,
                                    const struct osso_embed_text *second, size_t n_second,
                                    const struct osso_steer_options *options, struct osso_steering **steering_out,
                                    size_t *failed_out, struct osso_error *err)
{
    struct osso_steer_options o = {0};
    struct osso_layers layers = {{0}};
    size_t n = n_first + n_second, width = (size_t)engine->config.hidden;
    *steering_out = NULL;
    if (failed_out)
        *failed_out = n;
    enum osso_status status = sized_check(options, "osso_steer_options", err);
    sized_in(&o, sizeof o, status ? NULL : options);
    if (!status)
        status = check_lists(n_first, n_second, o.method, err);
    if (status)
        return status;
    for (int l = 1; l < engine->config.n_layers; l++)
        layers_add(&layers, l);
    layers = o.layers ? *o.layers : layers;
    struct osso_embed_options e = {.size = sizeof e,
                                   .pool = o.pool,
                                   .no_normalize = true,
                                   .sessions = o.sessions,
                                   .layers = &layers,
                                   .progress = o.progress,
                                   .user = o.user};
    size_t n_wanted = layers_count(&layers, engine->config.n_layers);
    struct osso_embed_text *texts = mem_array(n, sizeof *texts);
    float *vectors = mem_array(n * (n_wanted ? n_wanted : 1) * width, sizeof *vectors);
    if (!texts || !vectors)
        status = error_nomem(err, n * n_wanted * width * sizeof *vectors, "the texts' vectors");
    if (!status) {
        memcpy(texts, first, n_first * sizeof *texts);
        memcpy(texts + n_first, second, n_second * sizeof *texts);
        status = osso_embed(engine, texts, n, &e, vectors, failed_out, err);
    }
    if (!status)
        status = steering_create((int64_t)width, engine->config.n_layers, steering_out, err);
    if (!status)
        status = make(vectors, n_first, n_second, n_wanted, &layers, o.method, *steering_out, err);
    if (status) {
        osso_steering_free(*steering_out);
        *steering_out = NULL;
    }
    mem_free(texts);
    mem_free(vectors);
    return status;
}

/* ---- adding ------------------------------------------------------------------------------------------------------ */

/* What is added after each layer. Owned by the taps that use it: a session's and its forks'. */
struct added {
    int64_t width;
    int owners;
    struct osso_layers layers;
    float *by_layer; /* [n_layers][width] */
};

static void hold(void *user, int by)
{
    struct added *a = user;
    a->owners += by;
    if (a->owners > 0)
        return;
    mem_free(a->by_layer);
    mem_free(a);
}

static int add(void *user, const struct osso_tap_value *v)
{
    const struct added *a = user;
    const float *by = a->by_layer + v->layer * a->width;
    for (int r = 0; r < v->n_rows; r++)
        for (int64_t i = 0; i < v->width; i++)
            v->values[r * v->width + i] += by[i];
    return 0;
}

static bool takes(const struct osso_steer *s, int layer)
{
    return s->strength != 0 && osso_steering_direction(s->vector, layer) &&
           (!s->layers || layers_have(s->layers, layer));
}

static enum osso_status check_vector(const struct config *c, const struct osso_steer *s, struct osso_error *err)
{
    if (s->vector->width != c->hidden)
        return error_set(err, OSSO_USAGE,
                         "a steering vector of %lld values, where the model has %lld: it was made for another model",
                         (long long)s->vector->width, (long long)c->hidden);
    for (int l = c->n_layers; l < s->vector->n_layers; l++)
        if (s->vector->has[l])
            return error_set(
                err, OSSO_USAGE,
                "a steering vector for layer %d, where the model has layers 0 to %d: it was made for another model", l,
                c->n_layers - 1);
    return isfinite(s->strength) ? OSSO_OK : error_set(err, OSSO_USAGE, "a steering vector's strength is no number");
}

static void sum_up(const struct config *c, const struct osso_steer *list, size_t n, struct added *a)
{
    for (size_t s = 0; s < n; s++)
        for (int l = 0; l < c->n_layers; l++) {
            if (!takes(&list[s], l))
                continue;
            const float *d = osso_steering_direction(list[s].vector, l);
            layers_add(&a->layers, l);
            for (int64_t i = 0; i < c->hidden; i++)
                a->by_layer[l * c->hidden + i] += (float)(list[s].strength * d[i]);
        }
}

enum osso_status osso_session_steer(struct osso_session *session, const struct osso_steer *list, size_t n,
                                    struct osso_error *err)
{
    const struct config *c = &session->engine->config;
    enum osso_status status = OSSO_OK;
    for (size_t i = 0; i < n && !status; i++)
        status = check_vector(c, &list[i], err);
    if (status)
        return status;
    struct added *a = mem_alloc(sizeof *a);
    float *by_layer = mem_array((size_t)c->n_layers * (size_t)c->hidden, sizeof *by_layer);
    if (!a || !by_layer) {
        mem_free(a);
        mem_free(by_layer);
        return error_nomem(err, (unsigned long long)c->n_layers * (unsigned long long)c->hidden * sizeof(float),
                           "what steers");
    }
    *a = (struct added){.width = c->hidden, .owners = 1, .by_layer = by_layer};
    sum_up(c, list, n, a);
    struct osso_tap_options tap = {.size = sizeof tap,
                                   .taps = (uint64_t)1 << OSSO_TAP_RESID_POST,
                                   .replaces = (uint64_t)1 << OSSO_TAP_RESID_POST,
                                   .layers = &a->layers,
                                   .fn = add,
                                   .user = a,
                                   .hold = hold};
    status = osso_session_set_tap(session, layers_count(&a->layers, c->n_layers) ? &tap : NULL, err);
    hold(a, -1);
    return status;
}
