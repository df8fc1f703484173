/* shares.c: see shares.h. */
#include "measure/shares.h"

#include <stddef.h>
#include <string.h>

const struct share *share_of(const char *isa)
{
    static const struct share shares[] = {
#define SHARE(isa, decode, prefill, needs) {#isa, decode, prefill, needs},
#include "measure/shares.def"
    };
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++)
        if (strcmp(shares[i].isa, isa) == 0)
            return &shares[i];
    return NULL;
}
