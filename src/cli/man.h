/* man.h: manual pages, in roff, of the tables of verbs and options, on standard output. */
#ifndef OSSO_CLI_MAN_H
#define OSSO_CLI_MAN_H

#include "cli/options.h"

/* osso(1): all verbs, all options. */
void man_program(void);
/* osso-VERB(1): one verb, and the options that it takes. */
void man_verb(const struct verb *verb);

#endif
