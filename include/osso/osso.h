/* osso.h: the door to libosso: gpt-oss models in C.
 *
 * Chapters: status.h (errors), text.h (tokens and messages), model.h (model files), engine.h (running a model),
 * answer.h (what comes of it), convert.h (other forms and types of file). Every call that can fail returns an
 * osso_status and explains itself in a caller-owned struct osso_error; results are
 * `_out` parameters, NULL on failure; option structs begin with their own size. The library never prints, never exits,
 * and keeps no state outside its handles.
 *
 * The way of a token goes on in src/harmony/harmony_render.c (docs/tour.md). */
#ifndef OSSO_H
#define OSSO_H

#include "osso/answer.h"
#include "osso/convert.h"
#include "osso/engine.h"
#include "osso/model.h"
#include "osso/status.h"
#include "osso/text.h"

#endif
