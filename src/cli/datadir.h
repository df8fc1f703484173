/* datadir.h: where an installed osso keeps its models. */
#ifndef OSSO_CLI_DATADIR_H
#define OSSO_CLI_DATADIR_H

/* "/usr/local/share/osso" */
const char *datadir(void);

#endif
