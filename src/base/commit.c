/* commit.c: which commit this is. The only object that knows it, so that a commit rebuilds no other. */
#include "osso/status.h"

/* The Makefile asks git. Where it knows nothing, this may be a tarball of `git archive`, which writes the commit in
 * here (.gitattributes). */
static const char archived[] = "$Format:%h$";

const char *osso_commit(void)
{
    if (OSSO_COMMIT[0])
        return OSSO_COMMIT;
    return archived[0] != '$' ? archived : "unknown";
}
