/* help.h: the tables of verbs and options for people, on standard output. */
#ifndef OSSO_CLI_HELP_H
#define OSSO_CLI_HELP_H

#include "cli/options.h"

void help_program(void);
void help_verb(const struct verb *verb);
/* The verbs of two words that begin with this one. */
void help_family(const char *first);
/* "-n, --n-predict N", "-np, --parallel N", as snprintf does. */
int help_synopsis(const struct option *option, char *text, size_t size);

#endif
