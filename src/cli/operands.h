/* operands.h: what the words without a dash mean, and flags that would do nothing. */
#ifndef OSSO_CLI_OPERANDS_H
#define OSSO_CLI_OPERANDS_H

#include "cli/options.h"

/* A text among the operands becomes the value of -p; what is left names a model or a file. */
enum osso_status operands_place(struct options *options, struct osso_error *err);
/* USAGE for a flag of the command line that has no effect beside, or without, another (vain.def). */
enum osso_status flags_in_vain(const struct options *options, struct osso_error *err);
/* USAGE for an --isa that this machine cannot run. */
enum osso_status isa_is_known(const struct options *options, struct osso_error *err);

#endif
