/* observe.c: what a session's tap shows, as its hooks have it: as it is, or made of it, and back. */
#include "inspect/observe.h"

#include "osso/model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* What a hook is made of, and its place. */
struct showing {
    const struct observer *o;
    const struct hook *hook;
    const struct osso_tap_value *tap;
    size_t index;
    int64_t width;
};

/* n rows from row `first` of the step on. */
static int show(const struct showing *s, int first, int n, float *values, int32_t *ids)
{
    const struct osso_tap_value *t = s->tap;
    struct osso_hook_value v = {.size = sizeof v,
                                .session = t->session,
                                .index = s->index,
                                .layer = s->hook->layer,
                                .expert = s->hook->expert,
                                .n_rows = n,
                                .width = s->width,
                                .values = values,
                                .ids = ids,
                                .positions = t->positions + first,
                                .tokens = t->tokens + first,
                                .replayed = t->replayed + first,
                                .n_heads = t->n_heads,
                                .n_keys = t->n_keys};
    return s->o->fn(s->o->user, &v);
}

/* The order of a row's k chosen experts by falling weight; the lower id first where they are equal. */
static void order_of(const float *weights, int k, int *order)
{
    for (int i = 0; i < k; i++) {
        int at = i;
        for (; at > 0 && weights[order[at - 1]] < weights[i]; at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
}

static void make_norm(const struct showing *s, const float *x, float *to)
{
    int64_t hidden = s->tap->width;
    double squares = 0;
    for (int64_t i = 0; i < hidden; i++)
        squares += (double)x[i] * (double)x[i];
    double rms = sqrt(squares / (double)hidden + s->o->hooks->config->rms_eps);
    if (s->hook->row->form == HOOK_SCALE)
        *to = (float)rms;
    else
        for (int64_t i = 0; i < hidden; i++)
            to[i] = (float)((double)x[i] / rms);
}

static void make_sink(const struct showing *s, const float *lse, float *to)
{
    const struct osso_hooks *h = s->o->hooks;
    const float *sinks = s->o->sinks + (size_t)s->hook->layer * (size_t)h->config->n_heads;
    for (int i = 0; i < h->n_heads; i++)
        to[i] = (float)exp((double)sinks[h->heads[i]] - (double)lse[h->heads[i]]);
}

/* The chosen heads of a row of all, there (or back into the row). */
static void move_heads(const struct osso_hooks *h, float *row, float *chosen, bool back)
{
    int64_t d = h->config->head_dim;
    for (int i = 0; i < h->n_heads; i++) {
        float *a = row + h->heads[i] * d, *b = chosen + i * d;
        memcpy(back ? a : b, back ? b : a, (size_t)d * sizeof *a);
    }
}

/* What stands in a row of routing or of its slots, in the order of falling weights (or back into ascending ids). */
static void move_chosen(const struct showing *s, int r, float *slots, float *sorted, int64_t width, bool back)
{
    int order[OBSERVE_CHOSEN], k = s->o->hooks->config->experts_per_token;
    order_of(s->tap->weights + (int64_t)r * k, k, order);
    for (int i = 0; i < k; i++) {
        float *a = slots + order[i] * width, *b = sorted + i * width;
        memcpy(back ? a : b, back ? b : a, (size_t)width * sizeof *a);
    }
}

static void make_routing(const struct showing *s, int r, float *to)
{
    int order[OBSERVE_CHOSEN], k = s->o->hooks->config->experts_per_token;
    const float *weights = s->tap->weights + (int64_t)r * k;
    const int32_t *ids = s->tap->experts + (int64_t)r * k;
    if (s->hook->row->form == HOOK_DENSE) {
        memset(to, 0, (size_t)s->width * sizeof *to);
        for (int i = 0; i < k; i++)
            to[ids[i]] = weights[i];
        return;
    }
    order_of(weights, k, order);
    for (int i = 0; i < k; i++)
        memcpy(&to[i], &ids[order[i]], sizeof *ids);
}

/* One row of a hook that is made anew; `back`: what was replaced goes where it came from. */
static void make_row(const struct showing *s, int r, float *to, bool back)
{
    const struct osso_tap_value *t = s->tap;
    float *row = t->values + (int64_t)r * t->slots * t->width;
    switch (s->hook->row->form) {
    case HOOK_ROW: move_heads(s->o->hooks, row, to, back); break;
    case HOOK_SORTED: move_chosen(s, r, row, to, 1, back); break;
    case HOOK_CHOICES: move_chosen(s, r, row, to, t->width, back); break;
    case HOOK_SINK: make_sink(s, row, to); break;
    case HOOK_INDICES:
    case HOOK_DENSE: make_routing(s, r, to); break;
    default: make_norm(s, row, to);
    }
}

enum osso_status observe_results(const struct osso_hooks *h, int layer, const struct head_rows *z, int n, float *o_rows,
                                 float *to, int64_t to_row, struct osso_error *err)
{
    int64_t d = h->config->head_dim, hidden = h->config->hidden, width = h->config->n_heads * d;
    char name[32];
    snprintf(name, sizeof name, "layers.%d.o", layer);
    for (int64_t i = 0; i < hidden; i++) {
        int64_t at = i % OBSERVE_O_ROWS, left = hidden - i;
        enum osso_status status = OSSO_OK;
        if (at == 0)
            status = osso_model_tensor_rows(h->model, name, i, left < OBSERVE_O_ROWS ? left : OBSERVE_O_ROWS, o_rows,
                                            err);
        if (status)
            return status;
        for (int r = 0; r < n; r++)
            for (int a = 0; a < h->n_heads; a++) {
                const float *mine = z->values + r * z->row + (z->chosen ? a : h->heads[a]) * d;
                const float *w = o_rows + at * width + h->heads[a] * d;
                double sum = 0;
                for (int64_t k = 0; k < d; k++)
                    sum += (double)mine[k] * (double)w[k];
                to[r * to_row + a * hidden + i] = (float)sum;
            }
    }
    return OSSO_OK;
}

static int make_results(const struct showing *s, int first, int n, float *to)
{
    struct head_rows z = {s->tap->values + first * s->tap->width, s->tap->width, false};
    struct osso_error err;
    return observe_results(s->o->hooks, s->hook->layer, &z, n, s->o->o_rows, to, s->width, &err) != OSSO_OK;
}

static int show_made(const struct showing *s)
{
    const struct osso_tap_value *t = s->tap;
    int rows = t->n_rows / t->slots, piece = s->width < OBSERVE_PIECE ? (int)(OBSERVE_PIECE / s->width) : 1, end = 0;
    bool ids = s->hook->row->form == HOOK_INDICES;
    float *made = s->o->made;
    for (int first = 0; first < rows && !end; first += piece) {
        int n = rows - first < piece ? rows - first : piece;
        if (s->hook->row->form == HOOK_RESULT)
            end = make_results(s, first, n, made);
        else
            for (int r = 0; r < n; r++)
                make_row(s, first + r, made + r * s->width, false);
        if (!end)
            end = show(s, first, n, ids ? NULL : made, ids ? (int32_t *)(void *)made : NULL);
        for (int r = 0; s->o->replace && r < n; r++)
            make_row(s, first + r, made + r * s->width, true);
    }
    return end;
}

/* The rows that chose one expert, with positions of their own. */
static int show_expert(struct observer *o, struct showing *s)
{
    struct osso_tap_value t = *s->tap;
    int n = 0;
    for (int r = 0; r < t.n_rows; r++)
        if (t.experts[r] == s->hook->expert) {
            o->slots[n] = r;
            o->positions[n] = t.positions[r / t.slots];
            o->tokens[n] = t.tokens[r / t.slots];
            o->replayed[n++] = t.replayed[r / t.slots];
        }
    int piece = (int)(OBSERVE_PIECE / s->width > 0 ? OBSERVE_PIECE / s->width : 1), end = 0;
    s->tap = &t;
    t.positions = o->positions;
    t.tokens = o->tokens;
    t.replayed = o->replayed;
    for (int first = 0; first < n && !end; first += piece) {
        int rows = n - first < piece ? n - first : piece;
        for (int i = 0; i < rows; i++)
            memcpy(o->made + i * s->width, t.values + o->slots[first + i] * t.width, (size_t)t.width * sizeof(float));
        end = show(s, first, rows, o->made, NULL);
        for (int i = 0; o->replace && i < rows; i++)
            memcpy(t.values + o->slots[first + i] * t.width, o->made + i * s->width, (size_t)t.width * sizeof(float));
    }
    return end;
}

bool observe_makes(const struct osso_hooks *hooks, const struct hook *hook)
{
    bool some_heads = hook->row->axes[1] == HEADS && hooks->n_heads < hooks->config->n_heads;
    return hook->row->form != HOOK_ATTENTION && (hook->row->form != HOOK_ROW || some_heads);
}

static int show_hook(struct observer *o, size_t index, const struct osso_tap_value *t)
{
    const struct hook *hook = &o->hooks->list[index];
    struct showing s = {o, hook, t, index, hook_width(o->hooks, hook)};
    if (hook->row->form == HOOK_ATTENTION)
        s.width = t->width;
    if (!observe_makes(o->hooks, hook))
        return show(&s, 0, t->n_rows, t->values, t->ids);
    return hook->row->form == HOOK_EXPERT ? show_expert(o, &s) : show_made(&s);
}

int observe_tap(void *user, const struct osso_tap_value *t)
{
    struct observer *o = user;
    int end = 0;
    for (size_t i = 0; i < o->hooks->n && !end; i++)
        if (o->hooks->list[i].row->tap == t->tap && o->hooks->list[i].tap_layer == t->layer)
            end = show_hook(o, i, t);
    return end;
}
