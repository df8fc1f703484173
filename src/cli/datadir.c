/* datadir.c: where `make install` puts what is read at run time. The only object that knows it, so that another PREFIX
 * rebuilds no other. */
#include "cli/datadir.h"

const char *datadir(void)
{
    return OSSO_DATADIR;
}
