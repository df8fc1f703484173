/* verb_bench.c: how fast. */
#include "cli/options.h"
#include "cli/out.h"

int verb_bench(const struct options *o)
{
    (void)o;
    say("not yet");
    return 1;
}
