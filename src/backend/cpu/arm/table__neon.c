/* table__neon.c: the kernels of plain NEON, all of them its own. */
#include "backend/cpu/arm/overlay_arm.h"

extern const struct kernels kernels__neon;
const struct kernels kernels__neon = {
#define KERNEL(name, type) .name = name##__neon,
#include "backend/cpu/kernels.def"
#undef KERNEL
};
