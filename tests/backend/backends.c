/* backends.c: the list of backends for test programs: the product's, and those that only tests have. */
#define BACKENDS_BESIDE BACKEND(far) BACKEND(kept)
#include "../../src/backend/backends.c"
