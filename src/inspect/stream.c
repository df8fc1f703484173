/* stream.c: the residual stream of a text, kept. */
#include "inspect/stream.h"

#include "base/error.h"
#include "base/mem.h"
#include "inspect/one_text.h"
#include "model/layers.h"

#include <string.h>

struct stream stream_of(const struct osso_engine *engine, const struct osso_layers *layers, size_t first, size_t n)
{
    struct stream stream = {.layers = *layers, .first = first, .end = n, .hidden = engine->config.hidden};
    stream.layers.bits[0] &= ~(uint64_t)1;
    return stream;
}

static size_t rows_of(const struct stream *s)
{
    return layers_count(&s->layers, OSSO_TAP_LAYERS) * (s->end - s->first);
}

uint64_t stream_bytes(const struct stream *s)
{
    return (uint64_t)rows_of(s) * (uint64_t)s->hidden * sizeof *s->values;
}

static int keep(void *user, const struct osso_tap_value *v)
{
    const struct stream *s = user;
    memcpy(stream_at(s, v->layer, (size_t)v->positions[0]), v->values,
           (size_t)(v->n_rows * v->width) * sizeof *v->values);
    return 0;
}

enum osso_status stream_keep(struct osso_engine *engine, const int32_t *ids, struct stream *s, struct osso_error *err)
{
    struct osso_tap_options tap = {.size = sizeof tap,
                                   .taps = (uint64_t)1 << OSSO_TAP_RESID_PRE,
                                   .layers = &s->layers,
                                   .first = (int64_t)s->first,
                                   .fn = keep,
                                   .user = s};
    size_t rows = rows_of(s);
    if (rows == 0) /* runs that are changed in the first layer alone begin there */
        return OSSO_OK;
    s->values = mem_array(rows, (size_t)s->hidden * sizeof *s->values);
    if (!s->values)
        return error_nomem(err, stream_bytes(s), "the residual stream of a run: --layers takes fewer");
    return one_text_tap(engine, ids, s->end, &tap, err);
}

void stream_free(struct stream *s)
{
    mem_free(s->values);
    s->values = NULL;
}
