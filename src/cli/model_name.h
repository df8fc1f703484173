/* model_name.h: what people call a model: a path, a folder of a hub cache, or a name that is no path. */
#ifndef OSSO_CLI_MODEL_NAME_H
#define OSSO_CLI_MODEL_NAME_H

#include "osso/status.h"

/* The path that is meant (mem_free it). A name of a hub, an ollama tag or an address is NOTFOUND, with what to do. */
enum osso_status model_name_resolve(const char *given, char **path_out, struct osso_error *err);

#endif
