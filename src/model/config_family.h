/* config_family.h: the starting point of every reader of configurations. */
#ifndef OSSO_MODEL_CONFIG_FAMILY_H
#define OSSO_MODEL_CONFIG_FAMILY_H

#include "model/config.h"

/* What holds where a file is silent: the values that all published gpt-oss models share. The sizes stay 0. */
void config_family(struct config *config_out);
/* The family's own rotary encoding (YaRN, bounds not rounded). */
void config_family_rope(struct config *config);

#endif
