/* model_name.h: what people call a model: a path, a folder of a hub cache, or a name that is no path. */
#ifndef OSSO_CLI_MODEL_NAME_H
#define OSSO_CLI_MODEL_NAME_H

#include "cli/options.h"

#include "osso/status.h"

/* The path that is meant (mem_free it): a path, a name of what any store on this disk holds, or what a person, asked on
 * the terminal or by --yes, lets be fetched. Else NOTFOUND, with what to do. options NULL: nothing is fetched. */
enum osso_status model_name_resolve(const struct options *options, const char *given, char **path_out,
                                    struct osso_error *err);

#endif
