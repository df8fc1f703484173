/* verb_man.c: prints the manual page; make install keeps it. */
#include "cli/help.h"

int verb_man(const struct options *options)
{
    (void)options;
    help_man();
    return 0;
}
