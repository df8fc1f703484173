/* isa.c: the instruction sets this machine can run, for people: best first. */
#include "backend/backend.h"
#include "osso/engine.h"

#include <stddef.h>

const char *osso_isa_name(int i)
{
    int n = 0;
    while (backend_cpu_isa(n))
        n++;
    for (n--; n >= 0; n--) /* the backend's list goes from weak to strong */
        if (backend_cpu_available(backend_cpu_isa(n)) && i-- == 0)
            return backend_cpu_isa(n);
    return NULL;
}
