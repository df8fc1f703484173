/* verb_completion.c: prints the script that lets a shell complete osso's words; make install keeps them all. */
#include "cli/completion.h"
#include "cli/options.h"
#include "cli/out.h"

int verb_completion(const struct options *o)
{
    const char *script = completion_script(o->operand[0]);
    if (!script) {
        say("there is no completion for '%s'; there is for %s", o->operand[0], o->verb->operands);
        return 2;
    }
    out_puts(script);
    return 0;
}
