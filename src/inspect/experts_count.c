/* experts_count.c: each text runs once, and its rows' choices are counted as they come. */
#include "inspect/experts_parts.h"

#include "base/clock.h"
#include "base/error.h"
#include "model/layers.h"

/* ---- rows */

int64_t experts_position(const struct experts *x, size_t text, size_t i)
{
    int64_t n = (int64_t)x->o.lengths[text], at = x->o.positions[i];
    at += at < 0 ? n : 0;
    return at >= 0 && at < n ? at : -1;
}

size_t experts_rows(struct experts *x, size_t text, size_t *last_out)
{
    size_t n = x->o.lengths[text], rows = 0;
    for (size_t p = 0; p < n; p++)
        x->row_of[p] = x->o.n_positions ? -1 : 0;
    for (size_t i = 0; i < x->o.n_positions; i++)
        x->row_of[experts_position(x, text, i)] = 0;
    for (size_t p = 0; p < n; p++)
        if (x->row_of[p] == 0) {
            x->row_of[p] = (int64_t)(x->base + rows++);
            *last_out = p;
        }
    return rows;
}

/* ---- choices */

static void note_row(struct experts *x, int layer, size_t row, const int32_t *ids, const float *weights)
{
    struct osso_experts_result *r = &x->r;
    size_t at = ((size_t)layer * r->rows + row) * (size_t)r->chosen;
    for (int i = 0; i < r->chosen; i++) {
        int to = i; /* by falling weight; of equal ones the lower id first */
        for (; to > 0 && r->weights[at + (size_t)to - 1] < weights[i]; to--) {
            r->weights[at + (size_t)to] = r->weights[at + (size_t)to - 1];
            r->experts[at + (size_t)to] = r->experts[at + (size_t)to - 1];
        }
        r->weights[at + (size_t)to] = weights[i];
        r->experts[at + (size_t)to] = ids[i];
        r->load[expert_place(x, layer, ids[i])]++;
        r->weight[expert_place(x, layer, ids[i])] += (double)weights[i];
        for (int j = 0; j < r->chosen; j++)
            r->together[expert_place(x, layer, ids[i]) * (size_t)r->n_experts + (size_t)ids[j]]++;
    }
}

static int see(void *user, const struct osso_tap_value *v)
{
    struct experts *x = user;
    int32_t *first = x->first + x->text * expert_place(x, x->r.n_layers, 0);
    int k = x->r.chosen;
    for (int r = 0; r < v->n_rows; r++) {
        if (v->replayed[r])
            continue;
        int64_t row = x->row_of[v->positions[r]];
        for (int i = 0; i < k; i++) {
            int32_t *f = &first[expert_place(x, v->layer, v->experts[r * k + i])];
            *f = *f < 0 ? v->positions[r] : *f;
        }
        if (row >= 0)
            note_row(x, v->layer, (size_t)row, v->experts + r * k, v->weights + r * k);
    }
    return 0;
}

static void note_classes(struct experts *x)
{
    struct osso_experts_result *r = &x->r;
    for (size_t row = 0; row < r->rows && r->n_classes; row++) {
        int class = x->o.class_of(x->o.user, r->id[row]);
        class = class < 0 ? 0 : class < r->n_classes ? class : r->n_classes - 1;
        r->classes[class]++;
        for (int l = 0; l < r->n_layers; l++)
            for (int i = 0; i < r->chosen && layers_have(&x->layers, l); i++) {
                int e = r->experts[((size_t)l * r->rows + row) * (size_t)r->chosen + (size_t)i];
                r->by_class[((size_t)l * (size_t)r->n_classes + (size_t) class) * (size_t)r->n_experts + (size_t)e]++;
            }
    }
}

static enum osso_status run_text(struct experts *x, uint64_t total, struct osso_error *err)
{
    struct osso_session *s;
    size_t last, n = x->o.lengths[x->text], rows = experts_rows(x, x->text, &last);
    const int32_t *ids = x->o.texts[x->text];
    struct osso_tap_options tap = {
        .size = sizeof tap, .taps = (uint64_t)1 << OSSO_TAP_EXPERT_WEIGHTS, .layers = &x->layers, .fn = see, .user = x};
    enum osso_status status = osso_session_create(x->engine, 0, &s, err);
    if (status)
        return status;
    status = osso_session_sync(s, ids, n, err);
    if (!status)
        status = osso_session_set_tap(s, &tap, err);
    for (size_t p = 0; p < n && !status; p++)
        if (x->row_of[p] >= 0) {
            size_t row = (size_t)x->row_of[p];
            x->r.text[row] = (int32_t)x->text, x->r.id[row] = ids[p], x->r.position[row] = (int64_t)p;
        }
    while (!status && !osso_session_ready(s)) {
        status = osso_step(x->engine, &s, 1, 0, err);
        uint64_t done = x->text_tokens + osso_session_computed(s);
        if (!status && x->o.progress && x->o.progress(x->o.user, done, total))
            status = error_set(err, OSSO_CANCELLED, "ended after %llu of %llu tokens", (unsigned long long)done,
                               (unsigned long long)total);
    }
    osso_session_free(s);
    x->base += rows;
    x->text_tokens += n;
    return status;
}

enum osso_status experts_count(struct experts *x, struct osso_error *err)
{
    enum osso_status status = OSSO_OK;
    uint64_t total = 0;
    for (size_t t = 0; t < x->o.n_texts; t++)
        total += x->o.lengths[t];
    double start = clock_seconds();
    for (x->text = 0; x->text < x->o.n_texts && !status; x->text++)
        status = run_text(x, total, err);
    x->seconds = clock_seconds() - start;
    if (!status)
        note_classes(x);
    return status;
}
