/* steer_args.h: --steer: vectors that are added to a run. */
#ifndef OSSO_CLI_STEER_ARGS_H
#define OSSO_CLI_STEER_ARGS_H

#include "cli/options.h"

#include "osso/steer.h"

struct steering;
/* Opens the vectors of --steer for this model; *steering_out NULL: there are none. */
enum osso_status steering_args(const struct options *options, const struct osso_model_dims *dims,
                               struct steering **steering_out, struct osso_error *err);
enum osso_status steering_apply(const struct steering *steering, struct osso_session *session, struct osso_error *err);
void steering_free(struct steering *steering); /* NULL is fine */

#endif
