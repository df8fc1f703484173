/* table__dotprod.c: the kernels of NEON with SDOT: the integer linear ones are its own. */
#include "backend/cpu/arm/overlay_arm.h"

extern const struct kernels kernels__dotprod;
const struct kernels kernels__dotprod = {
#define LINEAR_I8(name, dtype) .name = name##__dotprod,
#define KERNEL(name, type) .name = name##__neon,
#include "backend/cpu/kernels.def"
#undef KERNEL
};
