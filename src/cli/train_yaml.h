/* train_yaml.h: a configuration file of a training run. */
#ifndef OSSO_CLI_TRAIN_YAML_H
#define OSSO_CLI_TRAIN_YAML_H

#include "osso/train.h"

/* Every key of a YAML file, in whatever section it stands; errors say file:line. UNSUPPORTED without libyaml. */
enum osso_status train_yaml_read(const char *path, struct osso_train_config *config, struct osso_error *err);

#endif
