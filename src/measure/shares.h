/* shares.h: what the kernels of an instruction set make of the ceilings, by the table shares.def. */
#ifndef OSSO_MEASURE_SHARES_H
#define OSSO_MEASURE_SHARES_H

struct share {
    const char *isa;
    double decode, prefill;
    const char *needs;
};
/* NULL: the table does not know it. */
const struct share *share_of(const char *isa);

#endif
