/* verb_info.c: what a model file holds, without reading its weights. */
#include "cli/options.h"
#include "cli/out.h"

int verb_info(const struct options *o)
{
    (void)o;
    say("not yet");
    return 1;
}
