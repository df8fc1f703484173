/* enter.c: rows that enter the forward pass in the middle. What a tap changes in one layer leaves the layers below as
 * they were, so a fork that is changed there need not compute them: their K and V stand in the pages of the run that it
 * was made from, and what comes out of them was kept. The bits are those of the whole run. */
#include "engine/engine_parts.h"

#include "base/must.h"
#include "model/layers.h"

float *stream_at(const struct stream *t, int layer, size_t pos)
{
    size_t row = layers_count(&t->layers, layer) * (t->end - t->first) + (pos - t->first);
    return t->values + row * (size_t)t->hidden;
}

/* The embedding comes before every layer, the final norm and the logits behind. */
static int first_seen(const struct tap_spec *tap)
{
    int layer = 0;
    if (tap->in[0] >> OSSO_TAP_EMBED & 1)
        return 0;
    while (layer + 1 < tap->n_layers && !tap->in[layer + 1])
        layer++;
    return layer;
}

void session_enter(struct osso_session *s, const struct osso_session *of, const struct stream *stream)
{
    struct kv_pool *kv = &s->engine->kv;
    must(s->tap && s->n == of->n && of->next >= of->computed && of->computed >= stream->end);
    if (s->next < s->computed)
        return;
    for (int g = 0; g < KV_GROUPS; g++)
        for (int i = (int)((s->computed + KV_PAGE - 1) / KV_PAGE); i < of->kv.n_slots; i++) {
            int32_t page = of->kv.page[g][i];
            if (page >= 0)
                kv_page_ref(kv, page);
            kv_seq_set(kv, &s->kv, (enum kv_group_id)g, i, page);
        }
    s->stream = stream;
    s->enters = first_seen(s->tap);
}

/* Of the session's next n rows. */
static int can_enter(const struct osso_session *s, size_t n)
{
    const struct stream *t = s->stream;
    bool kept = t && s->next >= t->first && s->next + n <= t->end;
    must(!t || s->next >= s->computed);
    return kept ? s->enters : 0;
}

static bool all_kept(const struct osso_engine *e, int n_seqs, int layer)
{
    bool all = true;
    for (int i = 0; i < n_seqs && all; i++)
        all = layers_have(&e->in_step[i]->stream->layers, layer);
    return all;
}

void enter_begin(struct osso_engine *e, int n_seqs)
{
    int layer = e->config.n_layers, row = 0;
    for (int i = 0; i < n_seqs; i++) {
        int own = can_enter(e->in_step[i], (size_t)e->take[i]);
        layer = own < layer ? own : layer;
    }
    while (layer > 0 && !all_kept(e, n_seqs, layer))
        layer--;
    for (int i = 0; i < n_seqs && layer > 0; i++)
        for (int r = 0; r < e->take[i]; r++)
            e->entering[row++] = stream_at(e->in_step[i]->stream, layer, e->in_step[i]->next + (size_t)r);
    e->forward.first_layer = layer;
    e->forward.entering = e->entering;
}
