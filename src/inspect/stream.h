/* stream.h: the residual stream of a text, kept for runs that begin in the middle of it (engine/enter.c). */
#ifndef OSSO_INSPECT_STREAM_H
#define OSSO_INSPECT_STREAM_H

#include "engine/engine_parts.h"

/* For n tokens, of which runs begin at `first` or later, in one of these layers. */
struct stream stream_of(const struct osso_engine *engine, const struct osso_layers *layers, size_t first, size_t n);
uint64_t stream_bytes(const struct stream *stream);
/* Runs the text and keeps what enters the layers; stream_free frees. */
enum osso_status stream_keep(struct osso_engine *engine, const int32_t *ids, struct stream *stream,
                             struct osso_error *err);
void stream_free(struct stream *stream);

#endif
