/* table__i8mm.c: the kernels of NEON with SMMLA: the integer linear ones are its own. */
#include "backend/cpu/arm/overlay_arm.h"

extern const struct kernels kernels__i8mm;
const struct kernels kernels__i8mm = {
#define LINEAR_I8(name, dtype) .name = name##__i8mm,
#define KERNEL(name, type) .name = name##__neon,
#include "backend/cpu/kernels.def"
#undef KERNEL
};
